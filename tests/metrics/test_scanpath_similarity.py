import numpy as np
import pytest

from egaze.metrics import areas_in_time, edit_similarity, grid_substitution, multimatch, scanmatch

DIMENSIONS = ("shape", "direction", "length", "position", "duration")


def paths(seed, count):
    generator = np.random.default_rng(seed)
    return generator.uniform(0, 300, count), generator.uniform(0, 200, count), generator.uniform(0.1, 0.8, count)


@pytest.mark.parametrize("seed", range(4))
def test_multimatch_equals_the_package_of_that_name(seed):
    theirs = pytest.importorskip("multimatch_gaze")
    one, two = paths(seed, 9 + seed), paths(seed + 50, 7)
    names = {"names": ("start_x", "start_y", "duration")}
    records = [np.rec.fromarrays(path, **names) for path in (one, two)]
    expected = theirs.docomparison(*records, screensize=[300, 200])
    found = multimatch(one, two, (200, 300))
    np.testing.assert_allclose([getattr(found, name) for name in DIMENSIONS], expected, atol=1e-12)


def test_multimatch_of_equal_and_moved_paths():
    x, y, duration_s = paths(1, 6)
    same = multimatch((x, y, duration_s), (x, y, duration_s), (200, 300))
    assert [getattr(same, name) for name in DIMENSIONS] == [1] * 5
    moved = multimatch((x, y, duration_s), (x + 30, y + 40, duration_s / 2), (200, 300))
    assert moved.shape == moved.direction == pytest.approx(1)
    assert moved.position == pytest.approx(1 - 50 / np.hypot(200, 300)) and moved.duration == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("one", "two", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0), ("flaw", "lawn", 2), ("intention", "execution", 5)],
)
def test_edit_similarity(one, two, distance):
    numbers = [[ord(letter) for letter in word] for word in (one, two)]
    assert edit_similarity(*numbers) == pytest.approx(1 - distance / max(len(one), len(two)))
    assert edit_similarity(*numbers[::-1]) == edit_similarity(*numbers)


def alignment_by_hand(one, two, scores, gap):
    """Needleman and Wunsch, cell by cell."""
    table = np.zeros((len(one) + 1, len(two) + 1))
    table[:, 0], table[0] = gap * np.arange(len(one) + 1), gap * np.arange(len(two) + 1)
    for i, a in enumerate(one, 1):
        for j, b in enumerate(two, 1):
            table[i, j] = max(table[i - 1, j - 1] + scores[a, b], table[i - 1, j] + gap, table[i, j - 1] + gap)
    return table[-1, -1] / (scores.max() * max(len(one), len(two)))


@pytest.mark.parametrize("gap", [0.0, -0.3])
def test_scanmatch_is_the_best_alignment(gap):
    generator, scores = np.random.default_rng(0), grid_substitution(3, 4, threshold=1.5)
    for _ in range(20):
        one, two = (generator.integers(0, 12, generator.integers(0, 9)) for _ in range(2))
        if len(one) + len(two):
            expected = alignment_by_hand(one, two, scores, gap)
            assert scanmatch(one, two, scores, gap=gap) == pytest.approx(expected)
    assert scanmatch([3, 4], [3, 4], scores) == 1


def test_areas_in_time_weight_by_duration():
    assert areas_in_time([1, 2, 3], [0.1, 0.01, 0.13]).tolist() == [1, 1, 2, 3, 3, 3]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: multimatch(([1], [1], [1]), ([1, 2], [1], [1]), (4, 4)), "a scanpath must be"),
        (lambda: multimatch(([1], [1], [0]), ([1], [1], [1]), (4, 4)), "durations above 0"),
        (lambda: scanmatch([0], [2], np.eye(2)), "areas must be 0 to 1, got 2 to 2"),
        (lambda: scanmatch([0], [0], np.zeros((1, 1))), "a value above 0"),
        (lambda: grid_substitution(2, 2, threshold=0), "threshold above 0"),
        (lambda: areas_in_time([1], [0.1], bin_s=0), "unit above 0"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(ValueError, match=match):
        call()
