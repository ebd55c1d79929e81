"""Coverage-guided fuzzing of reading tables and transcripts: any bytes give a result or an EgazeError.

    python tests/fuzz/fuzz_tables.py MINUTES [CORPUS]

The first byte of an input selects a file, and whether the rest of the input replaces its whole content or one cell,
which the second byte selects. All other files are valid. The exit code is 0 if there is no finding. Fuzzing runs in
slices, each in its own process, because atheris 3.0 keeps the results of all comparisons of arrays, about 90 kB per
execution.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import atheris
import numpy as np
from installation import require_ordinary_installation

os.environ["POLARS_MAX_THREADS"] = "1"  # the tables are tiny

with atheris.instrument_imports(include=["egaze.sources", "egaze.tables", "json"]):
    from egaze.errors import EgazeError
    from egaze.sources import EgdCxr, Table, chexpert, nih_cxr14
    from egaze.sources.egd_cxr.annotations import read_boxes, read_transcript
    from egaze.sources.egd_cxr.gaze_rows import GAZE_TABLES, Radiographs, read_gaze
    from egaze.sources.gazesearch import read_scanpaths
    from egaze.sources.mimic_cxr.tables import read_metadata as read_mimic_metadata
    from egaze.sources.mimic_cxr.tables import read_report_labels
    from egaze.sources.reflacx.annotations import read_phrases, read_regions
    from egaze.sources.reflacx.gaze import read_fixations
    from egaze.sources.reflacx.metadata import read_metadata
    from egaze.sources.siim_gaze.gaze import read_gaze as read_gaze_records
    from egaze.sources.siim_gaze.masks import read_masks
    from egaze.sources.vindr_cxr.labels import read_consensus, read_readings
    from egaze.tables import records

import polars as pl

from egaze.sources.egd_cxr.columns import GAZE, MASTER_SHEET
from egaze.sources.reflacx.gaze import _COLUMNS as REFLACX_GAZE
from egaze.sources.reflacx.labels import FINDINGS
from egaze.sources.reflacx.metadata import _COLUMNS as REFLACX
from egaze.sources.report_labels import FINDINGS as CHEXPERT_FINDINGS
from egaze.sources.report_labels import NO_FINDING
from egaze.sources.vindr_cxr.labels import CLASSES as VINDR

DICOM_ID = "facade00-00000000-11111111-22222222-33333333"
SHEET = {"dicom_id": DICOM_ID, "path": "files/a.dcm", "patient_id": "1", "Normal": "1", "CHF": "0", "pneumonia": "0"}
SHEET |= {"image_top_pad": "0", "image_bottom_pad": "0", "image_left_pad": "534", "image_right_pad": "534"}
ROW = dict.fromkeys(GAZE, "1") | {"DICOM_ID": DICOM_ID, "FPOGX": "0.5", "FPOGY": "0.5", "X_ORIGINAL": "1272"}
READING = dict.fromkeys(REFLACX, "1") | {"id": "P300R000001", "split": "train", "dicom_id": DICOM_ID}
READING |= {"eye_tracking_data_discarded": "False", "image": "files/a.dcm"}
LOOK = dict.fromkeys(REFLACX_GAZE, "1") | {"timestamp_end_fixation": "1.5", "x_position": "700", "y_position": "900"}
ELLIPSE = {"xmin": "1", "ymin": "2", "xmax": "30", "ymax": "40", "certainty": "3", "Consolidation": "True"}


CHEXPERT = ("Path", "Frontal/Lateral", "No Finding", *CHEXPERT_FINDINGS)
CHEXPERT_ROW = {"Path": "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg", "No Finding": "1.0"}
CHEXPERT_ROW |= {"Frontal/Lateral": "Frontal", "Edema": "-1.0", "Fracture": "0.0"}
MIMIC = {"dicom_id": DICOM_ID, "subject_id": "90000001", "study_id": "90000002", "ViewPosition": "PA", "Rows": "3056"}
VINDR_ROW = dict.fromkeys(VINDR, "0") | {"image_id": "0a" * 16, "rad_id": "R8", "ILD": "1", "COPD": ""}


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
    "metadata_phase_3.csv": csv_of([*READING, *FINDINGS[3]], READING | dict.fromkeys(FINDINGS[3], "3")),
    "reflacx_fixations.csv": csv_of(LOOK, LOOK, LOOK | {"timestamp_end_fixation": "2"}),
    "anomaly_location_ellipses.csv": csv_of(ELLIPSE, ELLIPSE),
    "chest_bounding_box.csv": b"xmin,ymin,xmax,ymax\n1,2,30,40\n",
    "timestamps_transcription.csv": b"word,timestamp_start_word,timestamp_end_word\nclear,1,1.5\n.,1.5,1.5\n",
    "transcript.json": b'{"full_text": "a", "time_stamped_text": [{"phrase": "a", "begin_time": 0, "end_time": 1}]}',
    "cxr_gaze_data.json": b'[{"image_id": "1.2.3", "gaze_x": [0.5, 1.1], "gaze_y": [0.2, 0], "time": [3, 2]}]',
    "train-rle.csv": b"ImageId,EncodedPixels\n1.2.3,1024 30 994 30\n1.2.3,9000 2\n1.2.4,-1\n",
    "scanpaths.json": b'[{"name": "' + DICOM_ID.encode() + b'.jpg", "task": "edema", "condition": "present", '
    b'"split": "train", "subject": 1, "X": [112, 60], "Y": [100, 150], "T": [2, 1]}]',
    "Data_Entry_2017.csv": b"Image Index,Finding Labels,Patient ID,Patient Age,\n00000001_000.png,Mass|Edema,1,058Y,\n"
    b"00000002_003.png,No Finding,2,061Y,\n",
    "BBox_List_2017.csv": b"Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000001_000.png,Infiltrate,225.8,5,86.7,9\n",
    "test_list.txt": b"00000001_000.png\r\n00000002_003.png",
    "train.csv": csv_of(CHEXPERT, CHEXPERT_ROW, CHEXPERT_ROW | {"Path": "test/patient2/study2/view1_frontal.jpg"}),
    "metadata.csv": csv_of(MIMIC, MIMIC, MIMIC | {"dicom_id": "b", "ViewPosition": "", "Rows": ""}),
    "negbio.csv": csv_of([*MIMIC, *CHEXPERT_FINDINGS, NO_FINDING], MIMIC | {"Edema": "-1.0", NO_FINDING: ""}),
    "image_labels_train.csv": csv_of(VINDR_ROW, VINDR_ROW, VINDR_ROW | {"rad_id": "R17"}),
    "image_labels_test.csv": csv_of(["image_id", *VINDR], VINDR_ROW).replace(b"diseases", b"disease"),
}
NAMES = tuple(WHOLE)
records._READ_BYTES = 512  # so that records extend across the pieces that are read
MIMIC_RADIOGRAPHS = pl.DataFrame({"study_id": ["90000002"], "subject_id": ["90000001"]})
RADIOGRAPHS = Radiographs(pl.Series([DICOM_ID]), np.array([[0, 0, 534, 534]]), np.array([[2544, 3056]]))
# The words that the mutator inserts.
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
    """Read the file with the function for it."""
    if name.startswith("case"):
        Table(folder / "cases.csv", folder / "case_fixations.csv").cases()
    elif name == "master_sheet.csv":
        EgdCxr(folder, folder).cases()
    elif name == "metadata_phase_3.csv":
        read_metadata(folder, folder, [3], 3, Counter())
    elif name == "reflacx_fixations.csv":
        read_fixations(folder / name, (2544, 3056), Counter())
    elif name in {"anomaly_location_ellipses.csv", "chest_bounding_box.csv"}:
        read_regions(folder, Counter())
    elif name == "timestamps_transcription.csv":
        read_phrases(folder, Counter())
    elif name == "bounding_boxes.csv":
        read_boxes(folder / name, [DICOM_ID], {})
    elif name == "transcript.json":
        read_transcript(folder / name)
    elif name == "cxr_gaze_data.json":
        read_gaze_records(folder / name, Counter())
    elif name == "train-rle.csv":
        read_masks(folder / name, ["1.2.3"], Counter())
    elif name == "scanpaths.json":
        read_scanpaths(folder / name, Counter())
    elif name == "BBox_List_2017.csv":
        nih_cxr14.read_boxes(folder / name, Counter())
    elif name in {"Data_Entry_2017.csv", "test_list.txt"}:
        (folder / "train_val_list.txt").touch()
        path = folder / "Data_Entry_2017.csv"
        nih_cxr14.read_lists(folder, path, nih_cxr14.read_entries(path))
    elif name == "metadata.csv":
        read_mimic_metadata(folder / name)
    elif name == "negbio.csv":
        read_report_labels(folder / name, MIMIC_RADIOGRAPHS)
    elif name == "image_labels_train.csv":
        read_readings(folder / name, Counter())
    elif name == "image_labels_test.csv":
        read_consensus(folder / name, Counter())
    elif name == "train.csv":
        chexpert.read_records(folder / name, Counter())
    else:
        table = GAZE_TABLES["fixations" if name == "fixations.csv" else "eye-gaze"]
        read_gaze(folder / name, table, RADIOGRAPHS, name == "eye_gaze.csv", {})


def check_blocks(path: Path) -> None:
    """Assert that the blocks of a file are consecutive and hold whole records."""
    following = 0
    for block in records.read_blocks(path):
        assert block.first == following and block.records > 0
        assert block.data.endswith(b"\n") and b"\0" not in block.data
        block.data.decode()
        following += block.records


def file_of(data: bytes) -> tuple[str, bytes]:
    """The name and the content of the file that an input stands for."""
    choice = data[0] if data else 0
    name = NAMES[choice % 128 % len(NAMES)]
    if choice < 128 or len(data) < 2:
        return name, data[1:]
    cells = re.split(rb"([,\n:])", WHOLE[name])
    cells[2 * (data[1] % (len(cells) // 2))] = data[2:]
    return name, b"".join(cells)


def try_one(folder: Path, data: bytes) -> None:
    name, content = file_of(data)
    (folder / name).write_bytes(content)
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


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """libFuzzer's mutation or, in half of the cases, a hostile word in one cell."""
    draw = random.Random(seed)
    if draw.random() < 0.5:
        return atheris.Mutate(data, max_size)
    return bytes([128 + draw.randrange(128), draw.randrange(256)]) + draw.choice(WORDS)


