"""The labels of a reading: REFLACX's findings with their certainties, and the class that may follow from them.

As findings, all of them are independent labels (`certainties_of`). For the class, a finding is present if its certainty
is at or above a threshold, and a missing column counts as not selected. The class is that of the first row that
applies:

| class | findings present |
|---|---|
| none | pulmonary edema and consolidation |
| chf | pulmonary edema |
| pneumonia | consolidation or groundglass opacity |
| chf | enlarged cardiac silhouette with pleural effusion (phase 1) or pleural abnormality (phases 2 and 3) |
| normal | none, and no text under Other |
| none | anything else |

Support devices and quality issues are ignored. The classes are those of EGD-CXR, so that both data sets can be one
study; EGD-CXR's labels come from diagnoses and reports, these from the radiograph alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

NORMAL, CHF, PNEUMONIA = "normal", "chf", "pneumonia"
CLASS_NAMES = (NORMAL, CHF, PNEUMONIA)

EDEMA, CONSOLIDATION, GROUNDGLASS = "Pulmonary edema", "Consolidation", "Groundglass opacity"
LARGE_HEART, EFFUSION, PLEURA = "Enlarged cardiac silhouette", "Pleural effusion", "Pleural abnormality"

_PHASE_1 = (
    "Airway wall thickening", "Atelectasis", CONSOLIDATION, "Emphysema", LARGE_HEART, "Fibrosis", "Fracture",
    GROUNDGLASS, "Mass", "Nodule", EFFUSION, "Pleural thickening", "Pneumothorax", EDEMA, "Wide mediastinum",
)  # fmt: skip
_PHASES_2_3 = (
    "Abnormal mediastinal contour", "Acute fracture", "Atelectasis", CONSOLIDATION, LARGE_HEART, "Enlarged hilum",
    GROUNDGLASS, "Hiatal hernia", "High lung volume / emphysema", "Interstitial lung disease", "Lung nodule or mass",
    PLEURA, "Pneumothorax", EDEMA,
)  # fmt: skip

#: The findings of each phase, which are columns of its metadata and hold certainties.
FINDINGS = {1: _PHASE_1, 2: _PHASES_2_3, 3: _PHASES_2_3}
#: Further columns: flags, and the text of other labels.
FLAGS = ("Quality issue", "Support devices")
OTHER = "Other"
#: 0 not selected, 1 unlikely (below 10 %), 2 less likely (25 %), 3 possible (50 %), 4 probable (75 %), 5 above 90 %.
MAX_CERTAINTY = 5


#: What the certainties stand for, of which the data set says the probability: the middle certainties are uncertain, and
#: "above 90 %" is taken for present, as "not selected" is for absent.
CERTAINTIES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
#: Findings of phases 2 and 3 that phase 1 asked for in two: the more certain one counts.
JOINED = {"Lung nodule or mass": ("Mass", "Nodule"), PLEURA: (EFFUSION, "Pleural thickening")}


def finding_names(phases: Sequence[int]) -> tuple[str, ...]:
    """The findings that any of the phases asked for, those of the last phase first."""
    return tuple(dict.fromkeys(name for phase in sorted(phases, reverse=True) for name in FINDINGS[phase]))


def certainties_of(chosen: Mapping[str, int], class_names: Sequence[str], threshold: int | None) -> dict[str, float]:
    """The certainties in [0, 1] of one reading's findings; a finding that its phase did not ask for is unknown.

    Args:
        chosen: 0 to 5, of each finding that was asked for.
        class_names: the findings to tell of.
        threshold: the certainty from which a finding is present and below which it is absent; None keeps certainties.

    Example:
        >>> from egaze.sources.reflacx.labels import certainties_of
        >>> names = ["Mass", "Lung nodule or mass", "Enlarged hilum"]
        >>> certainties_of({"Mass": 0, "Nodule": 4}, names, None)
        {'Mass': 0.0, 'Lung nodule or mass': 0.75}
        >>> certainties_of({"Mass": 0, "Nodule": 4}, names, 3)
        {'Mass': 0.0, 'Lung nodule or mass': 1.0}
    """
    joined = {
        name: max(chosen[part] for part in parts) for name, parts in JOINED.items() if set(parts) <= chosen.keys()
    }
    known = joined | dict(chosen)
    return {
        name: CERTAINTIES[known[name]] if threshold is None else float(known[name] >= threshold)
        for name in class_names
        if name in known
    }


def mean_certainties(readings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean over those of several readings of a radiograph that know a finding; equal readings stay certain."""
    names = dict.fromkeys(name for reading in readings for name in reading)
    known = {name: [reading[name] for reading in readings if name in reading] for name in names}
    return {name: sum(values) / len(values) for name, values in known.items()}


def label_of(certainty: Mapping[str, int], other: str, threshold: int) -> str | None:
    """The class of one reading by the rule of this module, or None.

    Args:
        certainty: of each finding, 0 to 5.
        other: the text under Other; text without a letter is ignored.
        threshold: the certainty from which a finding is present.
    """
    present = {name for name, value in certainty.items() if value >= threshold}
    if EDEMA in present:
        return None if CONSOLIDATION in present else CHF
    if present & {CONSOLIDATION, GROUNDGLASS}:
        return PNEUMONIA
    if LARGE_HEART in present and present & {EFFUSION, PLEURA}:
        return CHF
    return NORMAL if not present and not any(map(str.isalpha, other)) else None


def majority(labels: Sequence[str | None]) -> str | None:
    """The class that more than half of all readings of a radiograph have, or None."""
    label, votes = Counter(labels).most_common(1)[0]
    return label if 2 * votes > len(labels) else None
