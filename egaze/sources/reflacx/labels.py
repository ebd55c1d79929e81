"""The labels of a reading: REFLACX's findings with their certainties, and the class that follows from them.

A finding is present if its certainty is at or above a threshold. A missing column counts as not selected. The class is
that of the first row that applies:

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