def fuzz_slice(seconds: str, corpus: str) -> None:
    """Fuzz in this process, which libFuzzer ends."""
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
            (whole / f"cell of {file}").write_bytes(bytes([128 + number, 80]) + b"1")
        words = ["".join(f"\\x{byte:02x}" for byte in word) for word in WORDS]
        (folder / "words").write_text("".join(f'"{word}"\n' for word in words))
        limits = [
            "-runs=10000",
            f"-max_total_time={seconds}",
            "-rss_limit_mb=3000",
            "-timeout=10",
            "-max_len=20000",
            f"-dict={folder / 'words'}",
        ]
        atheris.Setup(
            [sys.argv[0], *limits, corpus, str(whole)], lambda data: try_one(folder, data), custom_mutator=mutate
        )
        atheris.Fuzz()


def main() -> None:
    if sys.argv[1] == "--slice":
        fuzz_slice(*sys.argv[2:])
    end = time.monotonic() + 60 * float(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        corpus = sys.argv[2] if len(sys.argv) > 2 else temporary
        Path(corpus).mkdir(exist_ok=True)
        while (left_s := int(end - time.monotonic())) > 0:
            if code := subprocess.run([sys.executable, __file__, "--slice", str(left_s), corpus]).returncode:
                sys.exit(code)


if __name__ == "__main__":
    require_ordinary_installation()
    main()
