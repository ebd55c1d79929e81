"""The labels of cases: one of several exclusive classes, or independent classes, each present, absent or unknown.

Both kinds answer the same questions, so that what follows from a label (the batch, the order of cases, folds, counts)
asks the labels and not for their kind. What differs by its nature names the kind once: the head's probabilities and the
loss (`egaze.training.losses`), the measures (`egaze.evaluation`), and the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

#: "exclusive": a case has one of C classes. "independent": a case has any number of C classes.
LabelKind = Literal["exclusive", "independent"]

#: What an uncertain label, a certainty between 0 and 1, teaches. "ignore": nothing. "one", "zero": that the class is
#: present, or absent (the U-Ones and U-Zeros of CheXpert, Irvin et al. 2019). "soft": the certainty itself.
UNCERTAIN = ("ignore", "one", "zero", "soft")

#: A class is taken as present where it is more certain than this.
PRESENT = 0.5

#: The certainty of a label that a source calls uncertain without a number.
UNSTATED_CERTAINTY = 0.5


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """How many cases have a class (`present`), do not (`absent`), may have it (`uncertain`), or are not labelled."""

    present: int
    absent: int
    uncertain: int
    unknown: int

    @property
    def prevalence(self) -> float | None:
        """The share of the cases with a certain label that have the class; None without any."""
        certain = self.present + self.absent
        return self.present / certain if certain else None


class Labels(Protocol):
    """The labels of N cases.

    Attributes:
        kind: what they are.
        class_names: the C classes, in order.
        values: what training learns, one row per case, as the type says.
        known: (N,) bool, whether a case has anything to learn from.
        targets: (N, C) float32 in [0, 1], what training learns of each class, NaN where it learns nothing.
        answers: (N, C) float32, 1 where a case certainly has a class, 0 where it certainly does not, else NaN. A
            prediction is judged by these alone.
        groups: (N, G) bool, groups of cases that are to occur equally often in training and in folds; a case may be in
            several, and one that is not `known` is in none.
        is_uncertain: (N, C) bool, whether a source says of a class only that a case may have it.
    """

    @property
    def kind(self) -> LabelKind: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def values(self) -> NDArray[Any]: ...
    @property
    def known(self) -> NDArray[np.bool_]: ...
    @property
    def targets(self) -> NDArray[np.float32]: ...
    @property
    def answers(self) -> NDArray[np.float32]: ...
    @property
    def groups(self) -> NDArray[np.bool_]: ...
    @property
    def is_uncertain(self) -> NDArray[np.bool_]: ...
    def __len__(self) -> int: ...
    def of(self, cases: NDArray[np.integer] | NDArray[np.bool_]) -> Labels:
        """The labels of some of the cases."""
        ...

    def text(self, case_index: int) -> str | None:
        """The label of a case for people; None without one."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ExclusiveLabels:
    """Labels of which a case has one or none; see `Labels`.

    Attributes:
        class_names: the C classes, in order.
        values: (N,) int64, the index of the class, -1 without a label.

    Example:
        >>> import numpy as np
        >>> from egaze.labels import ExclusiveLabels
        >>> labels = ExclusiveLabels(("normal", "chf"), np.array([1, -1, 0]))
        >>> labels.known.tolist(), labels.text(0), labels.answers.tolist()
        ([True, False, True], 'chf', [[0.0, 1.0], [nan, nan], [1.0, 0.0]])
    """

    kind: ClassVar[LabelKind] = "exclusive"
    class_names: tuple[str, ...]
    values: NDArray[np.int64]

    @property
    def known(self) -> NDArray[np.bool_]:
        return self.values >= 0

    @property
    def targets(self) -> NDArray[np.float32]:
        targets = self.groups.astype(np.float32)
        targets[~self.known] = np.nan
        return targets

    @property
    def answers(self) -> NDArray[np.float32]:
        return self.targets

    @property
    def groups(self) -> NDArray[np.bool_]:
        groups: NDArray[np.bool_] = self.values[:, None] == np.arange(len(self.class_names))
        return groups

    @property
    def is_uncertain(self) -> NDArray[np.bool_]:
        return np.zeros((len(self), len(self.class_names)), dtype=bool)

    def __len__(self) -> int:
        return len(self.values)

    def of(self, cases: NDArray[np.integer] | NDArray[np.bool_]) -> ExclusiveLabels:
        return ExclusiveLabels(self.class_names, self.values[cases])

    def text(self, case_index: int) -> str | None:
        label = int(self.values[case_index])
        return None if label < 0 else self.class_names[label]


