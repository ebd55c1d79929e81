"""Batches of films and heatmaps, rasterized after augmentation, on the device that trains."""

from egaze.loading.augment import Augmentation
from egaze.loading.batch import Batch
from egaze.loading.device_loader import DeviceLoader
from egaze.loading.heatmap_target import HeatmapTarget

__all__ = ["Augmentation", "Batch", "DeviceLoader", "HeatmapTarget"]
