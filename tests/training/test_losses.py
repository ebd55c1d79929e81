from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import entropy, pearsonr

from egaze.loading import Batch
from egaze.models import DualHeadOutput
from egaze.training.losses import CLASSIFICATION_LOSSES, HEATMAP_LOSSES, training_losses


def make(n=6, seed=0, dtype=torch.float32, side=8):
    generator = torch.Generator().manual_seed(seed)
    output = DualHeadOutput(
        torch.randn(n, 3, generator=generator, dtype=dtype, requires_grad=True),
        torch.randn(n, 1, side, side, generator=generator, dtype=dtype, requires_grad=True),
    )
    heatmap = torch.rand(n, 1, side, side, generator=generator, dtype=dtype)
    label = torch.arange(n) % 3
    everything = torch.ones(n, dtype=torch.bool)
    return output, Batch(torch.zeros(n, 1, 8, 8), heatmap, everything, label, everything, torch.arange(n))


def test_classification_is_the_mean_cross_entropy():
    output, batch = make()
    terms = training_losses(output, batch, heatmap_losses=())
    expected = torch.nn.functional.cross_entropy(output.class_logits, batch.label)
    torch.testing.assert_close(terms["classification"], expected)
    assert terms.keys() == {"classification"}


def test_kl_and_cc_equal_scipy():
    output, batch = make()
    logits, target = output.heatmap_logits.detach(), batch.heatmap
    for i in range(6):
        p, q = logits[i].sigmoid().flatten().numpy(), target[i].flatten().numpy()
        kl = HEATMAP_LOSSES["kl"](logits, target)[i]
        assert float(kl) == pytest.approx(entropy(q, p), rel=1e-4)
        cc = HEATMAP_LOSSES["cc"](logits, target)[i]
        assert float(cc) == pytest.approx(1 - pearsonr(logits[i].sigmoid().flatten(), q)[0], abs=1e-5)


@pytest.mark.parametrize("name", HEATMAP_LOSSES)
def test_gaze_trains_the_heatmap_of_the_image_s_class(name):
    output, batch = make()
    class_maps = torch.randn(6, 3, 8, 8, requires_grad=True)
    has_label = torch.tensor([True, True, False, True, True, True])
    labels = torch.where(has_label, batch.label, -1)
    batch = Batch(batch.image, batch.heatmap, batch.has_gaze, labels, has_label, batch.case_index)
    found = training_losses(DualHeadOutput(output.class_logits, class_maps), batch, heatmap_losses=(name,))["heatmap"]
    found.backward()
    taught = class_maps.grad.flatten(2).any(dim=2)
    assert torch.equal(taught, torch.nn.functional.one_hot(torch.arange(6) % 3).bool() & has_label[:, None])
    own = class_maps.detach()[torch.arange(6), torch.arange(6) % 3][:, None]
    torch.testing.assert_close(found, HEATMAP_LOSSES[name](own, batch.heatmap)[has_label].mean())


