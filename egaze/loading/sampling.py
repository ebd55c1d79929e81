"""Which cases an epoch contains, in which order, and how they are distributed over batches and devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from egaze.study import Study

Cases = NDArray[np.int64]


class Order(Protocol):
    """The cases of an epoch in order, as indices into the study; every epoch has equally many."""

    def __len__(self) -> int: ...

    def draw(self, seed: int, epoch: int) -> Cases:
        """Return (len,) int64 case indices, which depend only on seed and epoch."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class InOrder:
    """The cases in the given order, in every epoch.

    Example:
        >>> from egaze.loading import InOrder
        >>> InOrder([4, 2, 7]).draw(seed=0, epoch=5).tolist()
        [4, 2, 7]
    """

    cases: Cases

    def __post_init__(self) -> None:
        object.__setattr__(self, "cases", _checked(self.cases))

    def __len__(self) -> int:
        return len(self.cases)

    def draw(self, seed: int, epoch: int) -> Cases:
        return self.cases


@dataclass(frozen=True, slots=True, eq=False)
class Shuffled:
    """Every case once, in a new order each epoch.

    Example:
        >>> from egaze.loading import Shuffled
        >>> sorted(Shuffled([4, 2, 7]).draw(seed=0, epoch=5).tolist())
        [2, 4, 7]
    """

    cases: Cases

    def __post_init__(self) -> None:
        object.__setattr__(self, "cases", _checked(self.cases))

    def __len__(self) -> int:
        return len(self.cases)

    def draw(self, seed: int, epoch: int) -> Cases:
        return np.random.default_rng((seed, epoch)).permutation(self.cases)


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """Cases drawn with replacement, with probabilities proportional to their weights.

    Attributes:
        cases: (N,) indices into the study.
        weights: (N,) weights, not negative and not all 0.
        samples: number of draws per epoch; N if None.

    Example:
        >>> from egaze.loading import Weighted
        >>> Weighted([4, 2, 7], [0, 1, 0], samples=2).draw(seed=0, epoch=5).tolist()
        [2, 2]
    """

    cases: Cases
    weights: NDArray[np.float64]
    samples: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "cases", _checked(self.cases))
        weights = np.asarray(self.weights, dtype=np.float64)
        if weights.shape != self.cases.shape:
            raise ValueError(f"weights must have shape {self.cases.shape}, got {weights.shape}")
        if not (np.isfinite(weights).all() and weights.min() >= 0 < weights.sum()):
            raise ValueError(f"weights must be finite, not negative and not all 0; the smallest is {weights.min()}")
        object.__setattr__(self, "weights", weights)

    def __len__(self) -> int:
        return len(self.cases) if self.samples is None else self.samples

    def draw(self, seed: int, epoch: int) -> Cases:
        generator = np.random.default_rng((seed, epoch))
        return generator.choice(self.cases, len(self), p=self.weights / self.weights.sum())


def class_balanced(study: Study, cases: Cases) -> Weighted:
    """Draw each class that occurs in the cases equally often; cases without a label keep their share.

    Of independent labels, cases in which no class is present are a class of their own, and a case with several classes
    is drawn for each of them.

    Example:
        >>> from egaze import open_study
        >>> from egaze.loading import class_balanced
        >>> study = open_study("study")
        >>> len(class_balanced(study, study.splits.indices("train")).draw(seed=0, epoch=0))
        37
    """
    labels = study.labels.of(cases)
    groups, known = labels.groups, labels.known
    weights = np.ones(len(labels))
    if known.any():
        counts = groups.sum(axis=0)
        share = known.sum() / np.count_nonzero(counts) / np.maximum(counts, 1)
        weights[known] = groups[known] @ share
    return Weighted(cases, weights)


