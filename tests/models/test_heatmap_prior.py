import pytest
import torch
from models.test_dual_head_unet import assert_same, scripted

from egaze import DualHeadUNet
from egaze.errors import EgazeError
from egaze.models.heatmap_prior import PRIOR_PX


def small(**options):
    torch.manual_seed(0)
    return DualHeadUNet("mobilenetv3_small_050", 3, decoder_channels=(16, 16, 8), heatmap_prior=True, **options).eval()


def blob(y, x, sigma_px=12.0):
    row, column = (torch.arange(PRIOR_PX) - place for place in (y, x))
    return torch.exp(-(row[:, None] ** 2 + column[None] ** 2) / (2 * sigma_px**2))


@pytest.mark.parametrize(
    "options", [{}, {"decoder_stride": 1, "decoder_channels": None}, {"pooling": "class-heatmaps"}]
)
def test_a_heatmap_starts_as_the_mean_map(options):
    model = (
        small(**options)
        if "decoder_channels" not in options
        else DualHeadUNet("mobilenetv3_small_050", 3, heatmap_prior=True, decoder_stride=1).eval()
    )
    mean = blob(20, 40)
    model.decoder.prior.set_mean(mean)
    with torch.no_grad():
        found = model.predictions(model(torch.rand(2, 1, 64, 64))).heatmap
    grid = model.decoder.prior.log_odds
    if not options.get("decoder_stride"):  # as the decoder stops at stride 4
        grid = torch.nn.functional.interpolate(grid, size=(16, 16), mode="bilinear")
    expected = torch.nn.functional.interpolate(grid, size=(64, 64), mode="bilinear").sigmoid()
    torch.testing.assert_close(found, expected.expand(2, -1, -1, -1))
    assert torch.corrcoef(torch.stack([found[0].flatten(), mean.flatten()]))[0, 1] > 0.99
    assert model.decoder.prior.strengths() == pytest.approx([1.0] * (3 if options.get("pooling") else 1))


def test_odds_are_multiplied():
    model, other = small(), small()
    for one, strength in ((model, 0.5), (other, 0.0)):
        torch.manual_seed(1)
        torch.nn.init.normal_(one.decoder.to_logits.weight)
        one.decoder.prior.set_mean(blob(20, 40))
        with torch.no_grad():
            one.decoder.prior.scaled_strength.fill_(strength / one.decoder.prior.scale)
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        difference = model(image).heatmap_logits - other(image).heatmap_logits
    log_odds = torch.nn.functional.interpolate(model.decoder.prior.log_odds, size=(16, 16), mode="bilinear")
    expected = torch.nn.functional.interpolate(0.5 * log_odds, size=(64, 64), mode="bilinear")
    torch.testing.assert_close(difference, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("pooling", ["mean", "class-heatmaps"])
def test_scripted_equals_eager(pooling):
    model = small(pooling=pooling)
    model.decoder.prior.set_mean(blob(30, 10))
    torch.nn.init.normal_(model.decoder.to_logits.weight)
    with torch.no_grad(), torch.jit.optimized_execution(False):
        image = torch.rand(2, 1, 64, 96)
        assert_same(model(image), scripted(model)(image))


def test_each_map_learns_its_strength():
    model = small(pooling="class-heatmaps").train()
    model.decoder.prior.set_mean(blob(30, 10))
    model(torch.rand(2, 1, 64, 64)).heatmap_logits[:, 1].sum().backward()
    gradient = model.decoder.prior.scaled_strength.grad
    assert gradient[1] != 0 and not gradient[[0, 2]].any()


def test_maps_of_zeros_and_ones_stay_finite():
    model = small()
    for mean in (torch.zeros(PRIOR_PX, PRIOR_PX), torch.ones(PRIOR_PX, PRIOR_PX)):
        model.decoder.prior.set_mean(mean)
        assert model(torch.rand(1, 1, 64, 64)).heatmap_logits.isfinite().all()


def test_a_prior_needs_a_head():
    with pytest.raises(EgazeError, match="a heatmap prior needs a heatmap head"):
        DualHeadUNet("mobilenetv3_small_050", heatmap_head=False, heatmap_prior=True)