@pytest.mark.parametrize("name", HEATMAP_LOSSES)
def test_heatmaps_of_single_classes_train_their_classes(name):
    output, batch = make()
    class_maps = torch.randn(6, 3, 8, 8, requires_grad=True)
    numbers = torch.tensor([[1, 2], [-1, -1], [0, 0], [2, -1], [0, -1], [-1, -1]])
    targets = torch.rand(6, 2, 8, 8)
    targets[numbers < 0] = torch.nan
    batch = replace(
        batch,
        has_gaze=torch.tensor([True, True, False, True, True, False]),
        class_heatmap=targets,
        class_heatmap_index=numbers,
        gaze_is_named=torch.tensor([True, False, False, True, False, False]),
    )
    output = DualHeadOutput(output.class_logits, class_maps)
    found = training_losses(output, batch, heatmap_losses=(name,))["heatmap"]
    found.backward()
    taught = class_maps.grad.flatten(2).any(dim=2)
    # 0: two classes are named; 1: the label's map, by the whole gaze; 2: two regions of one class; 3: one class is
    # named; 4: the label's map by the whole gaze, and another class by a region; 5: nothing.
    expected = [[0, 1, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert taught.int().tolist() == expected and class_maps.grad.isfinite().all()

    def loss(image, class_index, target):
        return HEATMAP_LOSSES[name](class_maps[image, class_index][None, None], target[None, None])

    means = [
        (loss(0, 1, targets[0, 0]) + loss(0, 2, targets[0, 1])) / 2,
        loss(1, 1, batch.heatmap[1, 0]),
        (loss(2, 0, targets[2, 0]) + loss(2, 0, targets[2, 1])) / 2,
        loss(3, 2, targets[3, 0]),
        (loss(4, 1, batch.heatmap[4, 0]) + loss(4, 0, targets[4, 0])) / 2,
    ]
    torch.testing.assert_close(found, torch.cat(means).mean())


@pytest.mark.parametrize("name", HEATMAP_LOSSES)
def test_values_of_masked_samples_do_not_matter(name):
    output, batch = make()
    mask = torch.tensor([True, False, True, True, False, True])
    one = Batch(batch.image, batch.heatmap, mask, batch.label, mask, batch.case_index)
    changed = batch.heatmap.clone()
    changed[~mask] = 0.0
    labels = torch.where(mask, batch.label, -1)
    two = Batch(batch.image, changed, mask, labels, mask, batch.case_index)
    first, second = (training_losses(output, b, heatmap_losses=(name,)) for b in (one, two))
    assert all(torch.equal(first[key], second[key]) for key in first)
    # Nor does a masked sample teach.
    sum(first.values()).backward()
    assert not output.class_logits.grad[~mask].any() and not output.heatmap_logits.grad[~mask].any()
    assert output.heatmap_logits.grad[mask].any()
    alone = HEATMAP_LOSSES[name](output.heatmap_logits[mask], batch.heatmap[mask]).mean()
    torch.testing.assert_close(first["heatmap"], alone)


def test_one_hot_bce_is_the_baseline_s_criterion():
    output, batch = make()
    found = training_losses(output, batch, heatmap_losses=(), classification_loss="bce-one-hot")["classification"]
    one_hot = torch.nn.functional.one_hot(batch.label, 3).float()
    torch.testing.assert_close(found, torch.nn.BCEWithLogitsLoss()(output.class_logits, one_hot))


@pytest.mark.parametrize("classification_loss", CLASSIFICATION_LOSSES)
@pytest.mark.parametrize("held", [float("nan"), float("inf"), 7.0])
def test_a_sample_without_targets_changes_nothing(classification_loss, held):
    mask = torch.tensor([True, False, True, True, False, True])
    found = []
    for value in (0.0, held):
        output, batch = make()
        with torch.no_grad():
            for tensor in (*output, batch.heatmap):
                tensor[~mask] = value
        label = torch.where(mask, batch.label, -1 if value == 0 else 99)
        masked = Batch(batch.image, batch.heatmap, mask, label, mask, batch.case_index)
        terms = training_losses(
            output, masked, heatmap_losses=tuple(HEATMAP_LOSSES), classification_loss=classification_loss
        )
        (terms["classification"] + terms["heatmap"]).backward()
        found.append([*terms.values(), output.class_logits.grad, output.heatmap_logits.grad])
        assert all(torch.isfinite(tensor).all() for tensor in found[-1])
        assert not output.class_logits.grad[~mask].any() and not output.heatmap_logits.grad[~mask].any()
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


@pytest.mark.parametrize("classification_loss", CLASSIFICATION_LOSSES)
def test_gradients_of_classification_losses(classification_loss):
    output, batch = make(4, dtype=torch.float64)
    function = CLASSIFICATION_LOSSES[classification_loss].function
    assert torch.autograd.gradcheck(lambda logits: function(logits, batch.label), output.class_logits)


@pytest.mark.parametrize("name", HEATMAP_LOSSES)
@pytest.mark.parametrize("target", ["random", "empty", "flat"])
@pytest.mark.parametrize("side", [1, 4])
def test_gradients_of_heatmap_losses(name, target, side):
    output, batch = make(2, dtype=torch.float64, side=side)
    truth = {"random": batch.heatmap, "empty": 0 * batch.heatmap, "flat": 0 * batch.heatmap + 0.5}[target]
    function = HEATMAP_LOSSES[name]
    assert torch.autograd.gradcheck(lambda logits: function(logits, truth), output.heatmap_logits)


def test_gradients_of_the_masked_sum():
    output, batch = make(3, dtype=torch.float64, side=3)
    gaze, label = torch.tensor([True, False, True]), torch.tensor([False, True, True])
    mixed = Batch(batch.image, batch.heatmap, gaze, batch.label, label, batch.case_index)

    def loss(class_logits, heatmap_logits):
        terms = training_losses(
            DualHeadOutput(class_logits, heatmap_logits),
            mixed,
            heatmap_losses=tuple(HEATMAP_LOSSES),
            heatmap_loss_weights=(1.0, 0.5, 2.0, 0.1),
        )
        return terms["classification"] + 3 * terms["heatmap"]

    assert torch.autograd.gradcheck(loss, tuple(output))


@pytest.mark.parametrize("name", HEATMAP_LOSSES)
@pytest.mark.parametrize("side", [1, 8])
@pytest.mark.parametrize("logit", [-1e4, 0.0, 1e4, None])
@pytest.mark.parametrize("target", [0.0, 1e-30, 0.5, 1.0, None])
def test_heatmap_losses_are_finite_in_edge_cases(name, side, logit, target):
    """Constant predictions and extreme ones (1e4 and -1e4 side by side where None), empty, flat and one-hot maps."""
    pixel = torch.arange(side * side, dtype=torch.float32).reshape(1, 1, side, side)
    logits = torch.full_like(pixel, logit) if logit is not None else torch.where(pixel % 2 == 0, 1e4, -1e4)
    truth = torch.full_like(pixel, target) if target is not None else (pixel == 0).float()
    logits.requires_grad_()
    loss = HEATMAP_LOSSES[name](logits, truth)
    loss.sum().backward()
    assert loss.shape == (1,) and torch.isfinite(loss).all() and torch.isfinite(logits.grad).all()
    assert loss > -1e-6


@pytest.mark.parametrize("name", CLASSIFICATION_LOSSES)
def test_classification_losses_are_finite_in_edge_cases(name):
    logits = torch.tensor([[1e4, -1e4, -1e4], [-1e4, 1e4, 1e4], [5.0, 5.0, 5.0]], requires_grad=True)
    loss = CLASSIFICATION_LOSSES[name].function(logits, torch.tensor([0, 0, 2]))
    loss.sum().backward()
    assert torch.isfinite(loss).all() and torch.isfinite(logits.grad).all()
    # The asymmetric loss of absent classes is bounded.
    assert loss[0] == 0 and loss[1] > (3e3 if name == "asymmetric" else 1e4 - 1)


@pytest.mark.parametrize("name", HEATMAP_LOSSES)
def test_a_perfect_map_has_the_least_loss(name):
    _, batch = make(2, dtype=torch.float64)
    perfect = batch.heatmap.logit()
    best = HEATMAP_LOSSES[name](perfect, batch.heatmap)
    assert (best < HEATMAP_LOSSES[name](perfect.flip(-1), batch.heatmap)).all()
    if name != "bce":
        assert best.abs().max() < 1e-6


def test_a_batch_without_targets_has_zero_loss():
    output, batch = make()
    nothing = torch.zeros(6, dtype=torch.bool)
    empty = Batch(batch.image, batch.heatmap, nothing, torch.full((6,), -1), nothing, batch.case_index)
    terms = training_losses(output, empty, heatmap_losses=("bce", "dice", "kl", "cc"))
    assert all(term.detach() == 0 for term in terms.values())
    sum(terms.values()).backward()
    assert np.isfinite(output.heatmap_logits.grad.numpy()).all()


def test_named_losses_add_up():
    output, batch = make()
    both = training_losses(output, batch, heatmap_losses=("bce", "cc"))
    apart = {name: training_losses(output, batch, heatmap_losses=(name,))["heatmap"].detach() for name in ("bce", "cc")}
    torch.testing.assert_close(both["heatmap"].detach(), apart["bce"] + apart["cc"])
    weighted = training_losses(output, batch, heatmap_losses=("bce", "cc"), heatmap_loss_weights=(0.25, 3.0))
    torch.testing.assert_close(weighted["heatmap"].detach(), 0.25 * apart["bce"] + 3.0 * apart["cc"])
    # Each is logged too, unweighted.
    assert weighted.keys() == {"classification", "heatmap", "heatmap_bce", "heatmap_cc"}
    assert all(torch.equal(weighted[f"heatmap_{name}"].detach(), apart[name]) for name in apart)
    with pytest.raises(ValueError):
        training_losses(output, batch, heatmap_losses=("bce", "cc"), heatmap_loss_weights=(1.0,))
