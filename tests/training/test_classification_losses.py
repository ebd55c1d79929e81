import numpy as np
import pytest
import torch
from torch.nn import functional

from egaze.loading import Batch
from egaze.models import DualHeadOutput
from egaze.training.classification_losses import CLASSIFICATION_LOSSES, focal
from egaze.training.losses import has_heatmap_target, training_losses, union_logits

NAN = float("nan")


def batch_of(label, has_gaze=None, side=4):
    label = torch.tensor(label)
    n = len(label)
    known = label >= 0 if label.ndim == 1 else ~label.isnan().all(dim=1)
    gaze = torch.ones(n, dtype=torch.bool) if has_gaze is None else torch.tensor(has_gaze)
    return Batch(torch.zeros(n, 1, side, side), torch.rand(n, 1, side, side), gaze, label, known, torch.arange(n))


def output_of(logits, maps=1, side=4):
    logits = torch.as_tensor(logits, dtype=torch.float32).requires_grad_()
    return DualHeadOutput(logits, torch.randn(len(logits), maps, side, side, requires_grad=True))


def loss_of(logits, label, name="cross-entropy", **options):
    output = output_of(logits)
    terms = training_losses(output, batch_of(label), heatmap_losses=(), classification_loss=name, **options)
    return output, terms["classification"]


def test_unknown_classes_are_masked():
    logits = [[1.0, -2.0], [0.5, 3.0], [7.0, 7.0]]
    output, loss = loss_of(logits, [[1, NAN], [0, 1], [NAN, NAN]])
    one = functional.binary_cross_entropy_with_logits(torch.tensor([1.0]), torch.tensor([1.0]))
    both = functional.binary_cross_entropy_with_logits(torch.tensor([0.5, 3.0]), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(loss.detach(), (one + both) / 2)
    loss.backward()
    np.testing.assert_array_equal(output.class_logits.grad != 0, [[True, False], [True, True], [False, False]])


@pytest.mark.parametrize("name", CLASSIFICATION_LOSSES)
@pytest.mark.parametrize("value", [NAN, float("inf"), 1e4, -1e4])
def test_the_logit_of_an_unknown_class_changes_nothing(name, value):
    label = [[1.0, NAN], [0.0, 1.0]]
    _, without = loss_of([[0.3, 0.0], [0.1, -1.0]], label, name)
    output, loss = loss_of([[0.3, value], [0.1, -1.0]], label, name)
    loss.backward()
    assert loss == without and torch.isfinite(output.class_logits.grad).all()


def test_certainties_are_soft_targets():
    _, loss = loss_of([[0.7]], [[0.25]])
    probability = torch.tensor(0.7).sigmoid()
    torch.testing.assert_close(loss.detach(), -(0.25 * probability.log() + 0.75 * (1 - probability).log()))


def test_focal_is_lin_s():
    p = torch.tensor([0.9, 0.2, 0.6])
    of_each = CLASSIFICATION_LOSSES["focal"].of_each
    torch.testing.assert_close(of_each(p.logit(), torch.ones(3)), -((1 - p) ** 2) * p.log())
    torch.testing.assert_close(of_each(p.logit(), torch.zeros(3)), -(p**2) * (1 - p).log())
    probs = torch.tensor([[0.7, 0.2, 0.1]])
    torch.testing.assert_close(focal(probs.log(), torch.tensor([1])), -torch.tensor([0.8**2 * np.log(0.2)]).float())


def test_asymmetric_is_ridnik_s():
    p = torch.tensor([0.9, 0.2, 0.03])
    of_each = CLASSIFICATION_LOSSES["asymmetric"].of_each
    torch.testing.assert_close(of_each(p.logit(), torch.ones(3)), -p.log())
    shifted = torch.tensor([0.85, 0.15, 0.0])
    torch.testing.assert_close(of_each(p.logit(), torch.zeros(3)), -(shifted**4) * (1 - shifted).log())


@pytest.mark.parametrize("name", CLASSIFICATION_LOSSES)
def test_losses_of_each_class_are_finite_in_edge_cases(name):
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4], [0.0, 0.0]], requires_grad=True)
    loss = CLASSIFICATION_LOSSES[name].of_each(logits, torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.5, 1.0]]))
    loss.sum().backward()
    assert torch.isfinite(loss).all() and torch.isfinite(logits.grad).all()
    assert (loss[0] == 0).all() and loss[1, 0] >= 1e4 and loss[1, 1] > 1


def test_class_weights_are_factors_of_each_class():
    logits = [[1.0, -2.0], [0.5, 3.0]]
    of_each = functional.binary_cross_entropy_with_logits(
        torch.tensor(logits), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), reduction="none"
    )
    _, loss = loss_of(logits, [[1.0, 0.0], [0.0, 1.0]], class_weights=(3.0, 0.5))
    torch.testing.assert_close(loss.detach(), (of_each * torch.tensor([3.0, 0.5])).mean())
    each = functional.cross_entropy(torch.tensor(logits), torch.tensor([1, 0]), reduction="none")
    _, loss = loss_of(logits, [1, 0], class_weights=(3.0, 0.5))
    torch.testing.assert_close(loss.detach(), (each * torch.tensor([0.5, 3.0])).mean())


def test_the_union_of_maps():
    logits = torch.tensor([0.3, -1.2, 4.0], dtype=torch.float64).view(1, 3, 1, 1)
    p = logits.sigmoid()[0, :, 0, 0]
    for included in ([True, True, False], [True, True, True], [False, True, False]):
        union = union_logits(logits, torch.tensor([included])).sigmoid()
        expected = 1 - (1 - p[torch.tensor(included)]).prod()
        torch.testing.assert_close(union.squeeze(), expected)
    extreme = torch.tensor([[-200.0, 3e4], [-200.0, -200.0]]).view(2, 2, 1, 1).requires_grad_()
    union = union_logits(extreme, torch.ones(2, 2, dtype=torch.bool))
    union.sum().backward()
    assert union[0] == 3e4 and torch.isfinite(union).all() and torch.isfinite(extreme.grad).all()


def test_gaze_trains_the_maps_of_the_present_classes():
    label = [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [NAN, 1.0, 0.4], [1.0, 1.0, 1.0], [NAN, NAN, NAN]]
    batch = batch_of(label, has_gaze=[True, True, True, False, True])
    output = output_of(torch.zeros(5, 3), maps=3)
    training_losses(output, batch, heatmap_losses=("bce", "kl"))["heatmap"].backward()
    taught = output.heatmap_logits.grad.flatten(2).any(dim=2)
    np.testing.assert_array_equal(taught, [[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(has_heatmap_target(output, batch), [True, False, True, False, False])
