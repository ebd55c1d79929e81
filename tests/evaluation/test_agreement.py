"""The maps' figures of a study whose readers, radiographs and predictions are known."""

from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
from PIL import Image
from study.ready_made import Cases

from egaze.cli.evaluate import _scanpaths
from egaze.evaluation.agreement import agreement_table, centre_bias, mean_agreement, other_readers
from egaze.evaluation.scanpaths import mean_scanpaths, scanpath_tables
from egaze.gaze import Fixations
from egaze.metrics import auc_judd, cc, information_gain, kld, mean_ci, nss, shuffled_auc
from egaze.metrics.gaze_metrics import GAZE_METRICS
from egaze.sources import Case
from egaze.sources.regions import Region
from egaze.study import prepare_study
from egaze.training import load_recipe
from egaze.training.engine import Predictions

SIZE_PX = 32
REGION = Region("opacity", "box", 4, 4, 19, 19)


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("joint", [f"input_size_px={SIZE_PX}"])


@pytest.fixture(scope="module")
def read_twice(tmp_path_factory):
    """12 patients train and 12 test; of each test patient two readers read one radiograph, and one of them a second
    radiograph."""
    folder = tmp_path_factory.mktemp("radiographs")
    generator = np.random.default_rng(0)
    cases = []
    for patient in range(24):
        radiographs = [folder / f"{patient}-{number}.png" for number in range(2)]
        for radiograph in radiographs:
            Image.fromarray(generator.integers(0, 65536, (SIZE_PX, SIZE_PX), dtype=np.uint16)).save(radiograph)
        readings = (
            [(radiographs[0], "a"), (radiographs[0], "b"), (radiographs[1], "a")]
            if patient >= 12
            else [(radiographs[0], "a")]
        )
        for number, (radiograph, reader) in enumerate(readings):
            x, y = generator.uniform(2, 28, (2, 6))
            gaze = Fixations(x, y, generator.uniform(0.1, 0.5, 6), np.arange(6) * 0.6)
            side = "train" if patient < 12 else "test"
            cases.append(
                Case(f"{patient}-{number}", f"p{patient}", radiograph, gaze, "normal", reader, side, (REGION,))
            )
    return prepare_study([Cases(cases)], folder / "study", size_px=SIZE_PX)


@pytest.fixture(scope="module")
def predictions(read_twice):
    test = read_twice.splits.indices("test")
    maps = np.random.default_rng(1).random((len(test), SIZE_PX, SIZE_PX)).astype(np.float16)
    return Predictions(test, np.full((len(test), 2), 0.5, np.float32), maps, {})


@pytest.fixture(scope="module")
def table(read_twice, recipe, predictions):
    return agreement_table(read_twice, recipe, predictions, SIZE_PX)


def test_centre_bias_and_other_readers_are_measured_too(read_twice, recipe, predictions, table):
    study, target = read_twice, recipe.heatmap
    assert table["case_index"].to_list() == predictions.case_index.tolist()
    centre = centre_bias(study, target, SIZE_PX)
    rows = table.with_columns(name=study.cases["case_id"].gather(table["case_index"])).rows_by_key("name", named=True)
    by_name = dict(zip(study.cases["case_id"], range(len(study)), strict=True))
    for name, (row,) in rows.items():
        case_index = by_name[name]
        gaze = study.fixations(case_index, SIZE_PX)
        at = gaze.x_px, gaze.y_px
        prediction = predictions.heatmap[table["case_index"].to_list().index(case_index)].astype(float)
        assert row["auc_judd"] == pytest.approx(auc_judd(prediction, *at))
        assert row["information_gain"] == pytest.approx(information_gain(prediction, centre, *at))
        assert row["centre_cc"] == pytest.approx(cc(centre, target.heatmap(study, [case_index], SIZE_PX)))
        assert row["centre_information_gain"] == 0
        other = by_name.get({"0": f"{name[:-1]}1", "1": f"{name[:-1]}0"}.get(name[-1]))
        if other is None:
            assert all(row[f"ceiling_{key}"] is None for key in GAZE_METRICS)
            continue
        ceiling = target.heatmap(study, [other], SIZE_PX).astype(float)
        assert row["ceiling_nss"] == pytest.approx(nss(ceiling, *at))
        assert row["ceiling_kld"] == pytest.approx(kld(ceiling, target.heatmap(study, [case_index], SIZE_PX)))


