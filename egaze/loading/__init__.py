"""Batches of films and heatmaps, rasterized after augmentation, on the device that trains."""

from egaze.loading.augment import Augmentation
from egaze.loading.batch import Batch
from egaze.loading.device_loader import DeviceLoader
from egaze.loading.film_loader import FailedFilm, FilmBatch, FilmLoader, ReadFilm
from egaze.loading.sampling import InOrder, Mixed, Shuffled, Weighted, class_balanced, gaze_and_label

__all__ = [
    "Augmentation",
    "Batch",
    "DeviceLoader",
    "FailedFilm",
    "FilmBatch",
    "FilmLoader",
    "InOrder",
    "Mixed",
    "ReadFilm",
    "Shuffled",
    "Weighted",
    "class_balanced",
    "gaze_and_label",
]