def class_weighted(study: Study, cases: Cases, weights: Sequence[float]) -> Weighted:
    """Draw cases in proportion to the weight of their class.

    Of independent labels, a case has the largest weight of its present classes, and one without any has the last.

    Args:
        study: the study.
        cases: (N,) indices into the study.
        weights: one for each class in order and, for independent labels, one for cases in which none is present. Cases
            without a label have their mean weight.

    Raises:
        ValueError: another number of weights.

    Example:
        >>> from egaze import open_study
        >>> from egaze.loading import class_weighted
        >>> study = open_study("study")
        >>> order = class_weighted(study, study.splits.indices("train"), [1, 2, 2])
        >>> sorted(set(order.weights.tolist()))
        [1.0, 2.0]
    """
    groups = study.labels.of(cases).groups
    if len(weights) != groups.shape[1]:
        raise ValueError(f"expected {groups.shape[1]} weights of classes, got {len(weights)}")
    of_case = np.where(groups, np.asarray(weights, dtype=np.float64), 0.0).max(axis=1)
    known = groups.any(axis=1)
    of_case[~known] = of_case[known].mean() if known.any() else 1.0
    return Weighted(cases, of_case)


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """Several orders mixed in a fixed ratio, such as cases with gaze and cases with labels only.

    The ratio holds in every batch, up to one sample of each part. A part that is too long for an epoch continues in
    the next; one that is too short repeats.

    Attributes:
        parts: one or more orders.
        shares: share of each part, above 0; only their ratio matters.
        samples: samples per epoch, of all parts together; the sum of the parts' lengths if None.

    Example:
        >>> from egaze.loading import InOrder, Mixed
        >>> Mixed([InOrder([1, 2, 3, 4]), InOrder([8, 9])], shares=[2, 1]).draw(seed=0, epoch=0).tolist()
        [1, 8, 2, 3, 9, 4]
    """

    parts: Sequence[Order]
    shares: Sequence[float]
    samples: int | None = None

    def __post_init__(self) -> None:
        if (
            len(self.parts) != len(self.shares)
            or not self.parts
            or not all(0 < share < np.inf for share in self.shares)
        ):
            raise ValueError(
                f"expected a share above 0 for each part, got {list(self.shares)} for {len(self.parts)} parts"
            )

    def __len__(self) -> int:
        return sum(map(len, self.parts)) if self.samples is None else self.samples

    def draw(self, seed: int, epoch: int) -> Cases:
        ends = np.rint(len(self) * np.cumsum(self.shares) / np.sum(self.shares)).astype(int)
        counts = np.diff(ends, prepend=0).tolist()
        drawn = [_stretch(part, seed, epoch * n, n) for part, n in zip(self.parts, counts, strict=True)]
        # Each part's cases are spread evenly over the epoch.
        place = np.concatenate([(np.arange(n) + 0.5) / max(n, 1) for n in counts])
        return np.concatenate(drawn)[np.argsort(place, kind="stable")]


def gaze_and_label(study: Study, cases: Cases, *, gaze_share: float) -> Mixed:
    """Shuffle cases so that a fraction `gaze_share` of every batch has gaze.

    Raises:
        ValueError: the share is outside (0, 1), or all cases have gaze, or none has.

    Example:
        >>> import numpy as np
        >>> from egaze import open_study
        >>> from egaze.loading import gaze_and_label
        >>> study = open_study("study")
        >>> cases = np.arange(len(study))
        >>> gaze_and_label(study, cases, gaze_share=0.5)
        Traceback (most recent call last):
        ...
        ValueError: a mixture needs cases with gaze and cases without: 48 of 48 have gaze
    """
    has_gaze = study.has_gaze[cases]
    if not 0 < gaze_share < 1:
        raise ValueError(f"gaze_share must lie between 0 and 1, got {gaze_share}")
    if has_gaze.all() or not has_gaze.any():
        raise ValueError(
            f"a mixture needs cases with gaze and cases without: {has_gaze.sum()} of {len(cases)} have gaze"
        )
    return Mixed((Shuffled(cases[has_gaze]), Shuffled(cases[~has_gaze])), (gaze_share, 1 - gaze_share))


def repeats(drawn: Cases) -> NDArray[np.int64]:
    """Count how often each drawn case has occurred before."""
    by_case = np.argsort(drawn, kind="stable")
    ordered = drawn[by_case]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    count = np.empty(len(drawn), dtype=np.int64)
    count[by_case] = np.arange(len(drawn)) - np.repeat(begins, np.diff(np.r_[begins, len(drawn)]))
    return count


def batch_bounds(samples: int, batch_size: int, rank: int = 0, ranks: int = 1) -> list[tuple[int, int]]:
    """Return the (begin, end) of the part of each batch of an epoch that device `rank` of `ranks` gets.

    The devices' parts of a batch follow one another and differ by one sample at most; a last batch of fewer samples
    than devices leaves some of them none.
    """
    bounds = []
    for begin in range(0, samples, batch_size):
        size = min(batch_size, samples - begin)
        first, end = (-(-size * number // ranks) for number in (rank, rank + 1))
        bounds.append((begin + first, begin + end))
    return bounds


def _stretch(order: Order, seed: int, begin: int, count: int) -> Cases:
    """Return `count` cases, from `begin` on, of the order's epochs laid end to end."""
    passes = range(begin // len(order), (begin + count - 1) // len(order) + 1)
    endless = np.concatenate([order.draw(seed, number) for number in passes] or [np.empty(0, np.int64)])
    first = begin - passes.start * len(order)
    return endless[first : first + count]


def _checked(cases: Cases) -> Cases:
    cases = np.asarray(cases, dtype=np.int64)
    if cases.ndim != 1 or not len(cases):
        raise ValueError(f"there is no case to load: expected (N,) indices into the study, got shape {cases.shape}")
    return cases
