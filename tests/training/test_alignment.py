from dataclasses import replace

import numpy as np
import pytest
import torch

from egaze.loading import Batch
from egaze.models import DualHeadUNet
from egaze.training import train
from egaze.training.alignment import GradCamAlignment, watch


def make(n=4, side=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(n, 5, side, side, generator=generator, dtype=dtype, requires_grad=True)
    weight = torch.randn(3, 5, generator=generator, dtype=dtype, requires_grad=True)
    heatmap = torch.rand(n, 1, 4 * side, 4 * side, generator=generator, dtype=dtype)
    answered = torch.ones(n, dtype=torch.bool)
    return features, weight, Batch(heatmap, heatmap, answered, torch.arange(n) % 3, answered, torch.arange(n))


def loss(features, weight, batch):
    alignment = GradCamAlignment()
    alignment.features, alignment.class_logits = features, features.mean(dim=(2, 3)) @ weight.T
    return alignment.loss(batch)


def test_the_loss_is_one_minus_the_correlation():
    features, weight, batch = make()
    maps = torch.einsum("nk,nkhw->nhw", weight[batch.label], features).clamp(min=0).detach().numpy()
    gaze = batch.heatmap[:, 0].reshape(4, 3, 4, 3, 4).mean(dim=(2, 4)).numpy()
    correlations = [np.corrcoef(one.ravel(), two.ravel())[0, 1] for one, two in zip(maps, gaze, strict=True)]
    assert loss(features, weight, batch).item() == pytest.approx(1 - np.mean(correlations), abs=1e-4)


def test_gradients():
    features, weight, batch = make()
    mixed = replace(batch, has_gaze=torch.tensor([True, False, True, True]))
    assert torch.autograd.gradcheck(lambda *inputs: loss(*inputs, mixed), (features, weight))


@pytest.mark.parametrize("held", [0.0, float("nan")])
def test_samples_without_both_targets_change_nothing(held):
    features, weight, batch = make()
    only = torch.tensor([True, False, False, True])
    expected = loss(features, weight, replace(batch, has_gaze=only, has_label=only))
    heatmap = batch.heatmap.clone()
    heatmap[1] = held
    mixed = replace(
        batch,
        heatmap=heatmap,
        has_gaze=torch.tensor([True, False, True, True]),
        has_label=torch.tensor([True, True, False, True]),
        label=torch.where(torch.tensor([True, True, False, True]), batch.label, -1),
    )
    found = loss(features, weight, mixed)
    found.backward()
    assert torch.equal(found, expected) and torch.isfinite(weight.grad).all()
    assert not features.grad[~only].any() and features.grad[only].any()


@pytest.mark.parametrize("edge", ["nothing", "flat", "empty", "negative", "pixel"])
def test_the_loss_is_finite_in_edge_cases(edge):
    features, weight, batch = make(side=1 if edge == "pixel" else 3)
    if edge == "nothing":
        batch = replace(batch, has_label=torch.zeros(4, dtype=torch.bool))
    if edge == "flat":
        features = torch.ones_like(features).requires_grad_()
    if edge == "empty":
        batch = replace(batch, heatmap=torch.zeros_like(batch.heatmap))
    if edge == "negative":
        features, weight = torch.rand_like(features).requires_grad_(), (-torch.rand_like(weight)).requires_grad_()
    found = loss(features, weight, batch)
    found.backward()
    assert found.item() == pytest.approx(0.0 if edge == "nothing" else 1.0)
    assert torch.isfinite(features.grad).all() and torch.isfinite(weight.grad).all()


@pytest.mark.parametrize("trained", [True, False])
def test_watching_a_model(trained):
    torch.manual_seed(0)
    model = DualHeadUNet("mobilenetv3_small_050", classes=3, heatmap_head=False, dropout=0.0).eval()
    model.encoder.requires_grad_(trained)
    _, _, batch = make(side=16, dtype=torch.float32)
    with watch(model) as alignment:
        output = model(batch.image)
    assert alignment.class_logits is output.class_logits
    alignment.loss(batch).backward()
    assert model.classifier[1].weight.grad.any()
    assert any(parameter.grad is not None for parameter in model.encoder.parameters()) == trained
    with watch(model):
        pass
    assert not model._forward_hooks and not model.encoder._forward_hooks


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_stage_that_aligns(precision, study, tiny_recipe, tmp_path):
    stage = replace(tiny_recipe.stages[0], epochs=1, heatmap_weight=0.0, alignment_weight=0.5)
    run = train(study, replace(tiny_recipe, stages=(stage,)), tmp_path / "run", device="cpu", precision=precision)
    (entry,) = run.log()
    terms = entry.train_losses
    assert 0 < terms["alignment"] < 2 and "alignment" not in entry.losses
    assert terms["loss"] == pytest.approx(terms["classification"] + 0.5 * terms["alignment"], rel=1e-3)
