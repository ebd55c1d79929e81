import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from egaze.labels import ExclusiveLabels, IndependentLabels
from egaze.loading.sampling import (
    InOrder,
    Mixed,
    Shuffled,
    Weighted,
    batch_bounds,
    class_balanced,
    class_weighted,
    gaze_and_label,
    repeats,
)

CASES = np.arange(100, 150)


@pytest.mark.parametrize(
    "order",
    [
        InOrder(CASES),
        Shuffled(CASES),
        Weighted(CASES, np.arange(50)),
        Weighted(CASES, np.ones(50), samples=7),
        Mixed((Shuffled(CASES[:10]), InOrder(CASES[10:])), (1, 2)),
        Mixed((Shuffled(CASES[:10]), InOrder(CASES[10:])), (1, 2), samples=91),
    ],
)
def test_the_order_depends_on_seed_and_epoch(order):
    drawn = order.draw(1, 2)
    assert len(drawn) == len(order) and drawn.dtype == np.int64 and np.isin(drawn, CASES).all()
    np.testing.assert_array_equal(order.draw(1, 2), drawn)
    if isinstance(order, InOrder):
        np.testing.assert_array_equal(drawn, CASES)
    else:
        assert not np.array_equal(order.draw(1, 3), drawn) and not np.array_equal(order.draw(2, 2), drawn)


def test_shuffled_holds_every_case_once():
    assert sorted(Shuffled(CASES).draw(0, 0)) == CASES.tolist()


def test_weights_are_kept():
    weights = np.r_[0.0, np.arange(1, 50)]
    drawn = Weighted(CASES, weights, samples=200_000).draw(0, 0)
    np.testing.assert_allclose(np.bincount(drawn - 100, minlength=50) / 200_000, weights / weights.sum(), atol=0.002)


def labelled(indices):
    return SimpleNamespace(labels=ExclusiveLabels(("a", "b", "c"), indices))


def test_classes_are_balanced_and_the_unlabelled_keep_their_share():
    labels = np.repeat([0, 2, -1], [60, 20, 20])
    order = class_balanced(labelled(labels), np.arange(100))
    drawn = labels[np.concatenate([order.draw(0, epoch) for epoch in range(500)])]
    np.testing.assert_allclose([(drawn == label).mean() for label in (0, 2, -1)], [0.4, 0.4, 0.2], atol=0.01)
    without = class_balanced(labelled(np.full(5, -1)), np.arange(5))
    np.testing.assert_array_equal(without.weights, 1)


def test_independent_classes_are_balanced_with_cases_that_have_none():
    certainty = np.repeat(np.array([[1, 0], [1, 1], [0, 0], [np.nan, np.nan]], np.float32), [40, 10, 30, 20], axis=0)
    study = SimpleNamespace(labels=IndependentLabels(("effusion", "mass"), certainty, "ignore"))
    order = class_balanced(study, np.arange(100))
    drawn = certainty[np.concatenate([order.draw(0, epoch) for epoch in range(500)])]
    unknown = np.isnan(drawn[:, 0])
    assert unknown.mean() == pytest.approx(0.2, abs=0.01)
    # Of 80 labelled draws, each of effusion, mass and none is worth a third: effusion's is spread over 50 cases, mass's
    # over 10, which have effusion too.
    assert (drawn[:, 1] == 1).mean() == pytest.approx((80 / 3 + 80 / 3 * 10 / 50) / 100, abs=0.01)
    assert (drawn[~unknown] == 0).all(axis=1).sum() / len(drawn) == pytest.approx(80 / 3 / 100, abs=0.01)


def test_cases_are_weighted_by_class():
    order = class_weighted(labelled(np.array([0, 1, -1, 2])), np.arange(4), [1, 3, 0])
    np.testing.assert_allclose(order.weights, [1, 3, 4 / 3, 0])
    certainty = np.array([[1, 1], [0, 1], [0, 0], [np.nan, np.nan]], np.float32)
    study = SimpleNamespace(labels=IndependentLabels(("a", "b"), certainty, "ignore"))
    np.testing.assert_allclose(class_weighted(study, np.arange(4), [5, 2, 1]).weights, [5, 2, 1, 8 / 3])
    with pytest.raises(ValueError, match="expected 3 weights of classes, got 2"):
        class_weighted(study, np.arange(4), [5, 2])


def test_a_mixture_keeps_its_ratio_in_every_batch():
    few, many = np.arange(3), np.arange(10, 50)
    order = Mixed((Shuffled(few), Shuffled(many)), (1, 3))
    epochs = [order.draw(5, epoch) for epoch in range(4)]
    for drawn in epochs:
        is_few = drawn < 10
        for size in (4, 8, 12):
            shares = np.convolve(is_few, np.ones(size), mode="valid")
            assert np.abs(shares - size / 4).max() <= 1
    # The short part comes round as often as it takes; the long one goes on where the epoch before ended.
    drawn = np.concatenate(epochs)
    counts = np.bincount(drawn, minlength=50)
    assert np.ptp(counts[:3]) <= 1 and np.ptp(counts[10:]) <= 1


def test_gaze_and_label():
    study = SimpleNamespace(has_gaze=np.arange(30) < 6)
    drawn = gaze_and_label(study, np.arange(30), gaze_share=0.5).draw(0, 0)
    assert len(drawn) == 30 and all((drawn[i : i + 6] < 6).sum() == 3 for i in range(0, 30, 6))
    with pytest.raises(ValueError, match="gaze_share must lie between 0 and 1, got 1"):
        gaze_and_label(study, np.arange(30), gaze_share=1)
    with pytest.raises(ValueError, match="cases with gaze and cases without: 6 of 6 have gaze"):
        gaze_and_label(study, np.arange(6), gaze_share=0.5)


def test_repeats():
    drawn = np.array([7, 3, 7, 7, 1, 3])
    assert repeats(drawn).tolist() == [0, 0, 1, 2, 0, 1]
    assert repeats(Shuffled(CASES).draw(0, 0)).max() == 0


@pytest.mark.parametrize("samples", [1, 7, 16, 33])
@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_ranks_share_every_batch(samples, ranks, batch_size):
    whole = batch_bounds(samples, batch_size)
    shares = [batch_bounds(samples, batch_size, rank, ranks) for rank in range(ranks)]
    assert whole[0][0] == 0 and whole[-1][1] == samples
    for (begin, end), parts in zip(whole, zip(*shares, strict=True), strict=True):
        # One after the other, without gaps, and as evenly as it goes.
        assert parts[0][0] == begin and parts[-1][1] == end
        assert all(one[1] == other[0] for one, other in itertools.pairwise(parts))
        sizes = np.diff(parts).ravel().tolist()
        assert sizes[0] == max(sizes) <= min(sizes) + 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InOrder([]), "no case"),
        (lambda: Shuffled(np.zeros((2, 2))), r"got shape \(2, 2\)"),
        (lambda: Weighted(CASES, np.ones(3)), r"weights must have shape \(50,\), got \(3,\)"),
        (lambda: Weighted(CASES, np.zeros(50)), "not all 0"),
        (lambda: Weighted(CASES, -np.ones(50)), "not negative"),
        (lambda: Weighted(CASES, np.full(50, np.nan)), "finite"),
        (lambda: Mixed((), ()), "a share above 0 for each part"),
        (lambda: Mixed((InOrder(CASES),), (0,)), "a share above 0 for each part"),
    ],
)
def test_bad_orders(make, message):
    with pytest.raises(ValueError, match=message):
        make()
