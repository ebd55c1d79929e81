"""Coverage-guided fuzzing of every reader of tables and transcripts: any bytes give a result or an EgazeError.

    python tests/fuzz/fuzz_tables.py MINUTES [CORPUS]

The input's first byte chooses the file that the rest is written to; the others are whole, and are where fuzzing starts.
The exit code is 0 without a finding. Fuzzing goes in slices, each in a process of its own: atheris 3.0 keeps the result
of every comparison of arrays, some 90 kB an execution.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["egaze.sources", "json"]):
    from egaze.errors import EgazeError
    from egaze.sources import EgdCxr, Table
    from egaze.sources.egd_cxr.annotations import read_transcript
    from egaze.sources.records import read_blocks

from egaze.sources.egd_cxr.columns import GAZE, MASTER_SHEET

DICOM_ID = "facade00-00000000-11111111-22222222-33333333"
SHEET = {"dicom_id": DICOM_ID, "path": "files/a.dcm", "patient_id": "1", "Normal": "1", "CHF": "0", "pneumonia": "0"}
SHEET |= {"image_top_pad": "0", "image_bottom_pad": "0", "image_left_pad": "534", "image_right_pad": "534"}
ROW = dict.fromkeys(GAZE, "1") | {"DICOM_ID": DICOM_ID, "FPOGX": "0.5", "FPOGY": "0.5", "X_ORIGINAL": "1272"}


def csv_of(columns, *rows) -> bytes:
    return "\n".join(
        [",".join(columns), *(",".join(row.get(name, "") for name in columns) for row in rows), ""]
    ).encode()


WHOLE = {
    "cases.csv": b'case_id,image,patient_id,label,split\na,a.png,1,chf,train\n"b",b.png,2,,\n',
    "case_fixations.csv": b"case_id,x_px,y_px,duration_s,onset_s,pixels_per_degree\na,1,2,.3,.1,30\nb,4,5.5,.6,1,30\n",
    "master_sheet.csv": csv_of(MASTER_SHEET, SHEET),
    "fixations.csv": csv_of(GAZE, ROW | {"DICOM_ID": DICOM_ID[:-5]}, ROW, ROW | {"FPOGID": "2"}),
    "eye_gaze.csv": csv_of(GAZE, ROW | {"DICOM_ID": DICOM_ID[:-5]}, ROW, ROW | {"CNT": "2"}),
    "bounding_boxes.csv": b"dicom_id,bbox_name,x1,x2,y1,y2\n" + DICOM_ID.encode() + b",left lung,1,2,3,4\n",
    "transcript.json": b'{"full_text": "a", "time_stamped_text": [{"phrase": "a", "begin_time": 0, "end_time": 1}]}',
}
NAMES = tuple(WHOLE)
# What the mutator puts in.
WORDS = (
    b'"',
    b'""',
    b',"',
    b"\r\n",
    b"\n\n",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"1e400",
    b"1e39",
    b"nan",
    b"-2",
    b"1.0",
    b"../",
)
WORDS += (
    b"\\",
    b" ",
    DICOM_ID.encode(),
    DICOM_ID[:-5].encode(),
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\\ud800",
    b"[[[[",
    b"1e-60",
)


def read(folder: Path, name: str) -> None:
    """Everything that reads this file."""
    if name.startswith("case"):
        Table(folder / "cases.csv", folder / "case_fixations.csv").cases()
    elif name == "transcript.json":
        read_transcript(folder / name)
    elif name == "eye_gaze.csv":
        EgdCxr(folder, folder, gaze_table="eye-gaze", recalibrate=True).cases()
    else:
        EgdCxr(folder, folder).cases()


def check_blocks(path: Path) -> None:
    """Blocks hold what they promise."""
    following = 0
    for block in read_blocks(path):
        assert block.first == following and block.records > 0
        assert block.data.endswith(b"\n") and b"\0" not in block.data
        block.data.decode()
        following += block.records


def try_one(folder: Path, data: bytes) -> None:
    name = NAMES[data[0] % len(NAMES)] if data else NAMES[0]
    (folder / name).write_bytes(data[1:])
    try:
        check_blocks(folder / name)
    except EgazeError as error:
        require_one_line(error)
    try:
        read(folder, name)
    except EgazeError as error:
        require_one_line(error)
    finally:
        (folder / name).write_bytes(WHOLE[name])


def require_one_line(error: EgazeError) -> None:
    assert str(error).isprintable() and len(str(error)) < 2000, repr(error)


def fuzz_slice(corpus: str) -> None:
    """Some minutes of fuzzing in this process; libFuzzer ends it."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        for file, content in WHOLE.items():
            (folder / file).write_bytes(content)
        whole = folder / "whole"
        whole.mkdir()
        for number, (file, content) in enumerate(WHOLE.items()):
            read(folder, file)
            (whole / file).write_bytes(bytes([number]) + content)
        words = ["".join(f"\\x{byte:02x}" for byte in word) for word in WORDS]
        (folder / "words").write_text("".join(f'"{word}"\n' for word in words))
        limits = ["-runs=10000", "-rss_limit_mb=3000", "-timeout=10", "-max_len=20000", f"-dict={folder / 'words'}"]
        atheris.Setup([sys.argv[0], *limits, corpus, str(whole)], lambda data: try_one(folder, data))
        atheris.Fuzz()


def main() -> None:
    if sys.argv[1] == "--slice":
        fuzz_slice(sys.argv[2])
    end = time.monotonic() + 60 * float(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        corpus = sys.argv[2] if len(sys.argv) > 2 else temporary
        Path(corpus).mkdir(exist_ok=True)
        while time.monotonic() < end:
            if code := subprocess.run([sys.executable, __file__, "--slice", corpus]).returncode:
                sys.exit(code)


if __name__ == "__main__":
    main()
