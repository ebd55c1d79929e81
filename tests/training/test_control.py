"""What the heatmap head learns under a control of gaze, and what is compared with the radiograph's own all the same."""

import csv
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from egaze.cli.evaluate import _lines
from egaze.errors import RecipeError, RunError, StudyError
from egaze.evaluation import evaluate
from egaze.loading import Augmentation, DeviceLoader
from egaze.report.words import control as said_in_report
from egaze.targets import EgdHeatmap, FixationHeatmap, GazeControl, centre_bias
from egaze.targets.control import GAZE
from egaze.training import load_recipe, train
from egaze.training.run import CONTROL

SIZE_PX = 64
OWN = FixationHeatmap()


def load(study, target, **options):
    cases = study.splits.indices("train")
    return DeviceLoader(study, cases, batch_size=40, size_px=SIZE_PX, target=target, **options)


def only_batch(study, target, **options):
    (batch,) = load(study, target, **options)
    return batch


@pytest.mark.parametrize("target", [OWN, EgdHeatmap()])
@pytest.mark.parametrize("gaze", ["same-class", "other-class"])
def test_the_map_is_that_of_another_radiograph_s_gaze(study, target, gaze):
    learnt = GazeControl(gaze).of(target, study, seed=1)
    own, other = only_batch(study, target), only_batch(study, learnt)
    assert torch.equal(own.image, other.image) and other.has_gaze.all()
    place = {case_index: place for place, case_index in enumerate(own.case_index.tolist())}
    for at, case_index in enumerate(own.case_index.tolist()):
        of = int(learnt.gaze_of[case_index])
        assert study.patients[of] != study.patients[case_index]
        assert (study.labels.values[of] == study.labels.values[case_index]) == (gaze == "same-class")
        assert torch.equal(other.heatmap[at], own.heatmap[place[of]])


@pytest.mark.parametrize("target", [OWN, EgdHeatmap()])
def test_a_share_of_the_fixations(study, target):
    learnt = GazeControl(fixations_frac=0.25).of(target, study, seed=1)
    batch = only_batch(study, learnt)
    case_index = int(batch.case_index[3])
    part = slice(study.offsets[case_index], study.offsets[case_index + 1])
    used = learnt.is_used[part]
    assert 1 <= used.sum() < len(used)
    alone = replace(
        study,
        **{name: getattr(study, name)[part][used] for name in ("x_unit", "y_unit", "duration_s")},
        gaze=study.gaze[part].filter(used),
        offsets=np.array([0] * (case_index + 1) + [used.sum()] * (len(study) - case_index)),
    )
    np.testing.assert_array_equal(batch.heatmap[3, 0], target.heatmap(alone, [case_index], SIZE_PX))
    both = GazeControl("same-class", 0.25).of(target, study, seed=1)
    of = int(both.gaze_of[case_index])
    at = int(torch.nonzero(batch.case_index == of))
    assert torch.equal(only_batch(study, both).heatmap[3], batch.heatmap[at])


@pytest.mark.parametrize("target", [OWN, EgdHeatmap()])
def test_maps_that_know_no_radiograph(study, target):
    blind = replace(study, offsets=np.concatenate([[0, 0], study.offsets[2:]]))  # case 1 takes the gaze of case 0
    place = int(torch.nonzero(only_batch(blind, target).case_index == 0))
    uniform, centre = (only_batch(blind, GazeControl(gaze).of(target, blind, 0)) for gaze in ("uniform", "centre-bias"))
    expected = centre_bias(blind, target, SIZE_PX)
    for batch, map_ in ((uniform, np.ones((SIZE_PX, SIZE_PX))), (centre, expected / expected.max())):
        assert not batch.has_gaze[place] and not batch.heatmap[place].any()
        others = np.arange(len(batch)) != place
        np.testing.assert_allclose(
            batch.heatmap[others, 0], np.broadcast_to(map_, (others.sum(), *map_.shape)), atol=2e-5
        )


def test_the_centre_bias_moves_with_the_radiograph(study):
    shown = only_batch(study, GazeControl("centre-bias").of(OWN, study, 0)).heatmap[0, 0].numpy()
    stored = np.rint(shown * 65535).astype(np.uint16)
    like_it = replace(study, images=np.broadcast_to(stored, study.images.shape).copy())
    moves = Augmentation(rotation_deg=20, zoom=0.3, shift_frac=0.2, gain=0, bias=0, gamma=0, noise=0)
    batch = only_batch(like_it, GazeControl("centre-bias").of(OWN, study, 0), augmentation=moves, threads=2)
    torch.testing.assert_close(batch.heatmap, batch.image, atol=2e-5, rtol=0)
    assert not torch.equal(batch.heatmap[0], batch.heatmap[1])
    still = only_batch(study, GazeControl("uniform").of(OWN, study, 0), augmentation=moves)
    assert (still.heatmap == 1).all()


def test_views_are_of_the_radiograph_not_of_the_gaze_s(study):
    own, other = (
        only_batch(study, GazeControl(gaze).of(OWN, study, 0), augmentation=Augmentation(), seed=5)
        for gaze in ("own", "same-class")
    )
    assert torch.equal(own.image, other.image) and not torch.equal(own.heatmap, other.heatmap)


@pytest.mark.parametrize("gaze", GAZE)
def test_a_pickled_loader_keeps_the_control(study, gaze):
    loader = load(study, GazeControl(gaze).of(OWN, study, 2), augmentation=Augmentation())
    copied = pickle.loads(pickle.dumps(loader))
    assert torch.equal(next(iter(loader)).heatmap, next(iter(copied)).heatmap)


