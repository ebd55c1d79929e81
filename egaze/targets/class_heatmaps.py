"""What teaches the map of each class: all gaze on a radiograph, the gaze while the class is named, or its regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from egaze.errors import StudyError
from egaze.labels import PRESENT
from egaze.settings import require, settle_types
from egaze.sources import Phrase, Region
from egaze.study import Study
from egaze.study.findings import is_possible
from egaze.study.region_masks import on_canvas
from egaze.targets.fixation_heatmap import FixationHeatmap
from egaze.targets.mentions import Mention, find_mentions
from egaze.targets.target import BatchClassHeatmaps, BatchGaze, no_gaze
from egaze.targets.terms import is_term, plain, terms_of

GAZE = ("whole", "named", "none")
REGIONS = ("none", "filled", "blurred")
#: How much memory the maps of regions may take that a loader keeps.
_KEPT_BYTES = 256 * 1024**2
_NO_FIXATIONS = np.empty((0, 9), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class ClassHeatmaps:
    """What teaches the maps of the classes that a radiograph has, in a model with one map per class.

    arXiv 2207.00157 has only "whole", of one class. Gaze by the words of a dictation follows Bigolin Lanfredi,
    Schroeder and Tasdizen, Frontiers in Radiology 3, 2023, in idea, not in its rules.

    Attributes:
        gaze: "whole": all of a radiograph's gaze teaches the union of the maps of its classes. "named": the gaze before
            and while the reader names a class teaches that class's map; on a radiograph on which no class is named so,
            the whole gaze teaches the union. "none": regions alone.
        before_s: with gaze "named", how long before the first word of a mention its gaze begins, in seconds, 0 to 60;
            it ends with the mention's last word. Otherwise 1.5.
        terms: further terms by the name of the class; see `egaze.targets.terms`.
        regions: "filled": the boxes, ellipses and masks that are named as a class teach its map, 1 inside and 0
            outside. "blurred": the same, blurred by the heatmap's `sigma_frac` to a largest value of 1. Beside gaze,
            each is a target of its own, and all targets of a radiograph count equally.

    Raises:
        RecipeError: a value of the wrong type or out of range, or nothing that teaches.
    """

    gaze: str = "whole"
    before_s: float = 1.5
    terms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    regions: str = "none"

    def __post_init__(self) -> None:
        settle_types(self)
        require(self.gaze in GAZE, "gaze", f"one of {', '.join(GAZE)}", self.gaze)
        require(self.regions in REGIONS, "regions", f"one of {', '.join(REGIONS)}", self.regions)
        require(self.gaze != "none" or self.regions != "none", "regions", "filled or blurred with gaze none", "none")
        require(0 <= self.before_s <= 60, "before_s", "0 to 60", self.before_s)
        if self.gaze != "named":
            own_s = type(self).__dataclass_fields__["before_s"].default
            require(self.before_s == own_s, "before_s", f"{own_s} with gaze {self.gaze}", self.before_s)
        if self.gaze != "named" and self.regions == "none":
            require(not self.terms, "terms", "empty where no gaze and no region teaches by name", self.terms)
        for name, terms in self.terms.items():
            for term in terms:
                require(is_term(term), f"terms.{name}", "words, as egaze.targets.terms describes them", term)

    @property
    def is_on(self) -> bool:
        """Whether anything but a radiograph's whole gaze teaches a map."""
        return self != ClassHeatmaps()

    @property
    def words(self) -> str:
        """What teaches the maps, in words."""
        gaze = {"whole": "gaze", "named": "gaze while a class is named", "none": ""}[self.gaze]
        regions = "" if self.regions == "none" else f"{self.regions} regions"
        return " and ".join(filter(None, (gaze, regions)))

    def require(self, study: Study) -> None:
        """Raise StudyError if some setting teaches nothing in the training split."""
        if unknown := sorted(set(self.terms) - set(study.class_names)):
            raise StudyError(
                f"{study.path}: class_heatmaps.terms names {unknown[0]!r}, which is not a class of the study; its "
                f"classes are {', '.join(study.class_names)}"
            )
        train, target = study.splits.indices("train"), ClassHeatmapTarget(FixationHeatmap(), self)
        if self.gaze == "named" and not any(target.named(study, case_index) for case_index in train.tolist()):
            raise StudyError(
                f"{study.path}: class_heatmaps.gaze named teaches nothing: on no case of the train split is a class "
                "that it has named in dictated words whose times fit its gaze; use --set class_heatmaps.gaze=whole"
            )
        if self.regions != "none" and not any(target.regions(study, case_index) for case_index in train.tolist()):
            raise StudyError(
                f"{study.path}: class_heatmaps.regions {self.regions} teaches nothing: no case of the train split has "
                "a region that is named as a class that it has; use --set class_heatmaps.regions=none"
            )


