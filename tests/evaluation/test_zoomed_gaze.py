"""Gaze on a radiograph of which only a part was on the screen: from the study to evaluation, explanation and report."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from study.ready_made import Cases

from egaze.evaluation import evaluate
from egaze.evaluation.agreement import agreement_table
from egaze.evaluation.scanpaths import scanpath_tables
from egaze.explain.metrics import gaze_metrics
from egaze.gaze import Fixations, rasterize_fixations
from egaze.loading import DeviceLoader
from egaze.metrics import auc_judd, cc, kld, nss
from egaze.report import write_report
from egaze.report.evaluated_cases import open_evaluated_cases
from egaze.report.gallery import ModelMaps, draw_radiograph, make_cards
from egaze.report.pixels import RadiographPixels
from egaze.sources import Case, Region
from egaze.study import prepare_study
from egaze.training import load_recipe, train
from egaze.training.engine import Predictions, predict

SIDE_PX = 64  # of the radiographs, and of the study
SHOWN = (15.5, 7.5, 47.5, 39.5)
WHOLE = (-0.5, -0.5, SIDE_PX - 0.5, SIDE_PX - 0.5)
FIXATIONS = 8
TINY = ("input_size_px=64", "model.encoder=mobilenetv3_small_050", "model.decoder_channels=[16, 16, 8]",
        "stages.epochs=1", "batch_size=8")  # fmt: skip


def gaze_of(number, shown):
    """Fixations all over the radiograph; while the second half was read, only a part of it was on the screen."""
    generator = np.random.default_rng(number)
    x, y = generator.uniform(0, SIDE_PX - 1, (2, FIXATIONS))
    x[-2:], y[-2:] = 24.0, 20.0  # at least two look at what is shown
    parts = np.array([WHOLE] * (FIXATIONS // 2) + [shown or WHOLE] * (FIXATIONS // 2))
    return Fixations(
        x, y, generator.uniform(0.1, 0.5, FIXATIONS), np.arange(FIXATIONS) * 0.6, None, None if shown is None else parts
    )


def study_of(folder, name, shown):
    cases = []
    for number in range(24):
        radiograph = folder / f"{number}.png"
        if not radiograph.exists():
            grey = np.random.default_rng(number).integers(0, 65536, (SIDE_PX, SIDE_PX), dtype=np.uint16)
            Image.fromarray(grey).save(radiograph)
        side = ("train", "validation", "test")[number // 8]
        label = ("normal", "chf")[number % 2]
        region = Region("lung", "box", 8, 8, 55, 55)
        cases.append(Case(f"c{number}", f"p{number}", radiograph, gaze_of(number, shown), label, None, side, (region,)))
    return prepare_study([Cases(cases)], folder / name, size_px=SIDE_PX)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """The same gaze zoomed, on radiographs that were shown whole, and with nothing known of it."""
    folder = tmp_path_factory.mktemp("zoomed")
    return {name: study_of(folder, name, part) for name, part in (("zoomed", SHOWN), ("whole", WHOLE), ("none", None))}


@pytest.fixture(scope="module")
def run(studies, tmp_path_factory):
    made = train(
        studies["zoomed"], load_recipe("joint", TINY), tmp_path_factory.mktemp("run") / "run", device="cpu", threads=1
    )
    return made, evaluate(made, threads=1)


def hand_made(number, target, *, normalize=True):
    """Each fixation's Gaussian by itself, cut by hand to what was shown."""
    gaze = gaze_of(number, SHOWN)
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    total = np.zeros((SIDE_PX, SIDE_PX))
    for place in range(len(gaze)):
        one = Fixations(gaze.x_px[[place]], gaze.y_px[[place]], gaze.duration_s[[place]])
        x_min, y_min, x_max, y_max = gaze.shown_px[place]
        was_shown = (x >= x_min) & (x < x_max) & (y >= y_min) & (y < y_max)
        total += was_shown * rasterize_fixations(one, total.shape, sigma_px=target.sigma_frac * SIDE_PX)
    return total / total.max() if normalize else total


