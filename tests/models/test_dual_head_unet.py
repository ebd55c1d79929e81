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


@pytest.mark.parametrize("heatmap_head", [True, False])
def test_scripted_equals_eager(heatmap_head):
    model = small(heatmap_head=heatmap_head).eval()
    image = torch.rand(2, 1, 64, 64)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(model)(image)
        for eager, other in zip(model(image), scripted, strict=True):
            torch.testing.assert_close(eager, other, atol=1e-5, rtol=1e-5)


def test_without_a_heatmap_head_there_is_no_decoder():
    model = small(heatmap_head=False).eval()
    assert not hasattr(model, "decoder")
    assert not model(torch.rand(1, 1, 64, 64)).heatmap_logits.any()


def test_both_heads_teach_the_encoder():
    model = small()
    for head in (0, 1):
        model.zero_grad()
        model(torch.rand(2, 1, 64, 64))[head].square().sum().backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in list(model.encoder.parameters())[:1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder": "resnet_of_dreams"}, "timm has no encoder 'resnet_of_dreams'"),
        ({"encoder": "vit_tiny_patch16_224"}, "vit_tiny_patch16_224"),
        ({"encoder": "resnet18", "weights": "magic"}, "weights must be 'none' or 'imagenet', got 'magic'"),
        ({"encoder": "resnet18", "classes": 0}, "classes must be at least 1"),
        ({"encoder": "resnet18", "dropout": 1.0}, r"dropout in \[0, 1\)"),
        ({"encoder": "resnet18", "decoder_channels": (8, 8)}, "decoder_channels must be 3 positive numbers"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(EgazeError, match=message):
        DualHeadUNet(**arguments)
