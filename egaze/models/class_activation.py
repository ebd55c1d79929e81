"""Grad-CAM and Grad-CAM++: where in an encoder's feature map the evidence for a class lies.

Written here, and compared in the tests with the papers' equations and with what the library `grad-cam` gave. That
library wants a model that returns one tensor, where ours has two heads; it finds a stage by a module of the encoder,
which timm names anew for every family; it stretches each image's map to [0, 1], so that an image without evidence looks
like one with; it adds 1e-6 to Grad-CAM++'s denominator, which is more than the squared slopes of a trained model; it
leaves gradients behind in the parameters; and training needs a map that can itself be differentiated
(`egaze.training.alignment`).
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
    """Where each image's evidence for a class lies, as `class_map` has it, on one of the encoder's feature maps.

    An image's map does not depend on the others of its batch, and nothing of the model is changed. The score is the
    class's logit, by whatever way the feature map leads to it: in a model whose classes pool under the predicted map
    also through the decoder.

    Args:
        model: in evaluation mode.
        image: (N, 1, H, W) float32 in [0, 1], on the model's device.
        class_index: (N,) int64, the class of each image; None for the one that the model thinks likeliest.
        stride: of the feature map, in pixels of the image: 32 is the coarsest, and the one that classes are told from;
            16, 8, 4 and, where the encoder has it, 2 are finer and less of the class.
        method: "grad-cam" or "grad-cam++".

    Returns:
        (N, h, w) float32, at least 0, in logits; h and w are H and W over the stride, rounded up.
        `to_image_size` brings them to the image's size.

    Raises:
        EgazeError: a model in training mode, images of another shape, a class or a stride that the model has not, an
            unknown method.

    Example:
        >>> import torch
        >>> from egaze.models import DualHeadUNet, grad_cam
        >>> model = DualHeadUNet("mobilenetv3_small_050", classes=3).eval()
        >>> grad_cam(model, torch.rand(2, 1, 64, 96), stride=16).shape
        torch.Size([2, 4, 6])
    """
    if model.training:
        raise EgazeError("the model is in training mode, in which an image's answer depends on its batch: model.eval()")
    feature_info: Any = model.encoder.feature_info  # timm's, which torch's types know nothing of
    strides: list[int] = feature_info.reduction()
    if stride not in strides:
        raise EgazeError(f"stride must be one of {', '.join(map(str, strides))}, got {stride}")
    kept: list[Tensor] = []

    def keep(_module: object, _inputs: object, features: list[Tensor]) -> None:
        kept.append(features[strides.index(stride)])

    hook = model.encoder.register_forward_hook(keep)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            # Differentiable from the image on, so that frozen parameters do not matter.
            class_logits = model(image.detach().clone().requires_grad_()).class_logits
            if class_index is None:
                class_index = class_logits.argmax(dim=1)
            # A copy, since one made in inference mode cannot be kept for the gradient.
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
    """The positive part of a weighted sum of feature maps, weighted by how much each raises a class's logit.

    "grad-cam": the weight is the logit's mean slope over the map (Selvaraju et al., ICCV 2017, equations 1 and 2).
    "grad-cam++": the sum over places of slope+ / (2 + slope * S), S the sum of the feature map, which is equations 10
    to 19 of Chattopadhyay et al. (WACV 2018) for the score exp(logit), but for that score itself, one factor an image.
    They take feature maps to be nowhere negative; where those of an encoder without ReLU are, slope * S counts as 0
    at least, so that no weight runs off at a denominator of 0.

    Args:
        features: (N, K, h, w).
        class_logits: (N, C), computed from the features.
        class_index: (N,) int64, the class of each image.
        method: one of METHODS.
        differentiable: whether the map itself can be differentiated.

    Returns:
        (N, h, w), at least 0, float32 or what is wider.

    Raises:
        EgazeError: an unknown method, or logits that do not depend on the features.

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
    score = class_logits.gather(1, class_index.unsqueeze(1)).sum()
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
    """(N, h, w) maps over the whole image to (N, H, W), bilinearly between the cells' centres.

    The edges' cells are continued outwards, so a map of zeros stays one and no value leaves the map's range.

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
