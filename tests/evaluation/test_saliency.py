import numpy as np
import pytest
from scipy.stats import entropy, pearsonr

from egaze.evaluation import cc, kld, mean_ci, nss, sim


@pytest.fixture
def maps():
    return np.random.default_rng(0).random((2, 12, 9))


def test_cc_is_pearson_s_correlation(maps):
    p, q = maps
    assert cc(p, q) == pytest.approx(pearsonr(p.ravel(), q.ravel())[0])
    assert cc(3 * p + 1, p) == pytest.approx(1) and cc(-p, p) == pytest.approx(-1) and cc(np.ones_like(p), p) == 0


def test_kld_is_the_relative_entropy_of_the_densities(maps):
    p, q = maps
    assert kld(p, q) == pytest.approx(entropy(q.ravel(), p.ravel()))
    assert kld(5 * p, p) == pytest.approx(0, abs=1e-12) and kld(p, q) != pytest.approx(kld(q, p))
    assert np.isfinite(kld(np.zeros_like(p), q)) and kld(np.eye(3), np.eye(3)[::-1]) > 10


def test_sim_is_the_shared_mass(maps):
    p, q = maps
    assert sim(p, 2 * p) == pytest.approx(1) and 0 < sim(p, q) < 1
    assert sim(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) == 0


def test_nss_is_the_standardised_value_at_fixations(maps):
    p = maps[0]
    z = (p - p.mean()) / p.std()
    assert nss(p, [2, 7.4, 3], [5, 0, 11.4]) == pytest.approx((z[5, 2] + z[0, 7] + z[11, 3]) / 3)
    # Fixations off the map do not count.
    assert nss(p, [2, -40, 9], [5, 3, 3]) == pytest.approx(z[5, 2])
    assert nss(np.ones((4, 4)), [1], [1]) == 0


def test_bad_maps(maps):
    p, q = maps
    for function in (cc, kld, sim):
        with pytest.raises(ValueError, match="share a shape"):
            function(p, q[:5])
        with pytest.raises(ValueError, match="finite"):
            function(p * np.nan, q)
    for function in (kld, sim):
        with pytest.raises(ValueError, match="must not be negative, got -1"):
            function(np.full((2, 2), -1.0), q[:2, :2])
    with pytest.raises(ValueError, match="no fixation lies on the map"):
        nss(p, [-5], [2])


def test_mean_ci_is_close_to_the_t_interval():
    values = np.random.default_rng(1).normal(2, 1, 200)
    interval = mean_ci(values)
    half = 1.96 * values.std(ddof=1) / np.sqrt(200)
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)
    # The same values in groups of four are worth a quarter.
    grouped = mean_ci(np.repeat(values, 4), np.repeat(np.arange(200), 4))
    assert (grouped.high - grouped.low) == pytest.approx(interval.high - interval.low, rel=0.1)
    with pytest.raises(ValueError, match="at least one"):
        mean_ci([])
    with pytest.raises(ValueError, match="finite"):
        mean_ci([1, np.nan])
