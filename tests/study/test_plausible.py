"""Gaze that looks like other units, or lies off its radiograph, stops a preparation unless it is meant."""

import json

import numpy as np
import pytest
from PIL import Image
from study.ready_made import Cases

from egaze.errors import StudyError
from egaze.gaze import Fixations
from egaze.sources import Case
from egaze.study import prepare_study
from egaze.study.plausible import strange_units

X, Y, LASTS = [10.0, 20.0, 30.0], [5.0, 15.0, 25.0], [0.2, 0.3, 0.4]


@pytest.fixture
def prepare(tmp_path):
    def run(*gazes, **options):
        radiograph = tmp_path / "radiograph.png"
        Image.fromarray(np.zeros((40, 60), np.uint8)).save(radiograph)
        cases = [
            Case(f"c{n}", "p", radiograph, gaze, gaze_origin=f"gaze.csv: record {n}") for n, gaze in enumerate(gazes)
        ]
        return prepare_study([Cases(cases)], tmp_path / "study", size_px=32, **options)

    return run


WRONG = {
    "fractions": (Fixations([0.2, 0.9, 0.5], [0.1, 0.8, 1.0], LASTS), "3 of 3 fixations lie within 0 to 1 .*fractions"),
    "milliseconds": (Fixations(X, Y, [200, 310, 420]), "last 310 s or more.*milliseconds.*divide them by 1000"),
    "onsets": (Fixations(X, Y, LASTS, onset_s=[0, 250, 600]), "begin 300 s or more after.*milliseconds"),
    "off radiograph": (
        Fixations([60, 70], [5, 6], [0.1, 0.1]),
        r"all 2 fixations lie off the radiograph of 60 x 40 px \(x_px 60",
    ),
    "above": (Fixations([5, 6], [-7, -8], [0.1, 0.1]), "all 2 fixations lie off the radiograph"),
}


@pytest.mark.parametrize("name", WRONG)
def test_implausible_gaze_is_refused_in_one_line(prepare, tmp_path, name):
    gaze, message = WRONG[name]
    good = Fixations(X, Y, LASTS, onset_s=[0, 0.3, 0.6])
    with pytest.raises(StudyError, match=f"gaze.csv: record 1: case 'c1': .*{message}") as caught:
        prepare(good, gaze, good, gaze)
    said = str(caught.value)
    assert "\n" not in said and "the same holds for 1 more case;" in said and "--trust-gaze" in said
    assert not (tmp_path / "study").exists()
    # The same on the radiographs that an interrupted run has left.
    with pytest.raises(StudyError, match=message):
        prepare(good, gaze, good, gaze)
    study = prepare(good, gaze, good, gaze, trust_gaze=True)
    assert json.loads((study.path / "study.json").read_text())["gaze"]["trusted"] == 2
    assert study.manifest["counts"]["fixations"] == 6 + 2 * len(gaze)


@pytest.mark.parametrize(
    "gaze",
    [
        Fixations(X, Y, LASTS, onset_s=[1e6, 1e6 + 1, 1e6 + 2]),
        Fixations(X, Y, [0.2, 0.3, 60]),
        Fixations([0.5, 20, 30], [0.5, 10, 20], LASTS),
        Fixations([-0.5, 500], [-0.5, 500], [0.1, 0.1]),
        Fixations([5], [5], [1 / 60], onset_s=[1e6]),
        Fixations(X, Y, [200, 310, 420], duration_unit="relative"),
    ],
)
def test_unusual_but_plausible_gaze_is_accepted(prepare, gaze):
    assert strange_units(gaze) is None
    study = prepare(gaze)
    told = study.manifest["gaze"]
    assert (told["trusted"], told["scaled"], told["scale_factors"]) == (0, 0, None)


def test_relative_durations_may_have_onsets_in_milliseconds():
    gaze = Fixations(X, Y, [200, 310, 420], onset_s=[0, 250, 600], duration_unit="relative")
    assert "onsets look like milliseconds" in strange_units(gaze)


def test_fractions_are_detected_despite_a_few_samples_off_the_screen():
    at = np.r_[np.linspace(0.05, 0.95, 38), 1.02, -0.01]
    assert "38 of 40 fixations" in strange_units(Fixations(at, at, np.full(40, 1 / 60)))


@pytest.mark.parametrize("seed", [-1, -(10**9)])
def test_a_seed_below_0_is_refused_before_anything_is_written(prepare, tmp_path, seed):
    with pytest.raises(StudyError, match=f"seed must be 0 or more, got {seed}"):
        prepare(Fixations(X, Y, LASTS), seed=seed)
    assert not list(tmp_path.glob(".study*")) and not (tmp_path / "study").exists()
