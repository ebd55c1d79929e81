from copy import deepcopy

import numpy as np
import pytest
import torch

from egaze.errors import EgazeError
from egaze.explain import METHODS, class_map, grad_cam, to_film_size
from egaze.models import DualHeadUNet


def test_with_mean_pooling_grad_cam_is_the_class_activation_map():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(4, 5, 3, 2, generator=generator, requires_grad=True)
    weight = torch.randn(3, 5, generator=generator)
    label = torch.tensor([0, 1, 2, 0])
    found = class_map(features, features.mean(dim=(2, 3)) @ weight.T, label)
    expected = torch.einsum("nk,nkhw->nhw", weight[label], features).clamp(min=0) / 6
    torch.testing.assert_close(found, expected)


def test_the_last_stage_by_hand(hand_made):
    image = torch.rand(2, 1, 8, 12, generator=torch.Generator().manual_seed(2))
    last = hand_made.encoder(image)[-1]
    found = grad_cam(hand_made, image, torch.tensor([0, 1]), stride=4)
    torch.testing.assert_close(found[0], (2 * last[0, 0] - last[0, 1]).relu())
    torch.testing.assert_close(found[1], 0.5 * last[1, 0] + 3 * last[1, 1])
    assert not grad_cam(hand_made, image, torch.tensor([2, 2]), stride=4).any()


def test_an_earlier_stage_by_hand(hand_made):
    image = torch.rand(1, 1, 8, 12, generator=torch.Generator().manual_seed(2))
    first = hand_made.encoder(image)[0][0]
    # The logit is a mean of squares over 2 x 2 places, so its slope is half the weighted feature map.
    slope = torch.tensor([2.0, -1.0]).view(2, 1, 1) * first / 2
    expected = (slope.mean(dim=(1, 2), keepdim=True) * first).sum(dim=0).relu()
    torch.testing.assert_close(grad_cam(hand_made, image, torch.tensor([0]), stride=2)[0], expected)


def test_grad_cam_plus_plus_by_hand(hand_made):
    image = torch.rand(1, 1, 8, 12, generator=torch.Generator().manual_seed(2))
    last = hand_made.encoder(image)[-1][0]
    # The slope is the weight at each of the six places; a negative one has no say.
    weight = 6 * 2 / (2 + 2 * last[0].sum())
    found = grad_cam(hand_made, image, torch.tensor([0]), stride=4, method="grad-cam++")
    torch.testing.assert_close(found[0], weight * last[0])


def test_grad_cam_plus_plus_stays_finite_on_negative_features():
    # slope * sum is -2, at which the paper's formula has no value.
    features = torch.tensor([[[[-3.0, 1.0]]]], requires_grad=True)
    found = class_map(features, features.sum(dim=(2, 3)), torch.tensor([0]), method="grad-cam++")
    torch.testing.assert_close(found, torch.tensor([[[0.0, 1.0]]]))


