"""The dual-head U-Net."""

from egaze.models.dual_head_unet import DualHeadOutput, DualHeadUNet
from egaze.models.weights import WeightsFile, read_weights

__all__ = ["DualHeadOutput", "DualHeadUNet", "WeightsFile", "read_weights"]
