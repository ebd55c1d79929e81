"""Areas under curves for many weightings of the same scores at once: a bootstrap then ranks the scores only once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egaze.metrics.resampling import Statistic


def weighted_auc(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], samples: NDArray[np.intp] | None = None
) -> Statistic:
    """A function from (B, N) sample weights to (B,) areas under the ROC curve, ties counted half.

    An area is NaN where all samples of a class have weight 0.

    Args:
        positive: (M,) whether each score belongs to a positive.
        scores: (M,) finite.
        samples: (M,) the index of the sample of each score; when None, each score is a sample of its own.
    """
    per_score = _PerScore(positive, scores, samples)

    def area(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        of_positives, of_negatives = per_score(weights)
        below = np.cumsum(of_negatives, axis=1)
        negatives = below[:, -1].copy()
        below -= 0.5 * of_negatives
        won = np.einsum("ij,ij->i", of_positives, below)
        pairs = of_positives.sum(axis=1) * negatives
        areas: NDArray[np.float64] = np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
        return areas

    return area


def weighted_average_precision(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], samples: NDArray[np.intp] | None = None
) -> Statistic:
    """As `weighted_auc`, for the average precision: the sum over thresholds of precision times the gain in recall."""
    per_score = _PerScore(positive, scores, samples)

    def area(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        of_positives, of_negatives = per_score(weights)
        # From the highest score down: the weight predicted positive at each threshold.
        gained = of_positives[:, ::-1]
        true = np.cumsum(gained, axis=1)
        called = true + np.cumsum(of_negatives[:, ::-1], axis=1)
        precision = np.divide(true, called, out=np.zeros_like(true), where=called > 0)
        summed = np.einsum("ij,ij->i", gained, precision)
        areas: NDArray[np.float64] = np.divide(
            summed, true[:, -1], out=np.full(len(weights), np.nan), where=true[:, -1] > 0
        )
        return areas

    return area


class _PerScore:
    """The weight of positives and of negatives at each distinct score, from the lowest score up."""

    def __init__(
        self, positive: NDArray[np.bool_], scores: NDArray[np.float64], samples: NDArray[np.intp] | None
    ) -> None:
        order = np.argsort(scores, kind="stable")
        self._samples = order if samples is None else samples[order]
        self._positive = positive[order].astype(np.float64)
        self._starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))

    def __call__(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """From (B, N) sample weights to two arrays (B, distinct scores)."""
        ranked = weights[:, self._samples]
        of_positives = ranked * self._positive
        of_negatives = ranked - of_positives
        if len(self._starts) == len(self._samples):
            return of_positives, of_negatives
        return np.add.reduceat(of_positives, self._starts, axis=1), np.add.reduceat(of_negatives, self._starts, axis=1)