def seen_by_hand(number):
    gaze = gaze_of(number, SHOWN)
    x_min, y_min, x_max, y_max = SHOWN
    inside = (gaze.x_px >= x_min) & (gaze.x_px < x_max) & (gaze.y_px >= y_min) & (gaze.y_px < y_max)
    inside[: FIXATIONS // 2] = True
    return gaze, inside


def test_evaluation_measures_against_what_was_shown(run):
    made, evaluation = run
    study, target = made.open_study(), made.recipe.heatmap
    loader = DeviceLoader(study, study.splits.indices("test"), batch_size=8, size_px=SIDE_PX, target=target, threads=1)
    maps = predict(made.load_model(), loader, made.recipe.stages[-1], keep_heatmaps=True).heatmap
    differ = 0
    for row, predicted in zip(evaluation.predictions.iter_rows(named=True), maps.astype(float), strict=True):
        number = int(row["case_id"][1:])
        truth = hand_made(number, target)
        assert row["cc"] == pytest.approx(cc(predicted, truth), abs=1e-4)
        assert row["kld"] == pytest.approx(kld(predicted, truth), abs=1e-4)
        gaze, inside = seen_by_hand(number)
        assert row["nss"] == pytest.approx(nss(predicted, gaze.x_px[inside], gaze.y_px[inside]), abs=1e-4)
        assert row["auc_judd"] == pytest.approx(auc_judd(predicted, gaze.x_px[inside], gaze.y_px[inside]), abs=1e-4)
        assert row["fixations"] == inside.sum() and row["fixations_not_shown"] == (~inside).sum()
        assert row["dwell_s"] == pytest.approx(gaze.duration_s[inside].sum(), abs=1e-5)
        differ += int((~inside).sum())
    assert differ > 0 and evaluation.metrics.scanpath.fixations_not_shown == differ
    outside = "lie outside the part of the radiograph that was on the screen"
    said = f"scanpaths: {differ} of {8 * FIXATIONS} fixations {outside}"
    assert any(note.startswith(said) for note in evaluation.metrics.warnings)


def test_regions_are_not_looked_at_where_they_were_not_shown(studies, run):
    study, target = studies["zoomed"], run[0].recipe.heatmap
    radiographs, regions = scanpath_tables(study, target, study.splits.indices("test"), SIDE_PX)
    for radiograph, region in zip(radiographs.iter_rows(named=True), regions.iter_rows(named=True), strict=True):
        gaze, inside = seen_by_hand(radiograph["case_index"])
        x, y = np.floor(gaze.x_px + 0.5), np.floor(gaze.y_px + 0.5)
        within = inside & (x >= 8) & (x <= 55) & (y >= 8) & (y <= 55)
        assert region["fixations"] == within.sum()
        share = gaze.duration_s[within].sum() / gaze.duration_s[inside].sum()
        assert region["dwell_frac"] == pytest.approx(share, abs=1e-6)


def test_the_report_shows_what_was_shown(run, tmp_path):
    made, evaluation = run
    answers = open_evaluated_cases(made, "test")
    cards = make_cards(answers, np.arange(len(answers.table)), ModelMaps())
    for place, card in enumerate(cards):
        number = int(card.case_id[1:])
        drawn = draw_radiograph(answers, card, ModelMaps(), place, RadiographPixels())
        truth = hand_made(number, made.recipe.heatmap, normalize=False) * 1000
        levels = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn["maps"]["gaze"]["png"]))))
        assert drawn["maps"]["gaze"]["peak"] == pytest.approx(truth.max(), rel=0.01)
        np.testing.assert_allclose(levels / 255, truth / truth.max(), atol=0.006)
        gaze, inside = seen_by_hand(number)
        assert drawn["fixations_in_all"] == inside.sum() and drawn["fixations_not_shown"] == (~inside).sum()
        np.testing.assert_allclose(np.array(drawn["fixations"])[:, 2], gaze.onset_s[inside], atol=1e-3)
    text = write_report(made, tmp_path / "report.html").read_text(encoding="utf-8")
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    assert f"{evaluation.metrics.scanpath.fixations_not_shown} of {8 * FIXATIONS} fixations lie outside" in words


def test_an_explanation_uses_the_same_metrics(studies, run):
    study, target = studies["zoomed"], run[0].recipe.heatmap
    case_index = int(study.splits.indices("test")[0])
    values = np.random.default_rng(0).random((SIDE_PX, SIDE_PX))
    gaze, inside = seen_by_hand(case_index)
    numbers = gaze_metrics({"map": values}, hand_made(case_index, target), study.fixations(case_index, SIDE_PX))
    assert numbers["map_gaze_nss"] == pytest.approx(nss(values, gaze.x_px[inside], gaze.y_px[inside]), abs=1e-6)


def test_without_zoom_nothing_changes_by_a_bit(studies, run):
    recipe = run[0].recipe
    found = {}
    for name in ("none", "whole"):
        study = studies[name]
        test = study.splits.indices("test")
        maps = np.random.default_rng(1).random((len(test), SIDE_PX, SIDE_PX)).astype(np.float32)
        predictions = Predictions(test, np.full((len(test), 2), 0.5, np.float32), maps, {})
        found[name] = (
            agreement_table(study, recipe, predictions, SIDE_PX),
            *scanpath_tables(study, recipe.heatmap, test, SIDE_PX),
        )
        for case_index in test.tolist():
            gaze = study.fixations(case_index, SIDE_PX)
            unclipped = rasterize_fixations(
                Fixations(gaze.x_px, gaze.y_px, gaze.duration_s),
                (SIDE_PX, SIDE_PX),
                sigma_px=recipe.heatmap.sigma_frac * SIDE_PX,
                weight=recipe.heatmap.weight,
                normalize="max",
            )
            np.testing.assert_array_equal(recipe.heatmap.heatmap(study, [case_index], SIDE_PX), unclipped)
    assert studies["none"].fixations(0, SIDE_PX).shown_px is None
    assert studies["whole"].fixations(0, SIDE_PX).shown_px is not None
    assert all(one.equals(other) for one, other in zip(*found.values(), strict=True))
    assert found["none"][1]["fixations_not_shown"].sum() == 0
