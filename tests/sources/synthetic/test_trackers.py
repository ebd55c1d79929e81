"""Exports of trackers: each is told from its content, and the fixations in its samples are found again."""

import shlex
from glob import glob

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import TableError
from egaze.gaze import measure_quality, read_recording
from egaze.gaze.formats import recognised_format
from egaze.metrics import event_agreement
from egaze.sources.synthetic.trackers import TRACKER_LAYOUTS
from egaze.study import open_study

#: Of each layout the format, and the least F1 of all fixations: neighbours less than a degree apart become one in the
#: noise of a slow tracker.
LAYOUTS = {
    "tobii": ("tobii-pro-lab", 0.86),
    "gazepoint": ("gazepoint", 0.70),
    "eyelink": ("eyelink-asc", 0.95),
    "bids": ("bids", 0.93),
    "pupil": ("pupil-labs", 0.88),
}
APART_DEG = 2.0


def run(command):
    """Run a command as a shell would."""
    words = [word for part in shlex.split(command)[1:] for word in (sorted(glob(part)) if "*" in part else [part])]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, (words, result.output, result.exception)
    return result.output


def synthesized(folder, layout, *options):
    return run(
        f"egaze synthesize {folder / 'lab'} --cases 4 --seed 2 --long-side-px 64 --layout {layout} --workers 1 "
        + " ".join(options)
    )


@pytest.fixture(scope="module", params=LAYOUTS)
def lab(request, tmp_path_factory):
    """The layout, its folder, the commands that the twin names, and what the import said."""
    folder = tmp_path_factory.mktemp(request.param)
    said = synthesized(folder, request.param)
    first = said.partition("next:")[2].partition("\n")[0].strip().replace("GAZE", str(folder / "gaze"))
    then = (
        said.partition("then:")[2].strip().replace("GAZE", str(folder / "gaze")).replace("STUDY", f"{folder / 'study'}")
    )
    return request.param, folder, (first, then), run(first)


def exports(layout, folder):
    return sorted((folder / "lab" / "exports").glob(TRACKER_LAYOUTS[layout].exports))


def test_the_format_is_told_from_the_content(lab):
    layout, folder, _, _ = lab
    paths = exports(layout, folder)
    assert len(paths) == 4 and {recognised_format(path) for path in paths} == {LAYOUTS[layout][0]}
    for path in paths:
        assert "reader" in str(path.relative_to(folder)) and "patient" not in path.read_bytes().decode("latin-1")


def test_import_gives_the_fixations_back(lab):
    layout, folder, _, _ = lab
    known, found = pl.read_csv(folder / "lab" / "true_fixations.csv"), pl.read_csv(folder / "gaze" / "fixations.csv")
    scale = found["pixels_per_degree"].mean()
    matched, events, apart, again = 0, 0, 0, 0
    for case_id in known["case_id"].unique():
        one, two = (table.filter(pl.col("case_id") == case_id) for table in (known, found))
        times = [table[name].to_numpy() for table in (one, two) for name in ("onset_s", "duration_s")]
        agreement = event_agreement(*times)
        matched, events = matched + agreement.matched, events + agreement.known + agreement.found
        # Those that lie well apart from both neighbours are nearly all found.
        step = np.hypot(*np.diff(one.select("x_px", "y_px").to_numpy(), axis=0).T) / scale
        lies_apart = np.minimum(np.append(step, 9), np.append(9, step)) >= APART_DEG
        middle_s = (one["onset_s"] + one["duration_s"] / 2).to_numpy()[lies_apart]
        of = np.searchsorted(times[2], middle_s, side="right") - 1
        overlap_s = np.minimum((times[0] + times[1])[lies_apart], (times[2] + times[3])[of]) - np.maximum(
            times[0][lies_apart], times[2][of]
        )
        apart, again = apart + len(middle_s), again + int((overlap_s > 0.5 * times[1][lies_apart]).sum())
    assert 2 * matched / events >= LAYOUTS[layout][1], 2 * matched / events
    assert apart > 20 and again >= 0.95 * apart, (again, apart)


