"""The kinds of DICOM objects, and what objects of a kind have in common."""

from __future__ import annotations

from dataclasses import dataclass

#: The mark of every object, in the header, and of pictures for people in the pixels too.
MARK = "Research use, not for diagnosis"

MANUFACTURER = "egaze"

#: The designator of egaze's own codes, for which no published coding scheme has any.
CODING_SCHEME = "99EGAZE"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of DICOM objects.

    Attributes:
        title: what it is called in messages.
        series: Series Number of its objects; they form one series for each series of radiographs.
        description: Series Description of its objects; it begins with what they are and ends with the mark.
        needs_heatmap: whether it shows the heatmap.
        needs_highdicom: whether the package highdicom makes it.
    """

    title: str
    series: int
    description: str
    needs_heatmap: bool = True
    needs_highdicom: bool = True


#: By the names of the command line.
KINDS = {
    "sc": Kind("a Secondary Capture", 9001, f"Heatmap overlay. {MARK}", needs_highdicom=False),
    "seg": Kind("a segmentation", 9002, f"Heatmap segmentation. {MARK}"),
    "pm": Kind("a parametric map", 9003, f"Heatmap. {MARK}"),
    "sr": Kind("a structured report", 9004, f"Class probabilities. {MARK}", needs_heatmap=False),
}