@dataclass(frozen=True, slots=True, eq=False)
class IndependentLabels:
    """Labels of which a case has any number; see `Labels`.

    Attributes:
        class_names: the C classes, in order.
        certainty: (N, C) float32 in [0, 1], the certainty that the class is present; NaN where it is not known.
        uncertain: one of UNCERTAIN: what a certainty between 0 and 1 teaches.
        values: (N, C) float32 in [0, 1], what training learns; NaN where it learns nothing.

    Raises:
        ValueError: shapes that do not match, a certainty outside [0, 1], or an unknown policy.

    Example:
        >>> import numpy as np
        >>> from egaze.labels import IndependentLabels
        >>> certainty = np.array([[1, 0.5], [0, np.nan]], dtype=np.float32)
        >>> labels = IndependentLabels(("effusion", "mass"), certainty, "one")
        >>> labels.values.tolist(), labels.answers.tolist()
        ([[1.0, 1.0], [0.0, nan]], [[1.0, nan], [0.0, nan]])
        >>> labels.text(0), labels.text(1)
        ('effusion, mass?', 'none')
    """

    kind: ClassVar[LabelKind] = "independent"
    class_names: tuple[str, ...]
    certainty: NDArray[np.float32]
    uncertain: str
    values: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        certainty = self.certainty
        if certainty.ndim != 2 or certainty.shape[1] != len(self.class_names):
            raise ValueError(f"certainty must be (N, {len(self.class_names)}), got shape {certainty.shape}")
        known = certainty[~np.isnan(certainty)]
        if not ((known >= 0) & (known <= 1)).all():
            raise ValueError(f"certainties must lie in [0, 1], got {known.min()} to {known.max()}")
        if self.uncertain not in UNCERTAIN:
            raise ValueError(f"uncertain must be one of {', '.join(UNCERTAIN)}, got {self.uncertain!r}")
        taught = {"ignore": np.nan, "one": 1.0, "zero": 0.0}
        values = certainty
        if self.uncertain in taught:
            values = np.where(self.is_uncertain, np.float32(taught[self.uncertain]), certainty)
        object.__setattr__(self, "values", values)

    @property
    def is_uncertain(self) -> NDArray[np.bool_]:
        is_uncertain: NDArray[np.bool_] = (self.certainty > 0) & (self.certainty < 1)
        return is_uncertain

    @property
    def known(self) -> NDArray[np.bool_]:
        known: NDArray[np.bool_] = np.any(np.isfinite(self.values), axis=1)
        return known

    @property
    def targets(self) -> NDArray[np.float32]:
        return self.values

    @property
    def answers(self) -> NDArray[np.float32]:
        answers: NDArray[np.float32] = np.where(self.is_uncertain, np.float32(np.nan), self.certainty)
        return answers

    @property
    def groups(self) -> NDArray[np.bool_]:
        """One group for each class that training learns as present, and one of cases without any."""
        present = self.values > PRESENT
        return np.concatenate([present, (self.known & ~present.any(axis=1))[:, None]], axis=1)

    def __len__(self) -> int:
        return len(self.certainty)

    def of(self, cases: NDArray[np.integer] | NDArray[np.bool_]) -> IndependentLabels:
        return IndependentLabels(self.class_names, self.certainty[cases], self.uncertain)

    def text(self, case_index: int) -> str | None:
        row = self.certainty[case_index]
        if np.isnan(row).all():
            return None
        marked = zip(self.class_names, row.tolist(), strict=True)
        return ", ".join(name if value == 1 else f"{name}?" for name, value in marked if value > 0) or "none"


def independent_labels(
    class_names: Sequence[str], certainties: Sequence[Mapping[str, float] | None], uncertain: str
) -> IndependentLabels:
    """Independent labels from the known certainties of each case by class."""
    rows = [[(case or {}).get(name, np.nan) for name in class_names] for case in certainties]
    table = np.array(rows, dtype=np.float32).reshape(len(rows), len(class_names))
    return IndependentLabels(tuple(class_names), table, uncertain)


def class_counts(labels: Labels) -> dict[str, ClassCounts]:
    """How many cases have each class, by its name."""
    answers, uncertain = labels.answers, labels.is_uncertain
    counts = {}
    for number, name in enumerate(labels.class_names):
        present, absent = int((answers[:, number] == 1).sum()), int((answers[:, number] == 0).sum())
        unsure = int(uncertain[:, number].sum())
        counts[name] = ClassCounts(present, absent, unsure, len(labels) - present - absent - unsure)
    return counts
