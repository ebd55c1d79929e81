"""Batches of images and heatmaps for training, rasterized after augmentation, and batches of radiographs from files."""

from typing import TYPE_CHECKING

from egaze.lazy_names import lazy_names

if TYPE_CHECKING:
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

# Reading radiographs needs nothing of what makes targets.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Augmentation": "augment",
        "Batch": "batch",
        "DeviceLoader": "device_loader",
        "FailedRadiograph": "radiograph_loader",
        "InOrder": "sampling",
        "Mixed": "sampling",
        "RadiographBatch": "radiograph_loader",
        "RadiographLoader": "radiograph_loader",
        "ReadRadiograph": "radiograph_loader",
        "Shuffled": "sampling",
        "StudyDataset": "dataset",
        "StudySample": "dataset",
        "Weighted": "sampling",
        "class_balanced": "sampling",
        "class_weighted": "sampling",
        "gaze_and_label": "sampling",
    },
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
