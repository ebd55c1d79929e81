"""The dual-head U-Net."""

from egaze.models.dual_head_unet import POOLINGS, Answer, DualHeadOutput, DualHeadUNet
from egaze.models.weights import WeightsFile, read_weights

__all__ = ["POOLINGS", "Answer", "DualHeadOutput", "DualHeadUNet", "WeightsFile", "read_weights"]
