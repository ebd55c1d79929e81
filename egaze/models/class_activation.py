"""Grad-CAM and Grad-CAM++: where in an encoder's feature map the evidence for a class lies.

Tests compare this implementation with the papers' equations and with results of the library `grad-cam`. The library
itself is not used, for these reasons: it needs a model that returns a single tensor; it selects a stage by a module of
the encoder, whose name in timm differs between families; it stretches each image's map to [0, 1], so that an image
without evidence looks like one with evidence; it adds 1e-6 to the denominator of Grad-CAM++, which is more than the
squared gradients of a trained model; and it leaves gradients in the parameters. Also, training needs a map that can be
differentiated (`egaze.training.alignment`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from egaze.errors import EgazeError
from egaze.models.dual_head_unet import DualHeadUNet

METHODS = ("grad-cam", "grad-cam++")


def grad_cam(
    model: DualHeadUNet,
    image: Tensor,
    class_index: Tensor | None = None,
    *,
    stride: int = 32,
    method: str = "grad-cam",
) -> Tensor:
    """Compute each image's class map on one of the encoder's feature maps; see `class_map`.

    An image's map does not depend on the other images of the batch, and the model is not changed. The score is the
    class's logit with its full gradient: in a model whose classes pool under the predicted heatmap, also through the
    decoder.

    Args:
        model: a model in evaluation mode.
        image: (N, 1, H, W) float32 in [0, 1], on the model's device.
        class_index: (N,) int64, the class of each image; None for each image's most probable class.
        stride: stride of the feature map, in pixels of the image. 32 is the coarsest, which the classifier uses; 16, 8,
            4 and, if the encoder has it, 2 are finer and less specific to the class.
        method: "grad-cam" or "grad-cam++".

    Returns:
        (N, h, w) float32 in logits, not negative, where h and w are H and W divided by the stride and rounded up.
        `to_image_size` resizes them to the image.

    Raises:
        EgazeError: the model is in training mode or has no such class or stride, images have another shape, or the
            method is unknown.

    Example:
        >>> import torch
        >>> from egaze.models import DualHeadUNet, grad_cam
        >>> model = DualHeadUNet("mobilenetv3_small_050", classes=3).eval()
        >>> grad_cam(model, torch.rand(2, 1, 64, 96), stride=16).shape
        torch.Size([2, 4, 6])
    """
    if model.training:
        raise EgazeError("the model is in training mode, in which predictions depend on the batch: call model.eval()")
    feature_info: Any = model.encoder.feature_info  # an attribute of timm's, unknown to torch's types
    strides: list[int] = feature_info.reduction()
    if stride not in strides:
        raise EgazeError(f"stride must be one of {', '.join(map(str, strides))}, got {stride}")
    kept: list[Tensor] = []

    def keep(_module: object, _inputs: object, features: list[Tensor]) -> None:
        kept.append(features[strides.index(stride)])

    hook = model.encoder.register_forward_hook(keep)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            # Differentiated from the image on, so that it works with frozen parameters.
            class_logits = model(image.detach().clone().requires_grad_()).class_logits
            if class_index is None:
                class_index = class_logits.argmax(dim=1)
            # Copied, because a tensor made in inference mode cannot be saved for the gradient.
            class_index = class_index.clone()
            _check_classes(class_index, class_logits)
            return class_map(kept[0], class_logits, class_index, method=method).detach()
    finally:
        hook.remove()


def class_map(
    features: Tensor,
    class_logits: Tensor,
    class_index: Tensor,
    *,
    method: str = "grad-cam",
    differentiable: bool = False,
) -> Tensor:
    """Compute the positive part of a sum of feature maps, weighted by how much each increases a class's logit.

    "grad-cam": the weight is the mean gradient of the logit over the feature map (Selvaraju et al., ICCV 2017,
    equations 1 and 2). "grad-cam++": the weight is the sum over positions of g+ / (2 + g * S), where g is the gradient
    and S the sum of the feature map. These are equations 10 to 19 of Chattopadhyay et al. (WACV 2018) for the score
    exp(logit), without the factor exp(logit), which is constant for an image. The equations assume feature maps without
    negative values; for an encoder without ReLU, g * S is limited to 0 or more, so that the denominator cannot be 0.

    Args:
        features: (N, K, h, w) feature maps.
        class_logits: (N, C) logits computed from the features.
        class_index: (N,) int64, the class of each image; or (N, C) bool, several classes, whose logits are summed.
        method: one of METHODS.
        differentiable: whether the result can be differentiated.

    Returns:
        (N, h, w), not negative, float32 or a wider type.

    Raises:
        EgazeError: the method is unknown, or the logits do not depend on the features.

    Example:
        >>> import torch
        >>> from egaze.models import class_map
        >>> features = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]], requires_grad=True)
        >>> logits = features.mean(dim=(2, 3)) * torch.tensor([4.0, -4.0])
        >>> class_map(features, logits, torch.tensor([0])).tolist()
        [[[0.0, 1.0], [2.0, 3.0]]]
    """
    if method not in METHODS:
        raise EgazeError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if class_index.ndim == 1:
        score = class_logits.gather(1, class_index.unsqueeze(1)).sum()
    else:
        score = torch.where(class_index, class_logits, 0).sum()
    (slope,) = torch.autograd.grad(score, features, create_graph=differentiable, allow_unused=True)
    if slope is None:
        raise EgazeError(f"the classes do not depend on this feature map of shape {tuple(features.shape)}")
    slope, features = _at_least_float32(slope), _at_least_float32(features)
    if method == "grad-cam":
        weights = slope.mean(dim=(2, 3), keepdim=True)
    else:
        rise = (slope * features.sum(dim=(2, 3), keepdim=True)).clamp(min=0)
        weights = (slope.relu() / (2 + rise)).sum(dim=(2, 3), keepdim=True)
    return (weights * features).sum(dim=1).relu()


def to_image_size(maps: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resize (N, h, w) maps over the whole image to (N, H, W), bilinearly between the cells' centres.

    Values at the edges are extended outwards, so that no value leaves the map's range.

    Example:
        >>> import torch
        >>> from egaze.models import to_image_size
        >>> to_image_size(torch.tensor([[[0.0, 1.0]]]), (1, 4)).tolist()
        [[[0.0, 0.25, 0.75, 1.0]]]
    """
    return functional.interpolate(maps.unsqueeze(1), size=shape, mode="bilinear", align_corners=False).squeeze(1)


def _at_least_float32(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _check_classes(class_index: Tensor, class_logits: Tensor) -> None:
    images, classes = class_logits.shape
    if class_index.shape != (images,) or class_index.dtype != torch.int64:
        raise EgazeError(f"class_index must be ({images},) int64, got {tuple(class_index.shape)} {class_index.dtype}")
    if bool(((class_index < 0) | (class_index >= classes)).any()):
        raise EgazeError(f"class_index must be 0 to {classes - 1}, got {class_index.tolist()}")
