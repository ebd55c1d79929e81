"""Whatever a file holds, a radiograph is read or refused by name, within bounded memory and time, and names nobody."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from imaging.dicom_radiographs import IDENTITY, STORED, voi_lut, write_dicom
from imaging.hostile_radiographs import write_all
from pydicom.uid import JPEGLosslessSV1, RLELossless

from egaze.errors import EgazeError, RadiographError
from egaze.imaging import PRESENTATIONS, read_radiograph, read_stored

MAX_PIXELS = str(1 << 24)

#: What a hostile radiograph may cost. Most are refused before anything is made of them.
MAX_GROWTH_MB = 128
MAX_SECONDS = 10.0

READ_EACH = """
import json, resource, sys, time
from pathlib import Path
from egaze.errors import RadiographError
from egaze.imaging import read_radiograph

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

results = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    before, began = peak_mb(), time.perf_counter()
    try:
        read_radiograph(path)
        message = None
    except RadiographError as error:
        message = str(error)
    results[path.name] = message, peak_mb() - before, time.perf_counter() - began
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The folder of hostile radiographs, and what each message must hold."""
    folder = tmp_path_factory.mktemp("hostile")
    return folder, write_all(folder)


def test_hostile_files_are_refused_with_their_names_within_bounds(hostile):
    folder, expected = hostile
    os.mkfifo(folder / "pipe.dcm")
    environment = {**os.environ, "EGAZE_MAX_RADIOGRAPH_PIXELS": MAX_PIXELS}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ_EACH, folder],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert set(results) == {*expected, "pipe.dcm"}
    for name, (message, growth_mb, seconds) in results.items():
        assert message is not None, f"{name} was read"
        assert message.startswith(f"{folder / name}: ") and "\n" not in message and len(message) < 400
        assert re.search(expected.get(name, "is not a file"), message), message
        assert "secret" not in message.removeprefix(str(folder)).lower(), message
        assert growth_mb < MAX_GROWTH_MB and seconds < MAX_SECONDS, (name, growth_mb, seconds)


def test_every_way_to_cut_a_radiograph(tmp_path):
    elements = {"VOILUTSequence": [voi_lut([1, 2, 3])], "WindowCenter": 5, "WindowWidth": 7}
    for number, syntax in enumerate((None, RLELossless, JPEGLosslessSV1)):
        options = {} if syntax is None else {"syntax": syntax}
        whole = write_dicom(tmp_path / "whole.dcm", **elements, **options).read_bytes()
        for length in range(number, len(whole) - 24, 5):
            (tmp_path / "cut.dcm").write_bytes(whole[:length])
            with pytest.raises(RadiographError, match=r"cut\.dcm"):
                read_stored(tmp_path / "cut.dcm")


def test_the_limit_is_adjustable_and_checked(tmp_path, monkeypatch):
    path = write_dicom(tmp_path / "a.dcm")
    monkeypatch.setenv("EGAZE_MAX_RADIOGRAPH_PIXELS", "119")
    with pytest.raises(
        RadiographError, match="12x10 pixels are not between 1 and 119 .raise EGAZE_MAX_RADIOGRAPH_PIXELS"
    ):
        read_radiograph(path)
    monkeypatch.setenv("EGAZE_MAX_RADIOGRAPH_PIXELS", "120")
    assert read_radiograph(path).pixels.shape == (12, 10)
    for text in ("", "0", "-5", "1e6", "²", "99999999999"):
        monkeypatch.setenv("EGAZE_MAX_RADIOGRAPH_PIXELS", text)
        with pytest.raises(
            EgazeError, match="EGAZE_MAX_RADIOGRAPH_PIXELS must be a whole number from 1 to 4294967296, got"
        ):
            read_radiograph(path)


def test_a_path_that_no_file_can_have(tmp_path):
    with pytest.raises(RadiographError, match=r"a\\x00b.*cannot open the radiograph"):
        read_stored(f"{tmp_path}/a\0b")
    with pytest.raises(RadiographError, match="cannot open the radiograph: File name too long"):
        read_stored(tmp_path / ("a" * 5000))
    with pytest.raises(RadiographError, match="is not a file"):
        read_stored("/dev/zero")


def chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def test_no_identity_reaches_messages_or_logs(tmp_path, monkeypatch, caplog, hostile):
    folder, _ = hostile
    monkeypatch.setenv("EGAZE_MAX_RADIOGRAPH_PIXELS", MAX_PIXELS)
    caplog.set_level(logging.DEBUG)
    # Values that pydicom would warn of, with their text.
    odd = write_dicom(tmp_path / "odd.dcm", SpecificCharacterSet="ISO_IR 100", StudyDate="19990101", NumberOfFrames=1)
    odd.write_bytes(odd.read_bytes().replace(b"ISO_IR 100", b"Secret^Nam").replace(b"19990101", b"Secret^N"))
    said = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for path in [odd, *(path for path in sorted(folder.iterdir()) if path.is_file())]:
            # The large ones are refused before a presentation matters.
            for presentation in PRESENTATIONS if path.stat().st_size < 50_000 else ("voi",):
                try:
                    said.append(repr(read_stored(path, presentation=presentation).presentation))
                except RadiographError as error:
                    assert path != odd
                    said += [str(link).replace(str(path), "") for link in chain(error)]
    assert not warned
    assert len(said) > 100
    everything = " ".join([*said, caplog.text]).lower()
    for text in [*IDENTITY.values(), "secret"]:
        assert text.lower() not in everything


def test_real_values_are_still_read(tmp_path):
    radiograph = read_stored(write_dicom(tmp_path / "a.dcm"), presentation="raw-max")
    np.testing.assert_array_equal(radiograph.stored, STORED)
