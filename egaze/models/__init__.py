"""The dual-head U-Net."""

from egaze.models.dual_head_unet import DualHeadOutput, DualHeadUNet

__all__ = ["DualHeadOutput", "DualHeadUNet"]