@dataclass(frozen=True, slots=True)
class NamedGaze:
    """The gaze that teaches one class.

    Attributes:
        mentions: how often the class was named.
        seconds: (F,) float64, for how long each fixation of the case lies within the time of a mention; 0 off the part
            of the radiograph that was shown.
    """

    mentions: int
    seconds: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _ClassHeatmap:
    """One heatmap of a case: of (F, 9) fixations as in `BatchGaze`, or of regions."""

    class_index: int
    fixations: NDArray[np.float32]
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class ClassHeatmapTarget:
    """The target whose maps teach single classes.

    Attributes:
        target: makes the map of fixations.
        settings: what teaches.
    """

    target: FixationHeatmap
    settings: ClassHeatmaps

    @property
    def follows_views(self) -> bool:
        """True: fixations and regions move with the radiograph."""
        return True

    def named(self, study: Study, case_index: int) -> dict[int, NamedGaze]:
        """The gaze of a case that teaches a class, by the class's index: of each present class that was named while
        some fixation lasted. Empty if the gaze has no onsets, or durations without a unit of time."""
        if self.settings.gaze != "named" or not study.cases["phrases"][case_index] or study.is_relative[case_index]:
            return {}
        fixations, phrases = study.fixations(case_index, study.image_size_px), study.phrases(case_index)
        if fixations.onset_s is None:
            return {}
        begin_s = fixations.onset_s.astype(np.float64)
        by_class: dict[int, list[Mention]] = {}
        for mention in find_mentions(phrases, self._terms(study, case_index)):
            by_class.setdefault(study.class_names.index(mention.class_name), []).append(mention)
        found = {}
        for number, mentions in sorted(by_class.items()):
            seconds = np.zeros(len(begin_s))
            for from_s, to_s in _joined([(one.begin_s - self.settings.before_s, one.end_s) for one in mentions]):
                within_s = np.minimum(begin_s + fixations.duration_s, to_s) - np.maximum(begin_s, from_s)
                seconds += np.where(fixations.on_shown, np.maximum(within_s, 0), 0)
            if seconds.any():
                found[number] = NamedGaze(len(mentions), seconds)
        return found

    def regions(self, study: Study, case_index: int) -> dict[int, tuple[Region, ...]]:
        """The regions of a case that teach a class, by the class's index.

        A region counts if it reaches the radiograph and its reader considered it at least possible. It teaches the
        class that has its name or, if the study has none, the classes that its name names by their terms; of these,
        those that are present.
        """
        if self.settings.regions == "none" or not study.cases["regions"][case_index]:
            return {}
        classes = {plain(name): name for name in study.class_names}
        terms = self._terms(study, case_index)
        found: dict[int, list[Region]] = {}
        height_px, width_px = study.geometry(case_index, study.image_size_px).radiograph_shape
        for region in filter(is_possible, study.regions(case_index)):
            if (
                region.x_max_px < 0
                or region.y_max_px < 0
                or region.x_min_px >= width_px
                or region.y_min_px >= height_px
            ):
                continue
            if (own := classes.get(plain(region.name))) is not None:
                names = {own} & set(terms)
            else:
                names = {mention.class_name for mention in find_mentions([Phrase(region.name, 0, 0)], terms)}
            for name in names:
                found.setdefault(study.class_names.index(name), []).append(region)
        return {number: tuple(regions) for number, regions in sorted(found.items())}

    def for_batches(self, study: Study, size_px: int, *, threads: int = 1) -> BatchGaze:
        """See `BatchTarget`."""
        whole = self.target.for_batches(study, size_px, threads=threads)
        of_cases = [self._of_case(study, case_index, whole) for case_index in range(len(study))]
        shape = (len(study), max(map(len, of_cases)))
        class_index, lengths = np.full(shape, -1, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        of_region = np.zeros(shape, dtype=bool)
        for case_index, heatmaps in enumerate(of_cases):
            for place, heatmap in enumerate(heatmaps):
                class_index[case_index, place] = heatmap.class_index
                lengths[case_index, place] = len(heatmap.fixations)
                of_region[case_index, place] = bool(heatmap.regions)

        @lru_cache(maxsize=max(1, _KEPT_BYTES // (2 * study.image_size_px**2)))
        def region_map(case_index: int, place: int) -> NDArray[np.uint16]:
            return self._region_map(study, case_index, of_cases[case_index][place].regions)

        union = no_gaze(study) if self.settings.gaze == "none" else whole
        return BatchGaze(
            union.has_gaze,
            union.fixations,
            union.offsets,
            class_heatmaps=BatchClassHeatmaps(
                class_index,
                np.concatenate([_NO_FIXATIONS, *(heatmap.fixations for of_case in of_cases for heatmap in of_case)]),
                np.concatenate([[0], np.cumsum(lengths.ravel())]),
                of_region,
                np.any(lengths > 0, axis=1),
                region_map,
            ),
        )

    def _of_case(self, study: Study, case_index: int, whole: BatchGaze) -> list[_ClassHeatmap]:
        """What teaches the single classes of a case; `whole` has its fixations."""
        fixations = whole.fixations[study.offsets[case_index] : study.offsets[case_index + 1]]
        found = []
        for number, gaze in self.named(study, case_index).items():
            is_within = gaze.seconds > 0
            within = fixations[is_within]  # a copy
            if self.target.weight == "duration":
                within[:, 2] = gaze.seconds[is_within]
            found.append(_ClassHeatmap(number, within, ()))
        for number, regions in self.regions(study, case_index).items():
            found.append(_ClassHeatmap(number, _NO_FIXATIONS, regions))
        return found

    def taught_by_whole_gaze(self, study: Study) -> tuple[int, int]:
        """Of the training cases with gaze and a class, the number on which no class is named, and the number of all."""
        train = study.splits.indices("train")
        has_class = (study.labels.of(train).targets > PRESENT).any(axis=1)
        cases = train[study.has_gaze[train] & has_class].tolist()
        left = [index for index in cases if not self.named(study, index)]
        return len(left), len(cases)

    def table(self, study: Study) -> Iterator[tuple[int, str, str, int, int, float]]:
        """For each training case and each class that teaches a map of it: the case's index, the class, "gaze" or
        "regions", the number of mentions or regions, and the number of fixations and their seconds within mentions."""
        for case_index in study.splits.indices("train").tolist():
            for number, gaze in self.named(study, case_index).items():
                used = int((gaze.seconds > 0).sum())
                total_s = round(float(gaze.seconds.sum()), 3)
                yield case_index, study.class_names[number], "gaze", gaze.mentions, used, total_s
            for number, regions in self.regions(study, case_index).items():
                yield case_index, study.class_names[number], "regions", len(regions), 0, 0.0

    def _terms(self, study: Study, case_index: int) -> dict[str, tuple[str, ...]]:
        """The terms of the classes that a case has."""
        present = study.labels.of(np.array([case_index])).targets[0] > PRESENT
        names = [study.class_names[number] for number in np.flatnonzero(present).tolist()]
        return {name: terms_of(name, self.settings.terms.get(name, ())) for name in names}

    def _region_map(self, study: Study, case_index: int, regions: Sequence[Region]) -> NDArray[np.uint16]:
        size_px = study.image_size_px
        geometry = study.geometry(case_index, size_px)
        inside = np.logical_or.reduce([on_canvas(geometry, region) for region in regions])
        map_ = inside.astype(np.float32)
        if self.settings.regions == "blurred" and inside.any():
            map_ = gaussian_filter(map_, self.target.sigma_px(size_px), mode="constant", truncate=4.0)
            map_ /= map_.max()
        stored: NDArray[np.uint16] = np.rint(map_ * 65535).astype(np.uint16)
        return stored


def _joined(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The union of spans of time, as spans that do not overlap."""
    joined: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return joined
