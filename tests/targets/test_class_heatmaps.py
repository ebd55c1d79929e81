"""The heatmaps of single classes: by the gaze while a class is named, and by regions."""

import multiprocessing
import os
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from egaze import rasterize_fixations
from egaze.errors import RecipeError, StudyError
from egaze.gaze import Fixations
from egaze.labels import IndependentLabels
from egaze.loading import Augmentation, DeviceLoader, StudyDataset, device_loader
from egaze.targets import KERNEL, ClassHeatmaps, ClassHeatmapTarget, FixationHeatmap

SIZE_PX = 64
HEATMAP = FixationHeatmap(sigma_frac=0.06)
NAMES = ("Effusion", "Cardiomegaly", "Nodule")
#: The labels of the first four cases; all others have none of the classes.
PRESENT = {0: [1, 1, 0], 1: [1, np.nan, 0], 2: [1, 1, 0], 3: [0, 0, 0]}
PHRASES = [
    (0, "the heart is enlarged", 2.0, 3.0),
    (0, "there is a nodule", 4.0, 5.0),  # the label says that there is none
    (0, "small effusion", 6.0, 7.0),
    (0, "effusion on the left", 6.5, 8.0),
    (1, "no effusion", 1.0, 2.0),
    (3, "effusion", 1.0, 2.0),
]
REGIONS = [
    (2, "Pleural effusion", "ellipse", 4, 20.0, 30.0, 60.0, 50.0),
    (2, "Cardiomegaly", "box", None, 10.0, 10.0, 40.0, 30.0),
    (2, "Cardiomegaly", "box", 2, 0.0, 0.0, 90.0, 90.0),  # its reader thought it unlikely
    (2, "Effusion", "box", None, -90.0, 0.0, -10.0, 90.0),  # off the radiograph
    (2, "right lung", "box", None, 0.0, 0.0, 50.0, 90.0),
    (3, "Nodule", "box", None, 0.0, 0.0, 50.0, 90.0),
]


@pytest.fixture(scope="module")
def dictated(study):
    """The study with independent labels, made words and made regions."""
    assert study.splits.split_index[[0, 2]].tolist() == [0, 0] and study.has_gaze[:4].all()
    certainty = np.zeros((len(study), 3), dtype=np.float32)
    for case_index, row in PRESENT.items():
        certainty[case_index] = row
    phrases = pl.DataFrame(PHRASES, schema=study.phrase_rows.schema, orient="row")
    columns = ["case_index", "name", "shape", "certainty", "x_min_px", "y_min_px", "x_max_px", "y_max_px"]
    regions = pl.DataFrame(REGIONS, schema={name: study.region_rows.schema[name] for name in columns}, orient="row")
    counts = {
        name: np.bincount([row[0] for row in rows], minlength=len(study))
        for name, rows in (("phrases", PHRASES), ("regions", REGIONS))
    }
    return replace(
        study,
        labels=IndependentLabels(NAMES, certainty, "ignore"),
        phrase_rows=phrases,
        region_rows=regions,
        cases=study.cases.with_columns(**{name: pl.Series(count) for name, count in counts.items()}),
    )


def load(study, settings, cases=(0, 1, 2, 3), **options):
    target = ClassHeatmapTarget(HEATMAP, settings)
    defaults = {"batch_size": len(cases), "size_px": SIZE_PX, "target": target}
    (batch,) = DeviceLoader(study, np.array(cases), **{**defaults, **options})
    return batch


def within(study, case_index, begin_s, end_s):
    """The fixations of a case between two times, each with the time that it lasts between them."""
    whole = study.fixations(case_index, SIZE_PX)
    begins_s = whole.onset_s.astype(np.float64)
    seconds = np.minimum(begins_s + whole.duration_s, end_s) - np.maximum(begins_s, begin_s)
    used = seconds > 0
    assert 0 < used.sum() < len(whole)
    return Fixations(whole.x_px[used], whole.y_px[used], seconds[used])


def test_a_named_class_is_taught_by_the_gaze_before_and_while_it_is_named(dictated):
    batch = load(dictated, ClassHeatmaps(gaze="named", before_s=1.0))
    assert batch.class_heatmap_index.tolist() == [[0, 1], [-1, -1], [-1, -1], [-1, -1]]
    for place, span_s in ((0, (5.0, 8.0)), (1, (1.0, 3.0))):  # the mentions of effusion overlap
        fixations = within(dictated, 0, *span_s)
        expected = rasterize_fixations(
            fixations, (SIZE_PX, SIZE_PX), sigma_px=HEATMAP.sigma_px(SIZE_PX), normalize="max"
        )
        np.testing.assert_allclose(batch.class_heatmap[0, place], expected, atol=1e-5)
    assert not batch.class_heatmap[1:].any()
    # The whole gaze is there for radiographs without words, and the same as ever.
    usual = next(iter(DeviceLoader(dictated, np.arange(4), batch_size=4, size_px=SIZE_PX, target=HEATMAP)))
    assert torch.equal(batch.heatmap, usual.heatmap) and torch.equal(batch.has_gaze, usual.has_gaze)
    assert torch.equal(batch.image, usual.image) and usual.class_heatmap is None


