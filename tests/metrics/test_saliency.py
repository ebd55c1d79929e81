import time

import numpy as np
import polars as pl
import pytest
from reference import saliency as reference
from scipy.stats import entropy, pearsonr

from egaze.gaze import Fixations, rasterize_fixations
from egaze.metrics import auc_borji, auc_judd, cc, information_gain, kld, nss, shuffled_auc, sim


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


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, 1e300, 0.0, np.float32(0.7)])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (224, 224)])
def test_a_constant_map_scores_as_chance(value, shape):
    p, q = np.full(shape, value), np.random.default_rng(0).random(shape)
    assert nss(p, [0], [0]) == 0 and cc(p, q) == cc(q, p) == cc(p, p) == 0
    assert auc_judd(p, [0], [0]) == auc_borji(p, [0], [0]) == shuffled_auc(p, [0], [0], [0], [0]) == 0.5
    assert information_gain(p, p, [0], [0]) == 0
    if float(value) < 1e300:
        assert sim(p, p) == pytest.approx(1) and kld(p, p) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e-8, 1e200])
def test_maps_of_a_tiny_scale_are_not_taken_for_constant(maps, scale):
    p, q = maps
    assert cc(scale * p, q) == pytest.approx(cc(p, q)) and nss(scale * p, [2], [3]) == pytest.approx(nss(p, [2], [3]))
    assert cc(1 + 1e-9 * p, q) == pytest.approx(cc(p, q), abs=1e-5)


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


FIXATIONS = [(2, 5), (7, 0), (3, 11), (2, 5), (8, 8), (0, 0)]
OTHERS = [(1, 1), (4, 4), (7, 0), (8, 11), (5, 2)]
X, Y = np.array(FIXATIONS).T
OTHER_X, OTHER_Y = np.array(OTHERS).T


def test_the_maps_measures_are_their_definitions(maps):
    p, q = maps
    assert sim(p, q) == pytest.approx(reference.similarity(p, q))
    assert information_gain(p, q, X, Y) == pytest.approx(reference.information_gain(p, q, FIXATIONS))
    assert information_gain(p, p, X, Y) == 0
    assert auc_judd(p, X, Y) == pytest.approx(reference.auc_judd(p, FIXATIONS))
    assert shuffled_auc(p, X, Y, OTHER_X, OTHER_Y) == pytest.approx(reference.shuffled_auc(p, FIXATIONS, OTHERS))


