import numpy as np
import pytest
import torch
from scipy.stats import entropy, pearsonr

from egaze.loading import Batch
from egaze.models import DualHeadOutput
from egaze.training.losses import HEATMAP_LOSS_FUNCTIONS, training_losses


def make(n=6, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    output = DualHeadOutput(
        torch.randn(n, 3, generator=generator, dtype=dtype, requires_grad=True),
        torch.randn(n, 1, 8, 8, generator=generator, dtype=dtype, requires_grad=True),
    )
    heatmap = torch.rand(n, 1, 8, 8, generator=generator, dtype=dtype)
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
        p, q = torch.softmax(logits[i].flatten(), 0).numpy(), target[i].flatten().numpy()
        kl = HEATMAP_LOSS_FUNCTIONS["kl"](logits, target)[i]
        assert float(kl) == pytest.approx(entropy(q / q.sum(), p), rel=1e-4)
        cc = HEATMAP_LOSS_FUNCTIONS["cc"](logits, target)[i]
        assert float(cc) == pytest.approx(1 - pearsonr(logits[i].sigmoid().flatten(), q)[0], abs=1e-5)


@pytest.mark.parametrize("name", HEATMAP_LOSS_FUNCTIONS)
def test_what_a_masked_sample_holds_does_not_matter(name):
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
    alone = HEATMAP_LOSS_FUNCTIONS[name](output.heatmap_logits[mask], batch.heatmap[mask]).mean()
    torch.testing.assert_close(first["heatmap"], alone)


@pytest.mark.parametrize("name", HEATMAP_LOSS_FUNCTIONS)
def test_gradients_and_empty_maps(name):
    output, batch = make(2, dtype=torch.float64)
    function = HEATMAP_LOSS_FUNCTIONS[name]
    assert torch.autograd.gradcheck(lambda logits: function(logits, batch.heatmap), output.heatmap_logits)
    loss = function(output.heatmap_logits, torch.zeros_like(batch.heatmap)).sum()
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(output.heatmap_logits.grad).all()


def test_a_batch_without_answers_has_zero_loss():
    output, batch = make()
    nothing = torch.zeros(6, dtype=torch.bool)
    empty = Batch(batch.image, batch.heatmap, nothing, torch.full((6,), -1), nothing, batch.case_index)
    terms = training_losses(output, empty, heatmap_losses=("bce", "dice", "kl", "cc"))
    assert all(term.detach() == 0 for term in terms.values())
    sum(terms.values()).backward()
    assert np.isfinite(output.heatmap_logits.grad.numpy()).all()


def test_named_losses_add_up():
    output, batch = make()
    together = training_losses(output, batch, heatmap_losses=("bce", "cc"))["heatmap"]
    apart = sum(training_losses(output, batch, heatmap_losses=(name,))["heatmap"] for name in ("bce", "cc"))
    torch.testing.assert_close(together, apart)