def test_positions_and_the_trackers_error_are_known(lab):
    layout, folder, _, _ = lab
    known, found = pl.read_csv(folder / "lab" / "true_fixations.csv"), pl.read_csv(folder / "gaze" / "fixations.csv")
    cases = pl.read_csv(folder / "lab" / "cases.csv")
    for path, reader in zip(exports(layout, folder), sorted(cases["reader_id"].unique()), strict=True):
        own = cases.filter(pl.col("reader_id") == reader)["case_id"]
        pairs = known.join(found, on="case_id").filter(
            pl.col("case_id").is_in(own.implode()),
            (pl.col("onset_s") - pl.col("onset_s_right")).abs() < 0.05,
            (pl.col("duration_s") - pl.col("duration_s_right")).abs() < 0.05,
        )
        off = pairs.select(
            (pl.col("x_px_right") - pl.col("x_px")).median() / pl.col("pixels_per_degree").first(),
            (pl.col("y_px_right") - pl.col("y_px")).median() / pl.col("pixels_per_degree").first(),
        )
        off_deg = float(np.hypot(*off.row(0)))
        assert off_deg < 0.8
        recording = read_recording(path)
        if recording.validations:
            assert measure_quality(recording).accuracy_deg == pytest.approx(off_deg, abs=0.2)


def test_the_traps_are_there(lab):
    layout, folder, _, said = lab
    content = exports(layout, folder)[0].read_bytes()
    recording = read_recording(exports(layout, folder)[0])
    assert all(0 < 1 - item.is_valid.mean() < 0.15 for item in recording.samples)
    if layout == "tobii":
        assert content.startswith(b"\xff\xfe") and "decimal commas" in said and "its filter is Raw" in said
        assert {item.eye for item in recording.samples} == {"both", "left", "right"} and recording.fixations == ()
        assert b"M\0o\0u\0s\0e\0" in content
    elif layout == "gazepoint":
        table = pl.read_csv(content, truncate_ragged_lines=True)
        lost = np.flatnonzero(table["BPOGV"].to_numpy()[1:] == 0) + 1
        assert (table["BPOGX"].to_numpy()[lost] == table["BPOGX"].to_numpy()[lost - 1]).all() and len(lost)
        assert b",\n" in content and len(recording.fixations[0])
    elif layout == "eyelink":
        assert {item.eye for item in recording.samples} == {"left", "right"} and b"   .\t   .\t    0.0" in content
        assert len(recording.blocks_s) == 1
        assert {item.kind for item in recording.validations} == {"validation", "drift check"}
    elif layout == "bids":
        assert len(list(exports(layout, folder)[0].parent.glob("*_physio.tsv.gz"))) == 2
    else:
        assert recording.plane == "surface" and "count as lost" in said


def test_more_samples_than_the_limit_are_refused_with_the_option(lab, monkeypatch):
    layout, folder, _, _ = lab
    monkeypatch.setenv("EGAZE_TABLE_SAMPLES", "1000")
    path = exports(layout, folder)[0]
    with pytest.raises(TableError, match=r"holds more than 1000 samples, the limit; .* EGAZE_TABLE_SAMPLES=NUMBER"):
        read_recording(path)


@pytest.mark.parametrize("lab", ["tobii"], indirect=True)
def test_the_way_to_a_study(lab):
    _, folder, (_, then), _ = lab
    assert "4 cases" in run(then + " --size 32")
    study = open_study(folder / "study")
    assert all(len(study.fixations(case, 32)) > 5 for case in range(4))


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        synthesized(tmp_path / name, "bids", "--difficulty 1")
        lab = tmp_path / name / "lab"
        written.append({path.relative_to(lab): path.read_bytes() for path in lab.rglob("*") if path.is_file()})
    assert written[0] == written[1]
