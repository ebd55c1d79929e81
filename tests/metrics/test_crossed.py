import numpy as np
import pytest

from egaze.metrics import StatisticsWarning, crossed_mean_ci, mean_ci

READERS, PATIENTS = np.repeat(np.arange(12), 20), np.tile(np.arange(20), 12)


def test_it_is_wide_where_either_kind_varies():
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 0.1, len(READERS))
    for by_reader, by_patient in ((1.0, 0.0), (0.0, 1.0)):
        values = noise + generator.normal(0, by_reader, 12)[READERS] + generator.normal(0, by_patient, 20)[PATIENTS]
        both = crossed_mean_ci(values, READERS, PATIENTS, resamples=2000)
        varying = READERS if by_reader else PATIENTS
        expected = mean_ci(values, varying, resamples=2000)
        assert both.value == pytest.approx(values.mean())
        assert both.high - both.low == pytest.approx(expected.high - expected.low, rel=0.1)
        # Over the other kind alone the interval says too much.
        other = mean_ci(values, PATIENTS if by_reader else READERS, resamples=2000)
        assert other.high - other.low < 0.5 * (both.high - both.low)


def test_resamples_weight_readers_by_patients():
    """With values of one reader only in one patient, a resample may hold none of them."""
    values, readers, patients = np.array([1.0, 2.0, 4.0]), np.array([0, 1, 2]), np.array([0, 1, 2])
    with pytest.warns(StatisticsWarning, match="do not define the statistic"):
        found = crossed_mean_ci(values, readers, patients, resamples=500)
    assert found.value == pytest.approx(7 / 3) and 1 <= found.low < found.high <= 4


def test_one_group_has_no_interval():
    with pytest.warns(StatisticsWarning, match="two of each"):
        found = crossed_mean_ci([1.0, 2.0], ["a", "a"], [0, 1])
    assert found.value == 1.5 and not found.has_interval


def test_bad_input():
    with pytest.raises(ValueError, match="finite"):
        crossed_mean_ci([1.0, np.nan], [0, 1], [0, 1])
    with pytest.raises(ValueError, match="groups must be"):
        crossed_mean_ci([1.0, 2.0], [0], [0, 1])
    with pytest.raises(ValueError, match="level"):
        crossed_mean_ci([1.0, 2.0], [0, 1], [0, 1], level=95)
