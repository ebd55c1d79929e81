"""The dual-head U-Net, and where its evidence for a class lies."""

from egaze.models.class_activation import METHODS, class_map, grad_cam, to_image_size
from egaze.models.dual_head_unet import POOLINGS, BatchPredictions, DualHeadOutput, DualHeadUNet
from egaze.models.weights import WeightsFile, read_weights

__all__ = [
    "METHODS",
    "POOLINGS",
    "BatchPredictions",
    "DualHeadOutput",
    "DualHeadUNet",
    "WeightsFile",
    "class_map",
    "grad_cam",
    "read_weights",
    "to_image_size",
]