def test_counted_fixations_count_once(dictated):
    target = ClassHeatmapTarget(replace(HEATMAP, weight="count"), ClassHeatmaps(gaze="named", before_s=1.0))
    gaze = target.for_batches(dictated, SIZE_PX)
    found = gaze.class_heatmaps.fixations[: gaze.class_heatmaps.offsets[1]]
    assert len(found) == len(within(dictated, 0, 5.0, 8.0)) and (found[:, 2] == 1).all()


def test_gaze_without_times_or_units_of_time_is_not_matched_with_words(dictated):
    target = ClassHeatmapTarget(HEATMAP, ClassHeatmaps(gaze="named"))
    assert set(target.named(dictated, 0)) == {0, 1}
    untimed = replace(dictated, gaze=dictated.gaze.with_columns(onset_s=pl.lit(None, pl.Float32)))
    relative = replace(dictated, is_relative=np.ones(len(dictated), dtype=bool))
    assert target.named(untimed, 0) == target.named(relative, 0) == {}


def test_regions_teach_the_classes_that_they_are_named_as(dictated):
    batch = load(dictated, ClassHeatmaps(gaze="none", regions="filled"))
    assert batch.class_heatmap_index.tolist() == [[-1, -1], [-1, -1], [0, 1], [-1, -1]]
    assert not batch.has_gaze.any() and not batch.heatmap.any()
    geometry = dictated.geometry(2, SIZE_PX)
    x_min, y_min, x_max, y_max = geometry.sides_to_canvas_px(np.array([[10.0, 10.0, 40.0, 30.0]]))[0]
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    box = (x >= x_min) & (x <= x_max) & (y >= y_min) & (y <= y_max)
    np.testing.assert_array_equal(batch.class_heatmap[2, 1].numpy(), box)
    ellipse = batch.class_heatmap[2, 0].numpy()
    sides = geometry.sides_to_canvas_px(np.array([[20.0, 30.0, 60.0, 50.0]]))[0]
    assert ellipse.mean() == pytest.approx(
        np.pi / 4 * (sides[2] - sides[0]) * (sides[3] - sides[1]) / SIZE_PX**2, rel=0.1
    )
    blurred = load(dictated, ClassHeatmaps(gaze="none", regions="blurred")).class_heatmap[2, 1].numpy()
    assert blurred.max() == pytest.approx(1, abs=1e-4) and 0.2 < blurred[box].min() < 0.6
    assert np.unravel_index(blurred.argmax(), blurred.shape) == pytest.approx(
        ((y_min + y_max) / 2, (x_min + x_max) / 2), abs=1
    )


def test_gaze_and_regions_together(dictated):
    batch = load(dictated, ClassHeatmaps(gaze="named", before_s=1.0, regions="filled"), cases=(2, 0))
    assert batch.gaze_is_named.tolist() == [False, True]
    assert batch.class_heatmap_index.tolist() == [[0, 1], [0, 1]] and batch.has_gaze.all()
    assert batch.class_heatmap.flatten(2).max(dim=2).values.allclose(torch.tensor(1.0))


@pytest.mark.parametrize("settings", [ClassHeatmaps(gaze="named"), ClassHeatmaps(gaze="none", regions="filled")])
def test_the_maps_follow_the_views(dictated, settings):
    """Mirrored and moved with the image: the same map as one whose pixels are moved."""
    case = 0 if settings.gaze == "named" else 2
    plain = load(dictated, settings, cases=(case,))
    with pytest.warns(UserWarning, match="mirror"):
        mirror = Augmentation(rotation_deg=0, zoom=0, shift_frac=0, shear_deg=0, mirror=True)
    seeds = [load(dictated, settings, cases=(case,), augmentation=mirror, seed=seed) for seed in range(8)]
    mirrored = [batch for batch in seeds if not torch.allclose(batch.class_heatmap, plain.class_heatmap, atol=1e-4)]
    assert 0 < len(mirrored) < len(seeds)
    for batch in mirrored:
        torch.testing.assert_close(batch.class_heatmap.flip(-1), plain.class_heatmap, atol=2e-3, rtol=0)


def test_batches_do_not_depend_on_their_road(dictated, monkeypatch):
    settings = ClassHeatmaps(gaze="named", regions="blurred")
    options = {"augmentation": Augmentation(), "seed": 4}
    whole = load(dictated, settings, **options)
    parts = list(
        DeviceLoader(
            dictated,
            np.arange(4),
            batch_size=2,
            size_px=SIZE_PX,
            target=ClassHeatmapTarget(HEATMAP, settings),
            threads=3,
            **options,
        )
    )
    monkeypatch.setattr(device_loader, "_is_copied_to", lambda device: True)
    copied = load(dictated, settings, **options)
    for name in ("class_heatmap", "class_heatmap_index", "gaze_is_named", "heatmap"):
        assert torch.equal(getattr(whole, name), torch.cat([getattr(part, name) for part in parts]))
        assert torch.equal(getattr(whole, name), getattr(copied, name))
    assert whole.first(1).class_heatmap.shape == (1, 2, SIZE_PX, SIZE_PX)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_loader_makes_the_same_batches(dictated):
    target = ClassHeatmapTarget(HEATMAP, ClassHeatmaps(gaze="named", regions="filled"))
    loader = DeviceLoader(dictated, np.arange(4), batch_size=4, size_px=SIZE_PX, target=target)
    (own,) = loader

    def compare():
        (batch,) = loader
        raise SystemExit(0 if torch.equal(batch.class_heatmap, own.class_heatmap) else 3)

    process = multiprocessing.get_context("fork").Process(target=compare)
    process.start()
    process.join(60)
    process.kill()
    assert process.exitcode == 0