@pytest.mark.parametrize(
    ("recipe", "override", "message"),
    [
        (
            "joint",
            "control.gaze=mirrored",
            r"control\.gaze must be one of own, same-class, other-class, uniform, centre",
        ),
        ("joint", "control.fixations_frac=0", r"control\.fixations_frac must be in \(0, 1\], got 0"),
        ("joint", "control.fixations_frac=50", r"control\.fixations_frac must be in \(0, 1\], got 50"),
        ("joint", "control.fixations_frac=nan", r"control\.fixations_frac must be in \(0, 1\], got nan"),
        ("joint", "control.share=1", "unknown key 'share'; known are gaze, fixations_frac"),
        (
            "encoder-only",
            "control.gaze=uniform",
            r"control\.gaze must be own for a recipe that does not learn from gaze",
        ),
        ("encoder-only", "control.fixations_frac=0.5", r"control\.fixations_frac must be 1 for a recipe that does not"),
    ],
)
def test_bad_values_are_one_line(recipe, override, message):
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(recipe, [override])
    assert "\n" not in str(caught.value)
    with pytest.raises(RecipeError, match=r"fixations_frac must be 1 with gaze uniform, got 0\.5"):
        GazeControl("uniform", 0.5)


def test_what_the_study_cannot_give_is_said_before_a_folder_is_made(study, tiny_recipe, tmp_path):
    one_patient = replace(study, cases=study.cases.with_columns(patient=0 * study.cases["patient"]))
    with pytest.raises(StudyError, match="control.gaze same-class: for some radiograph of class 'normal', no other"):
        train(one_patient, replace(tiny_recipe, control=GazeControl("same-class")), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_training_learns_from_it_and_validation_does_not(study, tiny_recipe, tmp_path):
    stage = replace(tiny_recipe.stages[0], epochs=1, learning_rate=1e-30, warmup_epochs=0)
    still, runs = replace(tiny_recipe, stages=(stage,)), {}
    for name, control in (("own", GazeControl()), ("other", GazeControl("same-class", 0.5))):
        recipe = replace(still, control=control)
        runs[name] = train(study, recipe, tmp_path / name, seed=3, device="cpu")
    own, other = (run.log()[0] for run in runs.values())
    assert own.losses == other.losses and own.train_losses["heatmap"] != other.train_losses["heatmap"]
    assert own.train_losses["classification"] == other.train_losses["classification"]
    assert not (runs["own"].path / CONTROL).exists()

    run = runs["other"]
    learnt = run.recipe.control.of(run.recipe.target, study, 3)
    with (run.path / CONTROL).open(newline="") as file:
        rows = [{name: int(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert [row["case_index"] for row in rows] == study.splits.indices("train").tolist()
    for row in rows:
        of = row["gaze_of_case_index"]
        part = slice(study.offsets[of], study.offsets[of + 1])
        assert of == learnt.gaze_of[row["case_index"]] and row["fixations"] == part.stop - part.start
        assert row["fixations_used"] == learnt.is_used[part].sum()
    train(study, run.recipe, run.path, seed=3, device="cpu", resume=True)
    (run.path / CONTROL).write_text("case_index\n")
    with pytest.raises(RunError, match=r"control\.csv: cannot resume: the gaze .* dealt in another way"):
        train(study, run.recipe, run.path, seed=3, device="cpu", resume=True)

    # Both are measured against the same readers' gaze, and the results say what was learnt.
    measured = {name: evaluate(run).metrics.heatmap for name, run in runs.items()}
    assert measured["own"].centre_bias == measured["other"].centre_bias
    words = "gaze on other radiographs of the same class, 50 % of the fixations"
    assert measured["own"].trained_towards == "gaze" and measured["other"].trained_towards == words
    assert f"  trained on {words}; compared with the reader's heatmap at the recipe's sigma" in "\n".join(
        _lines(evaluate(run, split="validation", out=tmp_path / "validation").metrics)
    )
    assert words in said_in_report(run.recipe) and said_in_report(runs["own"].recipe) == ""


@pytest.mark.parametrize("gaze", ["same-class", "other-class"])
def test_gaze_cannot_be_dealt_by_class_where_labels_are_independent(findings_study, gaze, tmp_path):
    """A radiograph with two findings has no class of its own."""
    recipe = load_recipe("class-generators", [f"control.gaze={gaze}", "stages.epochs=1"])
    with pytest.raises(
        StudyError, match=f"control.gaze {gaze} needs one class for each case, and the study's labels are"
    ):
        train(findings_study, recipe, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("control", ["gaze=uniform", "gaze=centre-bias", "fixations_frac=0.3"])
def test_controls_that_need_no_class_train_independent_labels(findings_study, control, tmp_path):
    """The map of the control teaches the union of the present findings' maps; labels and images are the same."""
    small = ["input_size_px=64", "model.encoder=mobilenetv3_small_050", "stages.epochs=1", f"control.{control}"]
    recipe = load_recipe("class-generators", small)
    learnt = recipe.control.of(recipe.target, findings_study, seed=0)
    own, controlled = only_batch(findings_study, OWN), only_batch(findings_study, learnt)
    assert torch.equal(own.image, controlled.image) and torch.equal(own.has_gaze, controlled.has_gaze)
    np.testing.assert_array_equal(own.label, controlled.label)
    assert torch.equal(own.shows_class, controlled.shows_class) and not torch.equal(own.heatmap, controlled.heatmap)
    run = train(findings_study, recipe, tmp_path / "run", device="cpu", threads=1)
    assert run.log()[0].train_losses["heatmap"] > 0
