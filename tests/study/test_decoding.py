"""Worker processes: what they do when they die, and that memory stays flat."""

import json
import subprocess
import sys

import pytest

from egaze.errors import StudyError
from egaze.study import prepare_study

# Loaded by every interpreter that starts with this folder on PYTHONPATH: radiographs of these names end the worker that
# reads them, as a decoder's crash or the system's out-of-memory killer would.
DEADLY = """
import os, signal
from egaze.study import decoding, placing

def place(path, canvas):
    for name in ("SIGSEGV", "SIGABRT", "SIGKILL"):
        if path.stem.startswith(name):
            os.kill(os.getpid(), getattr(signal, name))
    if path.stem.startswith("huge"):
        raise MemoryError
    return placing.place_radiograph(path, canvas)

decoding.place_radiograph = place
"""


@pytest.fixture
def deadly(tmp_path, monkeypatch, many_radiographs):
    """Makes a source of 12 radiographs of which some have these names."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))

    def make(**names):
        source = many_radiographs(12)
        for number, name in names.items():
            case = source.given[int(number.removeprefix("radiograph"))]
            renamed = case.image_path.with_stem(name)
            case.image_path.rename(renamed)
            object.__setattr__(case, "image_path", renamed)
        return source

    return make


def test_a_decoder_s_crash_costs_its_radiograph_only(deadly, tmp_path):
    source = deadly(radiograph0="SIGSEGV0", radiograph5="SIGABRT5")
    made = prepare_study([source], tmp_path / "out", size_px=16, workers=2)
    assert made.manifest["left_out"] == [
        {"case_id": "case0", "reason": "the decoder crashed (SIGSEGV)"},
        {"case_id": "case5", "reason": "the decoder crashed (SIGABRT)"},
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SIGKILL", r"SIGKILL\.png: the process that read this radiograph was ended \(SIGKILL; out of memory\?\)"),
        ("huge", r"huge\.png: not enough memory to read this radiograph"),
    ],
)
def test_no_memory_is_an_error_that_names_the_radiograph(deadly, tmp_path, name, message):
    source = deadly(radiograph6=name)
    with pytest.raises(StudyError, match=message):
        prepare_study([source], tmp_path / "out", size_px=16, workers=2)
    renamed = source.given[6].image_path
    object.__setattr__(source.given[6], "image_path", renamed.rename(renamed.with_stem("radiograph6")))
    assert len(prepare_study([source], tmp_path / "out", size_px=16, workers=2)) == 12


MEASURE = """
import json, resource, sys
from pathlib import Path
from egaze.sources import Table
from egaze.study import prepare_study

def peaks_mb():
    return [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]

peaks = []
for name in ("few", "many"):
    prepare_study([Table(Path(sys.argv[1]) / f"{name}.csv")], Path(sys.argv[1]) / name, size_px=512, workers=2)
    peaks.append(peaks_mb())
print(json.dumps(peaks))
"""


def test_memory_does_not_grow_with_the_radiographs(many_radiographs, tmp_path):
    """240 canvases of 0.5 MB are 126 MB: they would show if they were kept, on either side or in between."""
    given = many_radiographs(240, side_px=600).given
    given[100].image_path.unlink()  # so that the rows are copied in the end
    lines = [f"{case.case_id},{case.image_path.relative_to(tmp_path)},{case.patient_id},{case.label}" for case in given]
    for name, count in (("few", 20), ("many", 240)):
        (tmp_path / f"{name}.csv").write_text("\n".join(["case_id,image,patient_id,label", *lines[:count]]) + "\n")
    done = subprocess.run([sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True)
    (few_self, few_workers), (many_self, many_workers) = json.loads(done.stdout)
    assert many_self - few_self < 25 and many_workers - few_workers < 25, done.stdout
