from copy import deepcopy

import numpy as np
import pytest
import torch
from reference import class_activation as reference

from egaze.errors import EgazeError
from egaze.models import METHODS, DualHeadUNet, class_map, grad_cam, to_image_size


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
def rectified():
    """A U-Net whose feature maps are nowhere negative."""
    torch.manual_seed(0)
    return DualHeadUNet("resnet10t", classes=3, decoder_channels=(8, 8, 4)).eval()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stride", [32, 8, 2])
def test_maps_equal_the_papers_equations(rectified, images, method, stride):
    label = torch.tensor([0, 1, 2, 1])
    layers = {info["reduction"]: info["module"] for info in rectified.encoder.feature_info.get_dicts()}
    layer = rectified.encoder.get_submodule(layers[stride])
    features, slopes = reference.features_and_slopes(rectified, layer, images, label.tolist())
    equations = {"grad-cam": reference.grad_cam, "grad-cam++": reference.grad_cam_plus_plus}[method]
    expected = np.stack([equations(*image) for image in zip(features, slopes, strict=True)])
    ours = grad_cam(rectified, images, label, stride=stride, method=method)
    assert ours.shape == (4, 64 // stride, 96 // stride) and ours.dtype == torch.float32
    assert expected.any()
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-3, atol=1e-5 * expected.max())


# What the library grad-cam 1.5.7 gives for the features and logits below, each image's map stretched to [0, 1]. It adds
# 1e-6 to Grad-CAM++'s denominator, which is nothing beside these slopes.
LIBRARY = {
    "grad-cam": [
        [[0.1229, 0.2458, 0.4301, 0.9386], [0.0, 0.1843, 0.3072, 0.4915], [1.0, 0.0614, 0.2458, 0.7542]],
        [[0.0, 0.8365, 0.7771, 0.0], [1.0, 0.0, 0.8811, 0.8217], [0.0, 0.7028, 0.6434, 0.9257]],
    ],
    "grad-cam++": [
        [[0.1171, 0.4, 0.6171, 0.9], [0.0, 0.2171, 0.5, 0.7171], [1.0, 0.1, 0.3171, 0.6]],
        [[0.2857, 0.4388, 0.6429, 0.0], [1.0, 0.3571, 0.5103, 0.7143], [0.0714, 0.2245, 0.4286, 0.5817]],
    ],
}


@pytest.mark.parametrize("method", METHODS)
def test_maps_equal_those_of_the_library(method):
    features = ((torch.arange(2 * 3 * 3 * 4) * 37 % 23) / 8).view(2, 3, 3, 4).requires_grad_()
    weight = torch.tensor([[3.0, -1.0, 2.0], [-2.0, 4.0, 1.0]])
    logits = 1000 * torch.einsum("nkhw,ck->nc", features.square() + features, weight)
    found = class_map(features, logits, torch.tensor([0, 1]), method=method).detach()
    low, high = found.amin(dim=(1, 2), keepdim=True), found.amax(dim=(1, 2), keepdim=True)
    np.testing.assert_allclose(((found - low) / (high - low)).numpy(), LIBRARY[method], atol=6e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stride", [32, 4])
def test_a_class_map_does_not_depend_on_the_batch(unet, images, method, stride):
    together = grad_cam(unet, images, stride=stride, method=method)
    alone = torch.cat([grad_cam(unet, image[None], stride=stride, method=method) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-3 * float(alone.max()))


def test_the_default_class_is_the_predicted_one(unet, images):
    predicted = unet(images).class_logits.argmax(dim=1)
    assert torch.equal(grad_cam(unet, images), grad_cam(unet, images, predicted))


def test_the_logits_scale_scales_the_map(unet, images):
    label = torch.tensor([2, 1, 0, 1])
    scaled = deepcopy(unet)
    with torch.no_grad():
        scaled.classifier[1].weight.mul_(3)
        scaled.classifier[1].bias.add_(5)
    torch.testing.assert_close(grad_cam(scaled, images, label), 3 * grad_cam(unet, images, label))


def test_the_model_is_not_changed(unet, images):
    unet.requires_grad_(False)
    try:
        with torch.inference_mode():
            predicted = unet(images).class_logits.argmax(dim=1)
            frozen = grad_cam(unet, images.clone(), predicted, stride=8)
    finally:
        unet.requires_grad_(True)
    assert torch.equal(frozen, grad_cam(unet, images, stride=8)) and not frozen.requires_grad
    assert not unet.encoder._forward_hooks and not images.requires_grad
    assert all(parameter.grad is None for parameter in unet.parameters())


def test_bf16_gives_float32(unet, images):
    exact = grad_cam(unet, images)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = grad_cam(unet, images, unet(images).class_logits.argmax(dim=1))
    assert coarse.dtype == torch.float32 and coarse.isfinite().all() and coarse.shape == exact.shape


def test_resizing_keeps_positions_and_range():
    maps = torch.zeros(1, 4, 6)
    maps[0, 1, 4] = 2.0
    large = to_image_size(maps, (64, 96))[0]
    row, column = divmod(int(large.argmax()), 96)
    # The cell covers rows 16 to 31 and columns 64 to 79.
    assert 16 <= row <= 31 and 64 <= column <= 79 and large.min() >= 0 and large.max() <= 2
    assert not to_image_size(torch.zeros(2, 2, 2), (5, 7)).any()


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
def test_bad_arguments(unet, images, options, message):
    with pytest.raises(EgazeError, match=message):
        grad_cam(unet, images, **options)
    assert not unet.encoder._forward_hooks


@pytest.mark.parametrize("pooling", ["heatmap", "class-heatmaps"])
def test_the_gradient_through_the_decoder_counts(images, pooling):
    torch.manual_seed(0)
    options = {"classes": 3, "decoder_channels": (8, 8, 4), "pooling": pooling}
    model = DualHeadUNet("mobilenetv3_small_050", **options).eval()
    with torch.no_grad():
        for weight in (part for part in model.decoder.parameters() if part.ndim == 4):
            weight.mul_(6)  # maps that hang on the features, as trained ones do
    label = torch.tensor([0, 1, 2, 0])
    features = [part.detach() for part in model.encoder((images - model.mean) / model.std)]
    features[-1].requires_grad_()
    heatmap = model.decode(features, 64, 96)
    # What it would be if the pooling were under a map that is given.
    given = class_map(features[-1], model.classify(features[-1], heatmap.detach()), label).detach()
    whole = class_map(features[-1], model.classify(features[-1], heatmap), label).detach()
    assert (whole - given).abs().max() > 0.005 * given.max()
    found = grad_cam(model, images, label)
    torch.testing.assert_close(found, whole, rtol=1e-3, atol=1e-3 * float(whole.max()))


def test_a_model_in_training_mode(images):
    with pytest.raises(EgazeError, match="training mode"):
        grad_cam(DualHeadUNet("mobilenetv3_small_050", heatmap_head=False), images)


def test_a_feature_map_that_the_classes_do_not_depend_on():
    features = torch.rand(1, 2, 3, 3, requires_grad=True)
    with pytest.raises(EgazeError, match="do not depend on this feature map"):
        class_map(features, torch.rand(1, 2, requires_grad=True) * 2, torch.tensor([0]))
