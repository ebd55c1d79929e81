"""What the dataset's paper and later papers say of the whole set and its two published splits."""

from __future__ import annotations

_IMAGES, _PATIENTS = 1_083, 1_038

#: Seed to side to class to number of images. 42: Karargyris et al., Sci. Data 8:92 (2021), in its code; 1: later
#: papers, which merge train and validation. By patient, 8:1:1; see `egaze.study.split_study`.
PUBLISHED_SPLITS = {
    42: {
        "train": {"normal": 290, "chf": 288, "pneumonia": 290},
        "validation": {"normal": 40, "chf": 33, "pneumonia": 34},
        "test": {"normal": 30, "chf": 42, "pneumonia": 36},
    },
    1: {
        "train": {"normal": 284, "chf": 305, "pneumonia": 280},
        "validation": {"normal": 32, "chf": 26, "pneumonia": 49},
        "test": {"normal": 44, "chf": 32, "pneumonia": 31},
    },
}


def is_published_sheet(images: int, patients: int) -> bool:
    """Whether a master sheet has as many images and patients as the published one."""
    return (images, patients) == (_IMAGES, _PATIENTS)
