"""Teaching the classifier to take its evidence from where the radiologist looked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional

from egaze.loading import Batch
from egaze.models import class_map
from egaze.training.losses import mean_where, one_minus_correlation, or_zero


class GradCamAlignment:
    """What the model's last forward pass computed, as Grad-CAM needs it.

    Attributes:
        features: (N, K, h, w) the encoder's coarsest feature map.
        class_logits: (N, C), from it.
    """

    features: Tensor
    class_logits: Tensor

    def loss(self, batch: Batch) -> Tensor:
        """1 - Pearson's correlation of the label's Grad-CAM and the gaze heatmap at the features' resolution.

        A mean over the samples with both gaze and label, in [0, 2]; 0 where there is none. A Grad-CAM that is flat or
        nowhere positive has loss 1.
        """
        answered = batch.has_gaze & batch.has_label
        label = or_zero(batch.label, batch.has_label)
        maps = class_map(self.features, self.class_logits, label, differentiable=True).unsqueeze(1)
        # The correlation's epsilon shall not tell large maps from small ones.
        maps = or_zero(maps * maps[0, 0].numel(), answered)
        height, width = maps.shape[-2:]
        gaze = functional.adaptive_avg_pool2d(or_zero(batch.heatmap, answered), (height, width))
        return mean_where(answered, one_minus_correlation(maps, gaze))


@contextmanager
def watch(model: nn.Module) -> Iterator[GradCamAlignment]:
    """Keep what each forward pass of a `DualHeadUNet` (or of Fabric's wrapper of one) computes within the block."""
    inner: nn.Module = getattr(model, "module", model)
    encoder = inner.get_submodule("encoder")
    seen = GradCamAlignment()

    def keep_features(_module: nn.Module, _inputs: object, features: list[Tensor]) -> None:
        # Behind an encoder that is not trained there would be nothing to differentiate by.
        seen.features = features[-1].requires_grad_()

    def keep_logits(_module: nn.Module, _inputs: object, output: tuple[Tensor, Tensor]) -> None:
        seen.class_logits = output[0]

    hooks = [encoder.register_forward_hook(keep_features), inner.register_forward_hook(keep_logits)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
