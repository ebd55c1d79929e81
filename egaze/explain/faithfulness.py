"""Whether a map names what the model goes by: its answer while a radiograph's pixels go, or come, in the map's order.

Deletion and insertion of Petsiuk, Das and Saenko, "RISE" (BMVC 2018, arXiv 1806.07421), section 4.3. Deletion puts the
grey that the model counts as 0 in the place of the highest pixels first; a map that names the evidence makes the
answer fall early, so less area is better. Insertion brings the highest pixels first back into the blurred radiograph;
more area is better. Pixels of equal value go in an order drawn by chance, one for all maps of that size, and a map that
is the same everywhere gives the order that knows nothing: `random_order`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from egaze.errors import EgazeError
from egaze.models import DualHeadUNet

#: Standard deviation of the blur as a fraction of the shorter side: what a gaze heatmap resolves. RISE's 5 px of 224,
#: cut off at one sigma, leave an opacity of the lung as it is, so that nothing would be left to insert.
BLUR_SIGMA_FRAC = 0.05

Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Faithfulness:
    """The class's probability along both ways, for N radiographs.

    Attributes:
        share: (S + 1,) float32, the share of pixels deleted or inserted, from 0 to 1.
        deletion, insertion: (N, S + 1) float32, the probability at each share.
    """

    share: Tensor
    deletion: Tensor
    insertion: Tensor

    @property
    def deletion_area(self) -> Tensor:
        """(N,) area under the curve by trapezoids, in [0, 1]; less is better."""
        return torch.trapezoid(self.deletion, self.share, dim=1)

    @property
    def insertion_area(self) -> Tensor:
        """(N,) likewise; more is better."""
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
    """Deletion and insertion of one map a radiograph; 2 * (steps + 1) radiographs are looked at for each.

    Args:
        probabilities: (B, 1, H, W) radiographs to (B, C) probabilities; `class_probabilities` makes it of a model.
        image: (N, 1, H, W) float32 in [0, 1].
        maps: (N, H, W), what counts as evidence; only the order of its values is used.
        class_index: (N,) int64, the class of each radiograph.
        steps: equal steps from none of the pixels to all, at most one a pixel. RISE takes 224.
        deleted_to: grey in the place of deleted pixels; RISE's is the mean that the model subtracts from a radiograph.
        batch_size: radiographs that `probabilities` gets at once; the result does not depend on it.
        seed: of the order of pixels of equal value.

    Raises:
        EgazeError: shapes that do not fit, a map that is not finite, steps out of range, or a negative seed.

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
    radiographs, _, height, width = image.shape
    if maps.shape != (radiographs, height, width):
        raise EgazeError(f"maps must be {(radiographs, height, width)} for these radiographs, got {tuple(maps.shape)}")
    if class_index.shape != (radiographs,):
        raise EgazeError(f"class_index must be ({radiographs},), got {tuple(class_index.shape)}")
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
    deletion, insertion = torch.empty(radiographs, steps + 1), torch.empty(radiographs, steps + 1)
    for radiograph, chosen in enumerate(class_index.tolist()):
        for first in range(0, steps + 1, batch_size):
            part = slice(first, first + batch_size)
            moved = places[radiograph] < counts[part].view(-1, 1, 1, 1)
            deletion[radiograph, part] = probabilities(torch.where(moved, deleted_to, image[radiograph]))[
                :, chosen
            ].cpu()
            insertion[radiograph, part] = probabilities(torch.where(moved, image[radiograph], blurred[radiograph]))[
                :, chosen
            ].cpu()
    return Faithfulness(share, deletion, insertion)


def random_order(image: Tensor) -> Tensor:
    """(N, H, W): the map that knows nothing of the radiographs, whose pixels go in the order of chance.

    Example:
        >>> import torch
        >>> from egaze.explain import random_order
        >>> random_order(torch.rand(2, 1, 4, 6)).shape
        torch.Size([2, 4, 6])
    """
    return torch.zeros_like(image[:, 0])


def class_probabilities(model: DualHeadUNet, class_probs: str = "softmax") -> Score:
    """What `faithfulness` asks: a model's class probabilities, by "softmax" or "sigmoid", without gradients.

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
    """(N, H, W) maps to (N, H, W) int64: each pixel's place in the order, 0 for the highest."""
    flat = maps.flatten(1)
    shuffled = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(seed)).to(maps.device)
    by_value = flat[:, shuffled].argsort(dim=1, descending=True, stable=True)
    order = shuffled[by_value]
    places = torch.empty_like(order)
    places.scatter_(1, order, torch.arange(flat.shape[1], device=maps.device).expand_as(order))
    return places.view_as(maps)


def blur(image: Tensor) -> Tensor:
    """(N, 1, H, W) under a Gaussian of BLUR_SIGMA_FRAC of the shorter side, cut off at four sigmas."""
    sigma_px = BLUR_SIGMA_FRAC * min(image.shape[2:])
    reach = max(1, int(4 * sigma_px))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=image.device) / sigma_px) ** 2).to(image.dtype)
    taps = taps / taps.sum()
    padded = functional.pad(image, (reach, reach, reach, reach), mode="reflect")
    return functional.conv2d(functional.conv2d(padded, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))
