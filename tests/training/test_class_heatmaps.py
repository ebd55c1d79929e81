"""Training in which words and regions teach the heatmaps of single classes."""

import csv
import logging
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from egaze.errors import RecipeError, RunError, StudyError
from egaze.report.words import control as said_in_report
from egaze.training import Recipe, load_recipe, train
from egaze.training.run import CLASS_HEATMAPS

TINY = (
    "input_size_px=64",
    "batch_size=8",
    "model.encoder=mobilenetv3_small_050",
    "model.decoder_channels=[16, 16, 8]",
    "stages.epochs=1",
)
NAMED = "class_heatmaps.gaze=named"
REGIONS = ("class_heatmaps.gaze=none", "class_heatmaps.regions=filled")


def small(*changes):
    return load_recipe("class-generators", [*TINY, *changes])


def test_named_classes_teach_through_the_whole_road(study, tmp_path, caplog):
    """On the twin, whose reader dictates; normal radiographs name no class."""
    with caplog.at_level(logging.WARNING):
        run = train(study, small(NAMED, "class_heatmaps.before_s=2"), tmp_path / "run", device="cpu", threads=1)
    with (run.path / CLASS_HEATMAPS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels, train_cases = study.labels, study.splits.indices("train")
    assert rows and all(labels.text(int(row["case_index"])) == row["class"] != "normal" for row in rows)
    assert {row["taught_by"] for row in rows} == {"gaze"} and all(int(row["fixations"]) > 0 for row in rows)
    left = len(train_cases) - len({row["case_index"] for row in rows})
    assert f"on {left} of {len(train_cases)} training cases with gaze and a class, no class is named" in caplog.text
    assert run.recipe.class_heatmaps == replace(small().class_heatmaps, gaze="named", before_s=2.0)
    usual = train(study, small(), tmp_path / "usual", device="cpu", threads=1)
    losses = [made.log()[0].train_losses["heatmap"] for made in (run, usual)]
    assert losses[0] != losses[1] and np.isfinite(losses).all()
    assert not (usual.path / CLASS_HEATMAPS).exists()
    assert run.recipe.trained_towards == "gaze while a class is named"
    assert said_in_report(run.recipe).startswith(" It was trained on gaze while a class is named; it is compared with")
    with pytest.raises(RunError, match="the recipe differs"):
        train(study, small(NAMED), run.path, device="cpu", resume=True)


def test_regions_alone_teach_without_gaze(study, tmp_path):
    """Other gaze changes nothing."""
    opacity = study.class_names.index("pneumonia")
    train_cases = study.splits.indices("train")
    case_index = int(train_cases[study.labels.values[train_cases] == opacity][0])
    rows = [(case_index, "Consolidation", "ellipse", None, 20.0, 30.0, 60.0, 50.0, None, None, None, None)]
    regions = pl.DataFrame(rows, schema=study.region_rows.schema, orient="row")
    counts = np.bincount([case_index], minlength=len(study))
    marked = replace(study, region_rows=regions, cases=study.cases.with_columns(regions=pl.Series(counts)))
    recipe = small("class_heatmaps.gaze=none", "class_heatmaps.regions=blurred", "stages.monitor=loss")
    assert not recipe.learns_from_gaze and recipe.trained_towards == "blurred regions"
    run = train(marked, recipe, tmp_path / "run", device="cpu", threads=1)
    other = train(replace(marked, x_unit=1 - study.x_unit), recipe, tmp_path / "other", device="cpu", threads=1)
    first, second = (torch.load(made.path / "best.pt", weights_only=True)["model"] for made in (run, other))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert run.log()[0].train_losses["heatmap"] > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["model.pooling=mean"],
            "model.pooling must be class-heatmaps with class_heatmaps that are taught by gaze",
        ),
        (
            ["control.fixations_frac=0.5"],
            "control must be left out with class_heatmaps that",
        ),
        (["control.gaze=same-class"], "control must be left out with class_heatmaps"),
        (
            ["stages.heatmap_weight=0", "stages.monitor=macro_auc"],
            "class_heatmaps must be left out",
        ),
        (
            ["class_heatmaps.gaze=none", "class_heatmaps.regions=filled", "stages.alignment_weight=1"],
            r"alignment_weight must be 0",
        ),
        (
            ["class_heatmaps.gaze=none", "class_heatmaps.regions=filled", "heatmap.prior=mean"],
            "heatmap.prior must be none with",
        ),
        (["class_heatmaps.gaze=all"], "class_heatmaps.gaze must be one of whole, named, none, got 'all'"),
    ],
)
def test_recipes_that_contradict_themselves(changes, message):
    with pytest.raises(RecipeError, match=message):
        small(NAMED, *changes)


def test_a_study_without_words_is_refused(findings_study, tmp_path):
    with pytest.raises(StudyError, match="class_heatmaps.gaze named teaches nothing"):
        train(findings_study, small(NAMED), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_terms_survive_the_recipe_s_file(tmp_path):
    recipe = small(NAMED, 'class_heatmaps.terms={"Lung Lesion" = ["spot", "!age spot*"]}')
    path = tmp_path / "own.toml"
    path.write_text(recipe.to_toml())
    assert load_recipe(path) == recipe and isinstance(recipe, Recipe)
    assert recipe.class_heatmaps.terms == {"Lung Lesion": ("spot", "!age spot*")}
