"""Accuracy at one's own targets: samples with a known offset, and tables that cannot be."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import EgazeError, TableError
from egaze.gaze import GazeRecording, GazeSamples, Screen, ShownPicture, ValidationTarget
from egaze.gaze.validation_targets import measure_at_targets, read_targets

SCREEN = Screen(1920, 1080, 527.0, 296.0, distance_mm=650.0)
ACROSS, DOWN = SCREEN.pixels_per_degree, SCREEN.pixels_per_degree_down
PLACES = [(200, 100), (1700, 100), (960, 540), (200, 980)]
TARGETS = [ValidationTarget(2.0 * n, 2.0 * n + 2.0, *place) for n, place in enumerate(PLACES)]


def samples(eye="left", offset_deg=(0.5, -1.2), lost=()):
    """8 s at 250 Hz: at each target after a saccade of .3 s, off by `offset_deg`, with noise of .1 degrees."""
    rng = np.random.default_rng(3)
    time_s = np.arange(2000) / 250
    which = np.minimum((time_s // 2).astype(int), 3)
    x, y = np.array(PLACES, dtype=float)[which].T
    x, y = x + offset_deg[0] * ACROSS, y + offset_deg[1] * DOWN
    is_late = time_s % 2 < 0.3
    x[is_late], y[is_late] = 10.0, 10.0
    x, y = x + rng.normal(0, 0.1 * ACROSS, 2000), y + rng.normal(0, 0.1 * DOWN, 2000)
    for target in lost:
        x[which == target] = np.nan
    return GazeSamples(eye, time_s, x, y)


def test_the_offset_is_found():
    both = GazeRecording((samples(), samples("right", (0.0, 0.3))), screen=SCREEN)
    (left, right), notes = measure_at_targets(both, TARGETS, (), SCREEN)
    assert (left.eye, left.kind, left.time_s, len(left.targets), notes) == ("left", "validation", 0.0, 4, [])
    assert left.mean_deg == pytest.approx(1.3, abs=0.03) and left.max_deg == pytest.approx(1.3, abs=0.05)
    assert right.mean_deg == pytest.approx(0.3, abs=0.03)
    for (x, y), target in zip(PLACES, left.targets, strict=True):
        assert (target.x_px, target.y_px) == (x, y)
        assert target.offset_x_px / ACROSS == pytest.approx(0.5, abs=0.04)
        assert target.offset_y_px / DOWN == pytest.approx(-1.2, abs=0.04)


def test_a_target_where_gaze_was_lost_is_left_out_and_told():
    recording = GazeRecording((samples(lost=[1]),), screen=SCREEN)
    (found,), (note,) = measure_at_targets(recording, TARGETS, (), SCREEN)
    assert len(found.targets) == 3 and note.startswith("1 of 4 targets are left out") and "left eye" in note
    none, (note,) = measure_at_targets(GazeRecording((samples(lost=range(4)),)), TARGETS, (), SCREEN)
    assert none == () and note.startswith("4 of 4")


def test_targets_may_lie_on_a_picture():
    shown = ShownPicture(
        "grid", 0.0, 8.0, 405, 108, 1110, 865, 2.0, 30.0, -20.0, radiograph_width_px=2220, radiograph_height_px=1730
    )
    x_px, y_px = shown.on_picture(*np.array(PLACES, dtype=float).T)
    back = shown.on_screen(x_px, y_px)
    np.testing.assert_allclose(back, np.array(PLACES, dtype=float).T, atol=1e-9)
    on = [
        ValidationTarget(target.begin_s, target.end_s, x, y, "grid")
        for target, x, y in zip(TARGETS, x_px, y_px, strict=True)
    ]
    (found,), _ = measure_at_targets(GazeRecording((samples(),)), on, (shown,), SCREEN)
    (same,), _ = measure_at_targets(GazeRecording((samples(),)), TARGETS, (), SCREEN)
    assert found.mean_deg == pytest.approx(same.mean_deg)


@pytest.mark.parametrize(
    ("targets", "screen", "message"),
    [
        (TARGETS, Screen(1920, 1080), r"in degrees: give the screen's size and distance \(--screen\)"),
        ([TARGETS[0], ValidationTarget(1.5, 3, 5, 5)], SCREEN, "two targets at once: one from 0 to 2 s"),
        ([ValidationTarget(50, 60, 5, 5)], SCREEN, "first from 50 s; .* tracker's clock, which runs from 0 to 7.996 s"),
        ([ValidationTarget(0, 1, 1930, 5)], SCREEN, "0 to 1 s lies off the screen: x_px is 1930 of 1920"),
        ([ValidationTarget(0, 1, 5, -2)], SCREEN, "y_px is -2 of 1080"),
        ([ValidationTarget(0, 1, 5, 5, "b")], SCREEN, "on picture 'b', which is not shown all that time"),
        ([ValidationTarget(3, 5, 5, 5, "a")], SCREEN, "on picture 'a', which is not shown all that time"),
        ([ValidationTarget(1, 2, 5, 5, "a")], SCREEN, r"where picture 'a' lay on the screen is unknown \(--picture\)"),
    ],
)
def test_what_cannot_be_measured_is_said(targets, screen, message):
    with pytest.raises(ValueError, match=message):
        measure_at_targets(GazeRecording((samples(),)), targets, (ShownPicture("a", 0, 4),), screen)
    with pytest.raises(ValueError, match="needs samples in pixels"):
        measure_at_targets(GazeRecording(), TARGETS, (), SCREEN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("begin_s,end_s,x_px\n1,2,3\n", "has no column 'y_px'"),
        ("begin_s,end_s,x_px,y_px\n", "holds no target"),
        ("begin_s,end_s,x_px,y_px\n1,2,3,4\n1,,3,4\n", "record 2, column 'end_s' is empty"),
        ("begin_s,end_s,x_px,y_px\n1,2,3,4\n2,2,3,4\n", "record 2: a target must be looked at for some time, got 2 to"),
        ("begin_s,end_s,x_px,y_px\n1,2,left,4\n", "record 1.*left"),
        ("begin_s,end_s,x_px,y_px\n1,2,inf,4\n", "record 1.*inf"),
    ],
)
def test_tables_that_are_none(tmp_path, text, message):
    path = tmp_path / "targets.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=message) as caught:
        read_targets(path)
    assert str(path) in str(caught.value)


def written(folder):
    """An export of samples, described by a mapping file, and a table of targets."""
    gaze = samples()
    rows = [f"{t:.3f},{x:.2f},{y:.2f}" for t, x, y in zip(gaze.time_s, gaze.x, gaze.y, strict=True)]
    (folder / "lab.csv").write_text("\n".join(["t,gx,gy", *rows, ""]))
    (folder / "lab.toml").write_text(
        '[time]\ncolumn = "t"\nunit = "s"\n[left]\nx = "gx"\ny = "gy"\n[positions]\nunit = "px"\norigin = "top left"\n'
    )
    rows = [f"{target.begin_s},{target.end_s},{target.x_px},{target.y_px},lab.csv" for target in TARGETS]
    (folder / "targets.csv").write_text("\n".join(["begin_s,end_s,x_px,y_px,file", *rows, ""]))
    return folder / "lab.csv", folder / "targets.csv"


def check(*words):
    result = CliRunner().invoke(cli, ["gaze", "check", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_check_tells_accuracy_and_marks_it(tmp_path):
    export, targets = written(tmp_path)
    words = (export, "--mapping", tmp_path / "lab.toml", "--screen", "1920x1080,527x296mm,650mm")
    assert "accuracy unknown" in check(*words)
    said = check(*words, "--targets", targets, "--out", tmp_path / "page.html")
    assert "accuracy 1.32 deg" in said and "(max_accuracy_deg)" in said
    assert "4 targets; left eye blue" in (tmp_path / "page.html").read_text(encoding="utf-8")
    quality = json.loads(check(*words, "--targets", targets, "--json"))["quality"]
    assert quality["accuracy_max_deg"] == pytest.approx(1.3, abs=0.05)
    with pytest.raises(EgazeError, match=r"lab.csv: accuracy at targets is in degrees"):
        check(*words[:3], "--targets", targets)
    targets.write_text(targets.read_text().replace("lab.csv", "other.csv"))
    with pytest.raises(TableError, match=r"column 'file' holds 'other.csv', which is none of the exports"):
        check(*words, "--targets", targets)


def test_the_trackers_own_validation_stands_beside(tmp_path):
    rows = [f"{10 + 4 * n}\t  400.0\t  250.0\t 1000.0\t...\n" for n in range(100)]
    (tmp_path / "r.asc").write_text(
        "** CONVERTED FROM r.edf\nMSG\t1 DISPLAY_COORDS 0 0 999 499\n"
        "MSG\t2 !CAL VALIDATION HV9 R RIGHT GOOD ERROR 0.30 avg. 0.69 max  OFFSET 0.24 deg. 6.9,5.4 pix.\n"
        f"START\t10 \tRIGHT\tSAMPLES\tEVENTS\nSAMPLES\tGAZE\tRIGHT\tRATE\t 250.00\n{''.join(rows)}END\t410 \tSAMPLES\n"
    )
    words = (tmp_path / "r.asc", "--screen", "1000x500,500x250mm,60cm")
    across = Screen(1000, 500, 500, 250, 600).pixels_per_degree
    for offset_deg, worst_deg in ((0.1, 0.3), (0.8, 0.8)):
        x_px = 400 - offset_deg * across
        (tmp_path / "t.csv").write_text(f"begin_s,end_s,x_px,y_px\n0.05,0.3,{x_px:.3f},250\n")
        assert f"accuracy {worst_deg:.2f} deg" in check(*words, "--targets", tmp_path / "t.csv")
