"""The alignment loss, which teaches the classifier to take its evidence from where the radiologist looked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional

from egaze.loading import Batch
from egaze.models import class_map
from egaze.training.losses import mean_where, one_minus_correlation, or_zero


class GradCamAlignment:
    """The tensors of the model's last forward pass that Grad-CAM needs.

    Attributes:
        features: (N, K, h, w) the encoder's coarsest feature map.
        class_logits: (N, C) logits computed from `features`.
    """

    features: Tensor
    class_logits: Tensor

    def loss(self, batch: Batch) -> Tensor:
        """Compute 1 - Pearson's correlation of the label's Grad-CAM and the gaze heatmap, at the features' resolution.

        The loss is the mean over the samples that have both gaze and a label, in [0, 2], and 0 if there are none. A
        Grad-CAM that is constant or nowhere positive has loss 1. Of independent labels it is the Grad-CAM of all
        present classes together, over the samples that have one.
        """
        supervised = batch.has_gaze & batch.shows_class
        exclusive = batch.label_kind == "exclusive"
        classes = or_zero(batch.label, batch.has_label) if exclusive else batch.present_classes
        maps = class_map(self.features, self.class_logits, classes, differentiable=True).unsqueeze(1)
        # Scaled by the number of pixels, so that the correlation's epsilon weighs the same for maps of any size.
        height, width = maps.shape[-2:]
        maps = or_zero(maps * (height * width), supervised)
        gaze = functional.adaptive_avg_pool2d(or_zero(batch.heatmap, supervised), (height, width))
        return mean_where(supervised, one_minus_correlation(maps, gaze))


@contextmanager
def watch(model: nn.Module) -> Iterator[GradCamAlignment]:
    """Keep the features and logits of each forward pass of a `DualHeadUNet`, bare or wrapped by Fabric."""
    inner: nn.Module = getattr(model, "module", model)
    encoder = inner.get_submodule("encoder")
    seen = GradCamAlignment()

    def keep_features(_module: nn.Module, _inputs: object, features: list[Tensor]) -> None:
        # The features of an encoder that is not trained have no gradient of their own, which Grad-CAM needs.
        seen.features = features[-1].requires_grad_()

    def keep_logits(_module: nn.Module, _inputs: object, output: tuple[Tensor, Tensor]) -> None:
        seen.class_logits = output[0]

    hooks = [encoder.register_forward_hook(keep_features), inner.register_forward_hook(keep_logits)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