def test_shuffled_auc_is_against_training_radiographs_alone(read_twice, predictions, table):
    study = read_twice
    train = [study.fixations(int(case_index), SIZE_PX) for case_index in study.splits.indices("train")]
    elsewhere = (np.concatenate([getattr(gaze, name) for gaze in train]) for name in ("x_px", "y_px"))
    gaze = study.fixations(int(predictions.case_index[0]), SIZE_PX)
    expected = shuffled_auc(predictions.heatmap[0].astype(float), gaze.x_px, gaze.y_px, *elsewhere)
    assert table["shuffled_auc"][0] == pytest.approx(expected, abs=1e-6)


def test_metrics_are_means_with_intervals_over_patients(read_twice, recipe, table):
    notes = []
    figures = mean_agreement(read_twice, recipe, table, SIZE_PX, notes)
    patients = read_twice.patients[table["case_index"].to_numpy()]
    assert notes == [] and figures.cases == 36 and figures.ceiling.cases == 24

    def is_of(figure, values, groups):
        interval = mean_ci(values, groups)
        assert (figure.value, figure.low, figure.high) == pytest.approx((interval.value, interval.low, interval.high))

    twice = (table["ceiling_cc"].is_not_null()).to_numpy()
    for key in GAZE_METRICS:
        is_of(figures.predicted[key], table[key].to_numpy(), patients)
        is_of(figures.ceiling.readers[key], table[f"ceiling_{key}"].to_numpy()[twice], patients[twice])
        is_of(figures.ceiling.predicted[key], table[key].to_numpy()[twice], patients[twice])
    is_of(figures.over_centre_bias["sim"], (table["sim"] - table["centre_sim"]).to_numpy(), patients)


def test_every_metric_says_what_it_was_measured_against(read_twice, recipe, table):
    figures = mean_agreement(read_twice, recipe, table, SIZE_PX, [])
    assert figures.sigma_px == pytest.approx(recipe.heatmap.sigma_frac * SIZE_PX)
    for key in ("cc", "sim", "kld"):
        assert figures.definitions[key].against == "heatmap"
        assert figures.against(key) == f"heatmap, sigma 1.6 px of 32, weight {recipe.heatmap.weight}"
    for key in ("nss", "auc_judd", "auc_borji", "shuffled_auc", "information_gain"):
        assert figures.against(key) == "fixations on 32 x 32 px"
    for key in ("kld", "information_gain"):
        assert "eps 2.2204e-16" in figures.definitions[key].remark


def test_a_metric_is_a_mean_over_the_radiographs_that_have_it(read_twice, recipe, table):
    notes = []
    row = pl.int_range(pl.len())
    some = table.with_columns(shuffled_auc=pl.when(row >= 3).then("shuffled_auc"), nss=pl.lit(None, pl.Float64))
    figures = mean_agreement(read_twice, recipe, some, SIZE_PX, notes)
    expected = mean_ci(table["shuffled_auc"][3:], read_twice.patients[table["case_index"].to_numpy()][3:])
    found = figures.predicted["shuffled_auc"]
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))
    assert figures.predicted["nss"] is figures.over_centre_bias["nss"] is None and figures.centre_bias["nss"].is_defined
    assert "shuffled AUC: 3 cases have no fixations on training cases of other patients to compare with" in notes
    assert "NSS: 36 cases lack what it needs" in notes


