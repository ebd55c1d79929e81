import warnings

import pytest
import torch

from egaze import DualHeadUNet
from egaze.errors import EgazeError


def small(**options):
    torch.manual_seed(0)
    return DualHeadUNet("mobilenetv3_small_050", 3, decoder_channels=(16, 16, 8), **options)


@pytest.mark.parametrize("shape", [(64, 64), (96, 160), (65, 77)])
def test_shapes(shape):
    output = small().eval()(torch.rand(2, 1, *shape))
    assert output.class_logits.shape == (2, 3) and output.heatmap_logits.shape == (2, 1, *shape)


def scripted(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(model)


def assert_same(outputs, others):
    for output, other in zip(outputs, others, strict=True):
        torch.testing.assert_close(output, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("mobilenetv3_small_050", {}),
        ("mobilenetv3_small_050", {"heatmap_head": False}),
        ("tf_efficientnet_lite0", {"decoder_stride": 1}),
        ("resnet10t", {}),
        ("convnext_atto", {"decoder_stride": 1}),  # without a map at stride 2
        ("regnetx_002", {}),
        ("resnet10t", {"pooling": "heatmap"}),
        ("resnet10t", {"pooling": "class-heatmaps"}),
    ],
)
def test_scripted_equals_eager_in_either_memory_format(encoder, options):
    torch.manual_seed(0)
    model = DualHeadUNet(encoder, 3, **options).eval()
    script = scripted(model)
    with torch.no_grad(), torch.jit.optimized_execution(False):
        for images in (1, 3):
            image = torch.rand(images, 1, 64, 64)
            expected = model(image)
            assert expected.heatmap_logits.any() == model.heatmap_head
            assert_same(expected, script(image))
        model.to(memory_format=torch.channels_last)
        assert_same(expected, model(image.contiguous(memory_format=torch.channels_last)))


@pytest.mark.parametrize("encoder", ["mobilenetv3_small_050", "convnext_atto"])
@pytest.mark.parametrize("shape", [(64, 64), (65, 77)])
def test_the_full_resolution_decoder_decides_every_pixel(encoder, shape):
    torch.manual_seed(0)
    model = DualHeadUNet(encoder, 3, decoder_stride=1).eval()
    with torch.no_grad():
        features = model.encoder(torch.rand(2, 1, *shape))
        logits = model.decode(features, *shape)
    assert logits.shape == (2, 1, *shape)
    assert len(model.decoder.blocks) == 5
    assert [block.convolve[0].out_channels for block in model.decoder.blocks] == [256, 128, 64, 32, 16]
    assert model.decoder.to_logits.kernel_size == (3, 3)


@pytest.mark.parametrize(
    ("encoder", "channels"), [("tf_efficientnet_lite0", 32), ("mobilenetv3_small_050", 16), ("resnet10t", 64)]
)
def test_the_finest_skip_is_the_stem_s(encoder, channels):
    model = DualHeadUNet(encoder, 3, decoder_stride=1)
    assert model.decoder.blocks[3].convolve[0].in_channels == 64 + channels


def test_grey_levels_are_those_of_the_encoder():
    assert DualHeadUNet("mobilenetv3_small_050").mean == pytest.approx(0.449)
    lite = DualHeadUNet("tf_efficientnet_lite0")
    assert (lite.mean, lite.std) == (0.5, 0.5)


@pytest.mark.parametrize("shape", [(64, 64), (1, 64, 64), (2, 3, 64, 64), (2, 1, 31, 64), (2, 1, 64, 16)])
def test_images_of_a_wrong_shape_are_named(shape):
    with pytest.raises(EgazeError, match=r"\(N, 1, H, W\) with sides of at least 32 px, got \("):
        small().eval()(torch.rand(shape))


def test_without_a_heatmap_head_there_is_no_decoder():
    model = small(heatmap_head=False).eval()
    assert not hasattr(model, "decoder")
    assert not model(torch.rand(1, 1, 64, 64)).heatmap_logits.any()


def test_both_heads_train_the_encoder():
    model = small()
    for head in (0, 1):
        model.zero_grad()
        model(torch.rand(2, 1, 64, 64))[head].square().sum().backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in list(model.encoder.parameters())[:1])


def parts_of(bottleneck, class_maps):
    """Logits of (K, h, w) features under (C, H, W) logits of maps, worked out class by class."""
    weights = torch.nn.functional.adaptive_avg_pool2d(class_maps.sigmoid(), bottleneck.shape[-2:]) + 1e-6
    return [(bottleneck * map_weights / map_weights.sum()).sum(dim=(1, 2)) for map_weights in weights]