@pytest.mark.parametrize("step", [0.1, 0.02])
def test_auc_borji_is_its_definition(maps, step):
    p = maps[0]
    drawn = np.random.default_rng(3).integers(0, p.size, (20, len(FIXATIONS)))
    pixels = [[(place % p.shape[1], place // p.shape[1]) for place in row] for row in drawn.tolist()]
    expected = reference.auc_borji(p, FIXATIONS, pixels, step)
    assert auc_borji(p, X, Y, splits=20, step=step, seed=3) == pytest.approx(expected)


def test_aucs_know_good_maps_from_bad():
    y, x = np.mgrid[:40, :40]
    good = np.exp(-((x - 30) ** 2 + (y - 10) ** 2) / 50)
    at = np.array([29, 30, 31]), np.array([9, 10, 10])
    elsewhere = np.array([5, 12, 20]), np.array([35, 30, 22])
    for measure in (auc_judd, auc_borji):
        assert measure(good, *at) > 0.9 > 0.2 > measure(-good, *at)
        assert measure(np.ones((40, 40)), *at) == pytest.approx(0.5)
    assert shuffled_auc(good, *at, *elsewhere) == 1 and shuffled_auc(-good, *at, *elsewhere) == 0
    assert shuffled_auc(np.ones((40, 40)), *at, *elsewhere) == 0.5
    # Of no use to AUC-Judd, and so neither right nor wrong.
    assert auc_judd(np.array([[1.0, 2.0]]), [0, 1], [0, 0]) == 0.5


def test_aucs_do_not_depend_on_the_map_s_scale(maps):
    p = maps[0]
    for measure in (auc_judd, auc_borji):
        assert measure(7 * p - 2, X, Y) == pytest.approx(measure(p, X, Y))
    assert auc_judd(p**3, X, Y) == pytest.approx(auc_judd(p, X, Y))
    assert shuffled_auc(np.log(p + 1), X, Y, OTHER_X, OTHER_Y) == shuffled_auc(p, X, Y, OTHER_X, OTHER_Y)


def test_equal_values_share_a_threshold_where_the_published_code_jitters():
    constant, at = np.ones((12, 9)), ([2, 7, 3, 8, 0], [5, 0, 11, 8, 0])
    generator = np.random.default_rng(5)
    jittered = [auc_judd(constant + 1e-7 * generator.random(constant.shape), *at) for _ in range(3000)]
    assert np.mean(jittered) == pytest.approx(0.5 + 0.5 / 6, abs=0.01)
    assert auc_judd(constant, *at) == 0.5


def test_bad_options(maps):
    p, q = maps
    with pytest.raises(ValueError, match="must not be negative"):
        information_gain(p, -q, X, Y)
    with pytest.raises(ValueError, match="splits must be at least 1"):
        auc_borji(p, X, Y, splits=0)


def test_hundreds_of_cases_take_seconds():
    generator = np.random.default_rng(0)
    p, q = generator.random((2, 224, 224))
    x, y = generator.integers(0, 224, (2, 45))
    other_x, other_y = generator.integers(0, 224, (2, 40_000))
    begun = time.thread_time()
    for _ in range(10):
        cc(p, q), sim(p, q), kld(p, q), nss(p, x, y), information_gain(p, q, x, y)
        auc_judd(p, x, y), auc_borji(p, x, y), shuffled_auc(p, x, y, other_x, other_y)
    assert (time.thread_time() - begun) / 10 < 0.05


# What pysaliency 0.2.22 gives for the maps and fixations below; its AUC against all pixels is what AUC-Borji tends to.
ROWS, COLUMNS = np.mgrid[:12, :9]
FEW_TIES, MANY_TIES = (31 * ROWS + 47 * COLUMNS) % 109 + 1.0, (5 * ROWS + 7 * COLUMNS) % 6 + 1.0


def test_the_maps_measures_are_pysaliency_s():
    assert cc(FEW_TIES, MANY_TIES) == pytest.approx(0.0874126687644224)
    assert sim(FEW_TIES, MANY_TIES) == pytest.approx(0.686612364243943)
    assert kld(FEW_TIES, MANY_TIES) == pytest.approx(0.521328985987517)
    assert nss(FEW_TIES, X, Y) == pytest.approx(-0.5743103007845214)
    assert nss(MANY_TIES, X, Y) == pytest.approx(-0.3903600291794132)


@pytest.mark.parametrize(
    ("p", "judd", "shuffled", "uniform"),
    [
        (FEW_TIES, 0.4087378640776699, 0.2333333333333333, 0.3294753086419753),
        (MANY_TIES, 0.37766990291262137, 0.5833333333333334, 0.388888888888889),
    ],
)
def test_the_aucs_are_pysaliency_s(p, judd, shuffled, uniform):
    assert auc_judd(p, X, Y) == pytest.approx(judd)
    assert shuffled_auc(p, X, Y, OTHER_X, OTHER_Y) == pytest.approx(shuffled)
    assert auc_borji(p, X, Y, splits=20_000, step=0.001) == pytest.approx(uniform, abs=0.005)


@pytest.mark.realdata
def test_viewers_predict_each_other_as_well_as_is_known(real_data):
    """OSIE: viewer 1 from the other 14 (sigma 24 px) on the first 60 images by name, and from where viewers look on
    any image; shuffled against everybody's fixations on the other images."""
    gaze = pl.read_csv(real_data / "osie_gaze" / "fixations.csv").sort("image")
    # Their pixels count from 1.
    gaze = gaze.with_columns(pl.col("x_px", "y_px") - 1, duration_s=pl.col("duration_ms") / 1000)
    shape = (600, 800)

    def heatmap(rows):
        fixations = Fixations(*(rows[name].to_numpy() for name in ("x_px", "y_px", "duration_s")))
        return rasterize_fixations(fixations, shape, sigma_px=24, weight="count").astype(np.float64)

    centre = heatmap(gaze)
    found = []
    for name in sorted(set(gaze["image"]))[:60]:
        here, elsewhere = gaze.filter(pl.col("image") == name), gaze.filter(pl.col("image") != name)
        others = heatmap(here.filter(pl.col("subject") != 1))
        one = here.filter(pl.col("subject") == 1)
        at = one["x_px"].to_numpy(), one["y_px"].to_numpy()
        not_here = elsewhere["x_px"].to_numpy(), elsewhere["y_px"].to_numpy()
        row = [nss(others, *at), shuffled_auc(others, *at, *not_here)]
        found.append([*row, nss(centre, *at), shuffled_auc(centre, *at, *not_here)])
    np.testing.assert_allclose(np.mean(found, axis=0), [3.48, 0.875, 1.17, 0.569], atol=0.01)
