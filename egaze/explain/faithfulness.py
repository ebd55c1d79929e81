"""Whether a map is faithful to the model: how the prediction changes as pixels are deleted or inserted in its order.

This is deletion and insertion of Petsiuk, Das and Saenko, "RISE" (BMVC 2018, arXiv 1806.07421), section 4.3. Deletion
replaces pixels, those with the highest values first, by the grey value that the model normalises to 0. If the map shows
the evidence, the probability falls early, so a smaller area under the curve is better. Insertion restores pixels, the
highest first, in a blurred image; a larger area is better. Pixels of equal value are taken in a random order that is
the same for all maps of one size, so a constant map gives a random order: see `random_order`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from egaze.errors import EgazeError
from egaze.models import DualHeadUNet

#: Standard deviation of the blur as a fraction of the shorter side, which is about what a gaze heatmap resolves. RISE's
#: blur, 5 px of 224 cut off at one sigma, leaves a lung opacity visible, so that inserting pixels would add nothing.
BLUR_SIGMA_FRAC = 0.05

Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Faithfulness:
    """The class probability of N images as pixels are deleted and inserted.

    Attributes:
        share: (S + 1,) float32, the fraction of pixels deleted or inserted, from 0 to 1.
        deletion, insertion: (N, S + 1) float32, the class probability at each fraction.
    """

    share: Tensor
    deletion: Tensor
    insertion: Tensor

    @property
    def deletion_area(self) -> Tensor:
        """(N,) area under the deletion curve by the trapezoidal rule, in [0, 1]; lower is better."""
        return torch.trapezoid(self.deletion, self.share, dim=1)

    @property
    def insertion_area(self) -> Tensor:
        """(N,) area under the insertion curve by the trapezoidal rule, in [0, 1]; higher is better."""
        return torch.trapezoid(self.insertion, self.share, dim=1)


def faithfulness(
    probabilities: Score,
    image: Tensor,
    maps: Tensor,
    class_index: Tensor,
    *,
    steps: int = 32,
    deleted_to: float = 0.5,
    batch_size: int = 32,
    seed: int = 0,
) -> Faithfulness:
    """Compute deletion and insertion of one map per image; the model predicts 2 * (steps + 1) images for each.

    Args:
        probabilities: a function from (B, 1, H, W) images to (B, C) probabilities, such as `class_probabilities`
            returns for a model.
        image: (N, 1, H, W) float32 in [0, 1].
        maps: (N, H, W) evidence; only the order of its values is used.
        class_index: (N,) int64, the class of each image.
        steps: number of equal steps from no pixel to all, at most one per pixel. RISE uses 224.
        deleted_to: grey value that replaces deleted pixels. RISE uses the mean that the model subtracts.
        batch_size: number of images per call of `probabilities`; the result does not depend on it.
        seed: seed of the order of pixels with equal values.

    Raises:
        EgazeError: shapes do not fit, a map is not finite, `steps` is out of range, or the seed is negative.

    Example:
        >>> import torch
        >>> from egaze.explain import class_probabilities, faithfulness, random_order
        >>> from egaze.models import DualHeadUNet
        >>> model = DualHeadUNet("mobilenetv3_small_050", classes=3).eval()
        >>> image = torch.rand(1, 1, 64, 64)
        >>> found = faithfulness(class_probabilities(model), image, random_order(image), torch.tensor([0]), steps=2)
        >>> found.deletion.shape, found.insertion_area.shape
        (torch.Size([1, 3]), torch.Size([1]))
    """
    images, _, height, width = image.shape
    if maps.shape != (images, height, width):
        raise EgazeError(f"maps must be {(images, height, width)} for these images, got {tuple(maps.shape)}")
    if class_index.shape != (images,):
        raise EgazeError(f"class_index must be ({images},), got {tuple(class_index.shape)}")
    if not 1 <= steps <= height * width:
        raise EgazeError(f"steps must be 1 to {height * width}, got {steps}")
    if seed < 0:
        raise EgazeError(f"seed must be 0 or more, got {seed}")
    if not bool(maps.isfinite().all()):
        raise EgazeError("maps must be finite")
    share = torch.linspace(0, 1, steps + 1)
    counts = (share * height * width).round().to(image.device)
    places = removal_order(maps, seed)
    blurred = blur(image)
    deletion, insertion = torch.empty(images, steps + 1), torch.empty(images, steps + 1)
    for number, chosen in enumerate(class_index.tolist()):
        for first in range(0, steps + 1, batch_size):
            part = slice(first, first + batch_size)
            moved = places[number] < counts[part].view(-1, 1, 1, 1)
            deletion[number, part] = probabilities(torch.where(moved, deleted_to, image[number]))[:, chosen].cpu()
            insertion[number, part] = probabilities(torch.where(moved, image[number], blurred[number]))[:, chosen].cpu()
    return Faithfulness(share, deletion, insertion)


def random_order(image: Tensor) -> Tensor:
    """Return (N, H, W) constant maps, whose pixels are taken in random order: the baseline for any map.

    Example:
        >>> import torch
        >>> from egaze.explain import random_order
        >>> random_order(torch.rand(2, 1, 4, 6)).shape
        torch.Size([2, 4, 6])
    """
    return torch.zeros_like(image[:, 0])


def class_probabilities(model: DualHeadUNet, class_probs: str = "softmax") -> Score:
    """Return a function from images to a model's class probabilities, by "softmax" or "sigmoid", without gradients.

    Example:
        >>> import torch
        >>> from egaze.explain import class_probabilities
        >>> from egaze.models import DualHeadUNet
        >>> class_probabilities(DualHeadUNet("mobilenetv3_small_050", classes=3).eval())(torch.rand(2, 1, 64, 64)).shape
        torch.Size([2, 3])
    """

    @torch.inference_mode()
    def probabilities(image: Tensor) -> Tensor:
        return model.predictions(model(image), class_probs).class_probs

    return probabilities


def removal_order(maps: Tensor, seed: int = 0) -> Tensor:
    """Return the (N, H, W) int64 rank of each pixel of (N, H, W) maps, 0 for the highest value."""
    flat = maps.flatten(1)
    shuffled = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(seed)).to(maps.device)
    by_value = flat[:, shuffled].argsort(dim=1, descending=True, stable=True)
    order = shuffled[by_value]
    places = torch.empty_like(order)
    places.scatter_(1, order, torch.arange(flat.shape[1], device=maps.device).expand_as(order))
    return places.view_as(maps)


def blur(image: Tensor) -> Tensor:
    """Blur (N, 1, H, W) images with a Gaussian of BLUR_SIGMA_FRAC of the shorter side, cut off at four sigmas."""
    sigma_px = BLUR_SIGMA_FRAC * min(image.shape[2:])
    reach = max(1, int(4 * sigma_px))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=image.device) / sigma_px) ** 2).to(image.dtype)
    taps = taps / taps.sum()
    padded = functional.pad(image, (reach, reach, reach, reach), mode="reflect")
    return functional.conv2d(functional.conv2d(padded, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))