def test_few_patients_are_noted(read_twice, recipe, table):
    notes = []
    mean_agreement(read_twice, recipe, table.head(9), SIZE_PX, notes)
    assert notes and all("fewer than 10 patients" in note for note in notes)
    assert mean_agreement(read_twice, recipe, table.clear(), SIZE_PX, notes) is None
    assert notes[-1] == "heatmaps: no radiograph of this split has gaze on it"


def test_scanpaths_are_measured_on_radiographs_and_in_regions(read_twice, recipe):
    study, test = read_twice, read_twice.splits.indices("test")
    radiographs, regions = scanpath_tables(study, recipe.heatmap, test, SIZE_PX)
    figures = mean_scanpaths(study, recipe.heatmap, radiographs, regions, SIZE_PX, [])
    durations = [study.fixations(int(case_index), SIZE_PX).duration_s.sum() for case_index in test]
    assert figures.cases == 36 and figures.fixations.value == 6
    assert figures.dwell_s.value == pytest.approx(np.mean(durations))
    opacity, dwell_s, first_s = figures.regions["opacity"], [], []
    for case_index in test:
        gaze = study.fixations(int(case_index), SIZE_PX)
        x, y = np.floor(gaze.x_px + 0.5), np.floor(gaze.y_px + 0.5)
        within = (x >= 4) & (x <= 19) & (y >= 4) & (y <= 19)
        dwell_s.append(gaze.duration_s[within].sum())
        first_s += gaze.onset_s[within][:1].tolist()
    assert opacity.dwell_s.value == pytest.approx(np.mean(dwell_s))
    assert opacity.cases_timed == len(first_s) == opacity.cases_fixated < 37
    assert opacity.first_fixation_s.value == pytest.approx(np.mean(first_s), abs=1e-6)
    assert opacity.area_frac.value == pytest.approx(16 * 16 / SIZE_PX**2)
    assert "1.6 px of 32" in figures.coverage
    assert figures.cases_relative == opacity.cases_relative == 0


@pytest.mark.parametrize("some", [False, True])
def test_relative_durations_have_shares_and_no_dwell_time(read_twice, recipe, some):
    test = read_twice.splits.indices("test")
    is_relative = np.isin(np.arange(len(read_twice)), test[::2] if some else test)
    study = replace(read_twice, is_relative=is_relative)
    tables = [scanpath_tables(one, recipe.heatmap, test, SIZE_PX) for one in (read_twice, study)]
    before, after = (
        mean_scanpaths(study, recipe.heatmap, radiographs, regions, SIZE_PX, []) for radiographs, regions in tables
    )
    assert after.cases_relative == after.regions["opacity"].cases_relative == is_relative.sum()
    for one, other in ((before, after), (before.regions["opacity"], after.regions["opacity"])):
        changed = {field.name for field in fields(one) if getattr(one, field.name) != getattr(other, field.name)}
        assert changed == {"dwell_s", "cases_relative", *({"regions"} if one is before else ())}
    if not some:
        assert after.dwell_s is after.regions["opacity"].dwell_s is None
        assert "relative and not in the dwell times" in "\n".join(_scanpaths(after))
        assert "dwell time, s" not in "\n".join(_scanpaths(after)) and "share of dwell" in "\n".join(_scanpaths(after))
        return
    seconds = [study.fixations(int(index), SIZE_PX).duration_s.sum() for index in test[1::2]]
    assert after.dwell_s.value == pytest.approx(np.mean(seconds))
    assert "dwell time, s" in "\n".join(_scanpaths(after))


def test_readers_with_different_units_are_not_combined(read_twice):
    test = read_twice.splits.indices("test")
    others = other_readers(read_twice, test)
    by_reader = (read_twice.cases["reader_id"] == "a").to_numpy()
    assert len(others) == 24 and other_readers(replace(read_twice, is_relative=by_reader), test) == {}
    assert other_readers(replace(read_twice, is_relative=np.ones(len(read_twice), bool)), test) == others