@pytest.mark.parametrize(("pooling", "maps"), [("heatmap", 1), ("class-heatmaps", 3)])
def test_the_classifier_pools_under_the_heatmaps(pooling, maps):
    model = small(pooling=pooling).eval()
    linear = model.classifier[1]
    bottleneck, heatmap_logits = torch.rand(2, linear.in_features, 2, 3), torch.randn(2, maps, 64, 96)
    found = model.classify(bottleneck, heatmap_logits)
    assert found.shape == (2, 3)
    for image in range(2):
        pooled = parts_of(bottleneck[image], heatmap_logits[image]) * (3 // maps)
        expected = [pooled[c] @ linear.weight[c] + linear.bias[c] for c in range(3)]
        torch.testing.assert_close(found[image], torch.stack(expected))
    empty = torch.full((2, maps, 64, 96), -200.0)
    torch.testing.assert_close(model.classify(bottleneck, empty), linear(bottleneck.mean(dim=(2, 3))))


def test_each_class_scores_under_its_own_heatmap():
    model = small(pooling="class-heatmaps").eval()
    bottleneck, heatmap_logits = torch.rand(1, model.classifier[1].in_features, 2, 2), torch.zeros(1, 3, 64, 64)
    before = model.classify(bottleneck, heatmap_logits)
    heatmap_logits[:, 1, :20] = 5.0
    changed = model.classify(bottleneck, heatmap_logits) != before
    assert changed.tolist() == [[False, True, False]]


@pytest.mark.parametrize("pooling", ["mean", "heatmap"])
def test_predictions_are_probabilities_and_the_heatmap(pooling):
    model = small(pooling=pooling).eval()
    output = model(torch.rand(2, 1, 64, 64))
    answer = model.predictions(output)
    torch.testing.assert_close(answer.class_probs, output.class_logits.softmax(dim=1))
    torch.testing.assert_close(answer.heatmap, output.heatmap_logits.sigmoid())


def test_class_heatmaps_are_averaged_by_class_probability():
    model = small(pooling="class-heatmaps").eval()
    output = model(torch.rand(2, 1, 64, 64))
    assert output.heatmap_logits.shape == (2, 3, 64, 64)
    answer = model.predictions(output)
    expected = torch.einsum("nc,nchw->nhw", output.class_logits.softmax(dim=1), output.heatmap_logits.sigmoid())
    torch.testing.assert_close(answer.heatmap[:, 0], expected)


def test_without_a_heatmap_head_the_heatmap_is_empty():
    model = small(heatmap_head=False).eval()
    answer = model.predictions(model(torch.rand(2, 1, 64, 64)))
    assert answer.heatmap.shape == (2, 1, 64, 64) and not answer.heatmap.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder": "resnet_of_dreams"}, "timm has no encoder 'resnet_of_dreams'"),
        ({"encoder": "vit_tiny_patch16_224"}, "vit_tiny_patch16_224"),
        ({"encoder": "swin_tiny_patch4_window7_224"}, "returns feature maps as NHWC, expected NCHW"),
        ({"encoder": "levit_128s"}, r"has feature maps at strides \[16, 32, 64\]"),
        (
            {"encoder": "resnet18", "weights": "magic"},
            "magic: no such weights file; expected 'none', 'imagenet', timm's",
        ),
        ({"encoder": "resnet18", "classes": 0}, "classes must be at least 1"),
        ({"encoder": "resnet18", "dropout": 1.0}, r"dropout in \[0, 1\)"),
        ({"encoder": "resnet18", "drop_path": -0.1}, r"drop_path must be in \[0, 1\), got -0.1"),
        (
            {"encoder": "densenet121", "drop_path": 0.1},
            "densenet121.*cannot be used as an encoder: .*drop_path_rate",
        ),
        ({"encoder": "resnet18", "decoder_channels": (8, 8)}, "decoder_channels must be 3 positive numbers"),
        ({"encoder": "resnet18", "decoder_channels": ()}, "decoder_channels must be 3 positive numbers"),
        ({"encoder": "resnet18", "decoder_stride": 1, "decoder_channels": (8, 8, 8)}, "must be 5 positive numbers"),
        ({"encoder": "resnet18", "decoder_stride": 2}, "decoder_stride must be 4 or 1, got 2"),
        ({"encoder": "resnet18", "pooling": "max"}, "pooling must be one of mean, heatmap, class-heatmaps, got 'max'"),
        (
            {"encoder": "resnet18", "pooling": "heatmap", "heatmap_head": False},
            "pooling 'heatmap' needs a heatmap head",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(EgazeError, match=message):
        DualHeadUNet(**arguments)
