import numpy as np
import pytest

from egaze.loading import Augmentation, randomness
from egaze.loading.augment import identity

CASES = np.arange(2000)
NOTHING = Augmentation(
    rotation_deg=0, zoom=0, shift_frac=0, shear_deg=0, gain=0, bias=0, gamma=0, noise=0, cutouts=0, mirror=False
)


def test_views_vary_within_their_limits():
    settings = Augmentation(rotation_deg=10, zoom=0.1, shift_frac=0.05, shear_deg=0, cutouts=2, cutout_frac=0.3)
    views = settings.draw(0, 0, CASES)
    linear = views.to_image[:, :, :2]
    scale = np.sqrt(np.linalg.det(linear))
    assert 0.9 <= scale.min() < 0.901 and 1.099 < scale.max() <= 1.1
    angle = np.rad2deg(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    assert -10 <= angle.min() < -9.9 and 9.9 < angle.max() <= 10
    centre = linear @ [0.5, 0.5] + views.to_image[:, :, 2]
    assert 0.049 < np.abs(centre - 0.5).max() <= 0.05 + 1e-9
    gain, bias, gamma, noise = views.intensity.T.astype(np.float64)
    assert 0.8 <= gain.min() < 0.801 and 1.199 < gain.max() < 1.2001
    # Contrast turns about mid-grey.
    assert 0.049 < np.abs(gain * 0.5 + bias - 0.5).max() <= 0.0501
    assert 1 / 1.2001 < gamma.min() < 0.835 and 1.198 < gamma.max() < 1.2001
    assert 0 <= noise.min() < 1e-4 and 0.0199 < noise.max() <= 0.02
    left, top, right, bottom = views.cutouts_unit.reshape(-1, 4).T
    for low, high in ((left, right), (top, bottom)):
        assert (high - low).min() >= 0 and 0.299 < (high - low).max() <= 0.3
        assert (low + high).min() / 2 >= 0 and (low + high).max() / 2 <= 1
    assert views.cutouts_px(100).shape == (2000, 2, 4) and views.cutouts_px(100).dtype == np.int32


def test_shear_leans_the_vertical():
    linear = Augmentation(rotation_deg=0, zoom=0, shear_deg=15).draw(0, 0, CASES).to_image[:, :, :2]
    np.testing.assert_allclose(linear[:, :, 0], [[1, 0]] * 2000)
    np.testing.assert_allclose(linear[:, 1, 1], 1)
    lean = np.rad2deg(np.arctan(linear[:, 0, 1]))
    assert -15 <= lean.min() < -14.9 and 14.9 < lean.max() <= 15


def test_an_augmentation_of_zero_changes_nothing():
    same, plain = NOTHING.draw(0, 0, CASES[:3]), identity(3)
    np.testing.assert_allclose(same.to_image, plain.to_image, atol=1e-12)
    np.testing.assert_allclose(same.intensity, plain.intensity, atol=1e-7)
    assert same.cutouts_unit.shape == plain.cutouts_unit.shape == (3, 0, 4)
    np.testing.assert_allclose(plain.to_image_px(64, 64), [[[1, 0, 0], [0, 1, 0]]] * 3, atol=1e-6)
    np.testing.assert_allclose(plain.to_image_px(32, 64), [[[2, 0, 0.5], [0, 2, 0.5]]] * 3, atol=1e-6)


def test_mirroring_warns_and_changes_nothing_else():
    with pytest.warns(UserWarning, match="heart on the wrong side"):
        settings = Augmentation(mirror=True)
    mirrored, plain = settings.draw(1, 2, CASES), Augmentation().draw(1, 2, CASES)
    is_mirrored = np.linalg.det(mirrored.to_image[:, :, :2]) < 0
    assert 0.45 < is_mirrored.mean() < 0.55
    np.testing.assert_array_equal(mirrored.to_image[~is_mirrored], plain.to_image[~is_mirrored])
    x, y = np.array([0.2, 0.3, 1.0]), np.array([0.8, 0.3, 1.0])
    np.testing.assert_allclose(mirrored.to_image[is_mirrored] @ x, plain.to_image[is_mirrored] @ y)
    np.testing.assert_array_equal(mirrored.intensity, plain.intensity)


def test_a_view_depends_on_seed_epoch_case_and_repeat_alone():
    def draw(seed, epoch, cases, repeats=0):
        return Augmentation(cutouts=1).draw(seed, epoch, np.asarray(cases), repeats).to_image

    whole = draw(3, 4, CASES)
    np.testing.assert_array_equal(draw(3, 4, CASES[::-7]), whole[::-7])
    for other in (draw(2, 4, CASES), draw(3, 5, CASES), draw(4, 3, CASES), draw(3, 4, CASES + 1), draw(3, 4, CASES, 1)):
        assert not (other == whole).all(axis=(1, 2)).any()


def test_random_numbers_are_uniform_and_uncorrelated():
    columns = [
        randomness.uniform(randomness.keys(seed, epoch, np.arange(50_000), repeat), 3)
        for seed, epoch, repeat in ((0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1), (-5, 1 << 40, 0))
    ]
    numbers = np.concatenate(columns, axis=1)
    assert numbers.min() >= 0 and numbers.max() < 1
    np.testing.assert_allclose(numbers.mean(axis=0), 0.5, atol=0.006)
    np.testing.assert_allclose(numbers.var(axis=0), 1 / 12, atol=0.002)
    for shifted in (numbers, np.roll(numbers, 1, axis=0)):
        related = np.corrcoef(numbers.T, shifted.T)[:15, 15:] - (shifted is numbers) * np.eye(15)
        assert np.abs(related).max() < 0.025


def test_random_numbers_equal_splitmix64():
    """With Python's integers, so they stay the same on every machine and in every version."""
    mask, golden = (1 << 64) - 1, 0x9E3779B97F4A7C15

    def mixed(word):
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & mask
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB & mask
        return word ^ (word >> 31)

    shared = mixed((mixed(1) + 2) & mask)
    expected = [mixed((shared + ((repeat << 40) + case) * golden) & mask) for case, repeat in ((3, 0), (4, 7))]
    keys = randomness.keys(1, 2, np.array([3, 4]), np.array([0, 7]))
    assert keys.tolist() == expected
    drawn = [[(mixed((key + number * golden) & mask) >> 11) / 2**53 for number in (1, 2)] for key in expected]
    np.testing.assert_array_equal(randomness.uniform(keys, 2), drawn)