def test_a_data_set_of_one_heatmap_a_case_refuses_them(dictated):
    target = ClassHeatmapTarget(HEATMAP, ClassHeatmaps(gaze="named"))
    with pytest.raises(ValueError, match="heatmaps of single classes need a DeviceLoader"):
        StudyDataset(dictated, target=target)


def test_the_kernel_makes_the_same_heatmaps_as_that_of_batches():
    generator = np.random.default_rng(0)
    fixations = generator.uniform(4, 28, (12, 9)).astype(np.float32)
    fixations[:, 5:] = -np.inf, -np.inf, np.inf, np.inf
    offsets, sets = np.array([0, 5, 5, 12]), np.array([2, 0, 1])
    to_image = np.tile(np.array([[0.9, 0.2, 1.0], [-0.1, 1.1, 2.0]], np.float32), (3, 1, 1))
    images, expected, found = np.empty((3, 3, 1, 32, 32), np.float32)
    options = {"normalize": "max", "threads": 2, **KERNEL}
    from egaze import _core

    stack = np.zeros((3, 32, 32), np.uint16)
    still = np.tile(np.array([1, 0, 1, 0], np.float32), (3, 1)), np.zeros(3, np.uint64), np.zeros((3, 0, 4), np.int32)
    _core.sample_batch(stack, sets, to_image, *still, fixations, offsets, images, expected, **options)
    _core.sample_heatmaps(sets, to_image, fixations, offsets, found, **options)
    np.testing.assert_array_equal(found, expected)
    assert found[:2].any() and not found[2].any()
    with pytest.raises(IndexError, match="set 3 of 3"):
        _core.sample_heatmaps(np.array([3, 0, 1]), to_image, fixations, offsets, found, **options)
    with pytest.raises(ValueError, match="offsets must rise from 0 to the number of fixations, 12, got 0 to 5"):
        _core.sample_heatmaps(sets, to_image, fixations, offsets[:2], found, **options)
    with pytest.raises(ValueError, match="sample 1: the map to the image is not invertible"):
        to_image[1] = 0
        _core.sample_heatmaps(sets, to_image, fixations, offsets, found, **options)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gaze": "some"}, "gaze must be one of whole, named, none, got 'some'"),
        ({"gaze": "none"}, "regions must be filled or blurred with gaze none, got 'none'"),
        ({"gaze": "named", "before_s": -1.0}, "before_s must be 0 to 60, got -1.0"),
        ({"gaze": "whole", "before_s": 3.0}, "before_s must be 1.5 with gaze whole, got 3.0"),
        ({"terms": {"Mass": ["lump"]}}, "terms must be empty where no gaze and no region teaches by name"),
        ({"gaze": "named", "terms": {"Mass": ["..."]}}, r"terms\.Mass must be words"),
        ({"gaze": "named", "terms": ["lump"]}, r"terms must be a table, got \['lump'\]"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(RecipeError, match=message):
        ClassHeatmaps(**settings)


def test_settings_that_teach_nothing_are_refused(dictated):
    silent = replace(dictated, cases=dictated.cases.with_columns(phrases=pl.lit(0), regions=pl.lit(0)))
    ClassHeatmaps(gaze="named", regions="filled").require(dictated)
    with pytest.raises(StudyError, match="class_heatmaps.gaze named teaches nothing: on no case of the train split"):
        ClassHeatmaps(gaze="named").require(silent)
    with pytest.raises(StudyError, match="class_heatmaps.regions filled teaches nothing: no case of the train split"):
        ClassHeatmaps(gaze="none", regions="filled").require(silent)
    with pytest.raises(StudyError, match="class_heatmaps.terms names 'Mass', which is not a class of the study"):
        ClassHeatmaps(gaze="named", terms={"Mass": ("lump",)}).require(dictated)


def test_the_table_names_what_teaches(dictated):
    rows = list(
        ClassHeatmapTarget(HEATMAP, ClassHeatmaps(gaze="named", before_s=1.0, regions="filled")).table(dictated)
    )
    assert [row[:4] for row in rows] == [
        (0, "Effusion", "gaze", 2),
        (0, "Cardiomegaly", "gaze", 1),
        (2, "Effusion", "regions", 1),
        (2, "Cardiomegaly", "regions", 1),
    ]
    assert rows[0][4] == len(within(dictated, 0, 5.0, 8.0)) and rows[2][4:] == (0, 0.0)
    assert rows[0][5] == pytest.approx(within(dictated, 0, 5.0, 8.0).duration_s.sum(), abs=1e-3)