@pytest.fixture(scope="module")
def steep():
    """A U-Net whose feature maps are nowhere negative, and with slopes beside which the library's 1e-6 is nothing."""
    torch.manual_seed(0)
    model = DualHeadUNet("resnet10t", classes=3, decoder_channels=(8, 8, 4)).eval()
    with torch.no_grad():
        model.classifier[1].weight.mul_(1e5)
    return model


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stride", [32, 8, 2])
def test_the_library_finds_the_same(steep, films, method, stride):
    from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    class Classes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = steep

        def forward(self, image):
            return self.model(image).class_logits

    label = torch.tensor([0, 1, 2, 1])
    layers = {info["reduction"]: info["module"] for info in steep.encoder.feature_info.get_dicts()}
    library = {"grad-cam": GradCAM, "grad-cam++": GradCAMPlusPlus}[method]
    with library(Classes(), [steep.encoder.get_submodule(layers[stride])]) as cam:
        theirs = cam(films, [ClassifierOutputTarget(int(index)) for index in label])
    ours = grad_cam(steep, films, label, stride=stride, method=method)
    assert ours.shape == (4, 64 // stride, 96 // stride) and ours.dtype == torch.float32
    # The library stretches each map to [0, 1], before and after it makes it larger.
    shown = to_film_size(ours, (64, 96))
    low, high = shown.amin(dim=(1, 2), keepdim=True), shown.amax(dim=(1, 2), keepdim=True)
    np.testing.assert_allclose(((shown - low) / (high - low)).numpy(), theirs, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stride", [32, 4])
def test_a_film_does_not_depend_on_its_batch(unet, films, method, stride):
    together = grad_cam(unet, films, stride=stride, method=method)
    alone = torch.cat([grad_cam(unet, film[None], stride=stride, method=method) for film in films])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-3 * float(alone.max()))


def test_the_class_is_the_predicted_one_unless_said(unet, films):
    predicted = unet(films).class_logits.argmax(dim=1)
    assert torch.equal(grad_cam(unet, films), grad_cam(unet, films, predicted))


def test_the_logits_scale_scales_the_map(unet, films):
    label = torch.tensor([2, 1, 0, 1])
    scaled = deepcopy(unet)
    with torch.no_grad():
        scaled.classifier[1].weight.mul_(3)
        scaled.classifier[1].bias.add_(5)
    torch.testing.assert_close(grad_cam(scaled, films, label), 3 * grad_cam(unet, films, label))


def test_nothing_of_the_model_is_changed(unet, films):
    unet.requires_grad_(False)
    try:
        with torch.inference_mode():
            predicted = unet(films).class_logits.argmax(dim=1)
            frozen = grad_cam(unet, films.clone(), predicted, stride=8)
    finally:
        unet.requires_grad_(True)
    assert torch.equal(frozen, grad_cam(unet, films, stride=8)) and not frozen.requires_grad
    assert not unet.encoder._forward_hooks and not films.requires_grad
    assert all(parameter.grad is None for parameter in unet.parameters())


def test_bf16_gives_float32(unet, films):
    exact = grad_cam(unet, films)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = grad_cam(unet, films, unet(films).class_logits.argmax(dim=1))
    assert coarse.dtype == torch.float32 and coarse.isfinite().all() and coarse.shape == exact.shape


def test_film_size_keeps_places_and_range():
    maps = torch.zeros(1, 4, 6)
    maps[0, 1, 4] = 2.0
    large = to_film_size(maps, (64, 96))[0]
    row, column = divmod(int(large.argmax()), 96)
    # The cell covers rows 16 to 31 and columns 64 to 79.
    assert 16 <= row <= 31 and 64 <= column <= 79 and large.min() >= 0 and large.max() <= 2
    assert not to_film_size(torch.zeros(2, 2, 2), (5, 7)).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 64}, "stride must be one of 2, 4, 8, 16, 32, got 64"),
        ({"method": "lime"}, "grad-cam, grad-cam.., got 'lime'"),
        ({"class_index": torch.tensor([0, 1, 2, 3])}, "class_index must be 0 to 2"),
        ({"class_index": torch.tensor([0, 1, -1, 2])}, "class_index must be 0 to 2"),
        ({"class_index": torch.tensor([0, 1])}, r"class_index must be \(4,\) int64, got \(2,\)"),
        ({"class_index": torch.zeros(4)}, r"must be \(4,\) int64, got \(4,\) torch.float32"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_bad_arguments(unet, films, options, message):
    with pytest.raises(EgazeError, match=message):
        grad_cam(unet, films, **options)
    assert not unet.encoder._forward_hooks


@pytest.mark.parametrize("pooling", ["heatmap", "class-heatmaps"])
def test_the_way_through_the_decoder_counts(films, pooling):
    torch.manual_seed(0)
    options = {"classes": 3, "decoder_channels": (8, 8, 4), "pooling": pooling}
    model = DualHeadUNet("mobilenetv3_small_050", **options).eval()
    with torch.no_grad():
        for weight in (part for part in model.decoder.parameters() if part.ndim == 4):
            weight.mul_(6)  # maps that hang on the features, as trained ones do
    label = torch.tensor([0, 1, 2, 0])
    features = [part.detach() for part in model.encoder((films - model.mean) / model.std)]
    features[-1].requires_grad_()
    heatmap = model.decode(features, 64, 96)
    # What it would be if the pooling were under a map that is given.
    given = class_map(features[-1], model.classify(features[-1], heatmap.detach()), label).detach()
    whole = class_map(features[-1], model.classify(features[-1], heatmap), label).detach()
    assert (whole - given).abs().max() > 0.005 * given.max()
    found = grad_cam(model, films, label)
    torch.testing.assert_close(found, whole, rtol=1e-3, atol=1e-3 * float(whole.max()))


def test_a_model_in_training_mode(films):
    with pytest.raises(EgazeError, match="training mode"):
        grad_cam(DualHeadUNet("mobilenetv3_small_050", heatmap_head=False), films)


def test_a_stage_that_the_classes_do_not_hang_on():
    features = torch.rand(1, 2, 3, 3, requires_grad=True)
    with pytest.raises(EgazeError, match="do not depend on this feature map"):
        class_map(features, torch.rand(1, 2, requires_grad=True) * 2, torch.tensor([0]))
