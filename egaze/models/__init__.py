"""The dual-head U-Net, the weights of its encoder, and its class maps."""

from typing import TYPE_CHECKING

from egaze.lazy_names import lazy_names

if TYPE_CHECKING:
    from egaze.models.class_activation import METHODS, class_map, grad_cam, to_image_size
    from egaze.models.dual_head_unet import POOLINGS, BatchPredictions, DualHeadOutput, DualHeadUNet
    from egaze.models.weights import WeightsFile, read_weights

# The catalogue lists encoders without torch.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "METHODS": "class_activation",
        "POOLINGS": "dual_head_unet",
        "BatchPredictions": "dual_head_unet",
        "DualHeadOutput": "dual_head_unet",
        "DualHeadUNet": "dual_head_unet",
        "WeightsFile": "weights",
        "class_map": "class_activation",
        "grad_cam": "class_activation",
        "read_weights": "weights",
        "to_image_size": "class_activation",
    },
)

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
