"""The dual-head U-Net, the weights of its encoder, and its class maps."""

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
