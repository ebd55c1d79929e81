"""Batches of images and heatmaps for training, rasterized after augmentation, and batches of radiographs from files."""

from egaze.loading.augment import Augmentation
from egaze.loading.batch import Batch
from egaze.loading.dataset import StudyDataset, StudySample
from egaze.loading.device_loader import DeviceLoader
from egaze.loading.radiograph_loader import FailedRadiograph, RadiographBatch, RadiographLoader, ReadRadiograph
from egaze.loading.sampling import (
    InOrder,
    Mixed,
    Shuffled,
    Weighted,
    class_balanced,
    class_weighted,
    gaze_and_label,
)

__all__ = [
    "Augmentation",
    "Batch",
    "DeviceLoader",
    "FailedRadiograph",
    "InOrder",
    "Mixed",
    "RadiographBatch",
    "RadiographLoader",
    "ReadRadiograph",
    "Shuffled",
    "StudyDataset",
    "StudySample",
    "Weighted",
    "class_balanced",
    "class_weighted",
    "gaze_and_label",
]
