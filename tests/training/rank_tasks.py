"""What the ranks of the tests do, in processes of their own."""

import os
import signal
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from training.tiny_runs import Stop

from egaze.errors import EgazeError
from egaze.loading import DeviceLoader
from egaze.training import train
from egaze.training.device import open_fabric
from egaze.training.engine import predict, train_one_epoch
from egaze.training.loop import TrainingLoop
from egaze.training.ranks import from_first, gathered, settle_placement
from egaze.training.run import build_model
from egaze.training.synced_batch_norm import SyncedBatchNorm, synchronise_batch_norms

HOW = {"device": "cpu", "seed": 1, "threads": 1, "compute_threads": 1}
TWO = {**HOW, "devices": 2}


def here():
    return open_fabric("cpu", "fp32", settle_placement(2, 1))


def epoch_by_parts(study, recipe, fabric, part):
    """Train one epoch by plain gradient descent, on a part of each batch; return terms, weights and statistics.

    Of the last batch, the first rank has all, and the second nothing.
    """
    torch.manual_seed(0)
    bare = build_model(recipe.model, len(study.class_names))
    if fabric.world_size > 1:
        synchronise_batch_norms(bare, fabric.device, twice_differentiable=True)
    model, optimizer = fabric.setup(bare, torch.optim.SGD(bare.parameters(), lr=0.01))
    loader = DeviceLoader(study, np.arange(22), batch_size=8, size_px=64, target=recipe.batch_target)
    batches = [part(batch, is_last=len(batch) < 8) for batch in loader]
    how = {"batches_per_step": recipe.batches_per_step}
    terms = train_one_epoch(fabric, model, optimizer, batches, recipe.stages[0], lambda _: 0.01, **how)
    return terms, {name: value.clone() for name, value in bare.state_dict().items()}


def all_of(batch, is_last):
    return batch


def part_of_rank(rank):
    def part(batch, is_last):
        begin, end = ((0, 6), (6, 6))[rank] if is_last else ((0, 5), (5, 8))[rank]
        return type(batch)(*(tensor[begin:end] for tensor in batch.tensors()))

    return part


def epochs(study, recipes, others):
    """Epochs of both ranks, in parts of different sizes and an empty one."""
    fabric = here()
    part = part_of_rank(fabric.global_rank)
    return [epoch_by_parts(of, recipe, fabric, part) for of, recipe in ((study, recipes[0]), (others, recipes[1]))]


def batch_norms(study):
    """A synchronised batch norm against torch's, with its gradients and theirs, and an empty part."""
    fabric = here()
    torch.manual_seed(0)
    whole, direction = torch.randn(5, 4, 3, 3).double(), torch.randn(5, 4, 3, 3).double()
    plain = nn.BatchNorm2d(4).double()
    nn.init.normal_(plain.weight)
    synced = SyncedBatchNorm(nn.BatchNorm2d(4))
    synced.load_state_dict({name: value.clone() for name, value in plain.state_dict().items()})
    for parts in ((5, 0), (2, 3)):
        begin = parts[0] * fabric.global_rank
        mine = slice(begin, begin + parts[fabric.global_rank])
        results = []
        for norm, where in ((plain, slice(0, 5)), (synced, mine)):
            x = whole[where].clone().to(norm.weight.dtype).requires_grad_()
            y = norm(x)
            (once,) = torch.autograd.grad((y.tanh() * direction[where].to(y.dtype)).sum(), x, create_graph=True)
            (twice,) = torch.autograd.grad(once.square().sum(), x)
            results.append((y, once, twice))
        for expected, found in zip(*results, strict=True):
            torch.testing.assert_close(found.double(), expected[mine], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(synced.running_var.double(), plain.running_var, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(synced.running_mean.double(), plain.running_mean, rtol=1e-5, atol=1e-6)
    norm = synced.eval()
    torch.testing.assert_close(norm(whole.float()).double(), plain.eval()(whole), rtol=1e-4, atol=1e-5)


def predictions(study, recipe):
    """Of five cases, of which the ranks have three and two, and of one case, of which one rank has none."""
    fabric = here()
    torch.manual_seed(0)
    model, found = build_model(recipe.model, 3), []
    for cases in ([7, 3, 30, 1, 12], [9]):
        mine = np.array_split(np.array(cases), 2)[fabric.global_rank]
        how = {"batch_size": 2, "size_px": 64, "target": recipe.heatmap.target}
        loader = DeviceLoader(study, mine, **how) if len(mine) else None
        found.append(predict(model, loader, recipe.stages[0], keep_heatmaps=False, fabric=fabric))
    return found


def runs(study, recipes, out):
    """Whole trainings, of which one recipe's stops within an epoch and is resumed."""
    logs = [train(study, recipe, out / str(number), **TWO).log() for number, recipe in enumerate(recipes)]
    resumable = replace(recipes[0], checkpoint_steps=2, model=replace(recipes[0].model, dropout=0.3), average_decay=0.9)
    train(study, resumable, out / "whole", **TWO, sync_batch_norm=False)
    after_step = TrainingLoop._after_step

    def stop_at_the_third_step(self, trained, at, done):
        after_step(self, trained, at, done)
        if (at.epoch, done.step) == (1, 3):
            raise Stop

    TrainingLoop._after_step = stop_at_the_third_step
    try:
        train(study, resumable, out / "resumed", **TWO, sync_batch_norm=False)
    except Stop:
        pass
    finally:
        TrainingLoop._after_step = after_step
    train(study, resumable, out / "resumed", **TWO, resume=True)
    return logs


def everything(study, others, recipes, both, out):
    """All of the above in one start of the ranks, which takes seconds."""
    batch_norms(study)
    fabric = here()
    with_errors = []
    for error in (EgazeError("of the first"), ValueError("of the first")):
        try:
            from_first(fabric, lambda error=error: raising(error))
        except Exception as raised:
            with_errors.append(f"{type(raised).__name__}: {raised}")
    told = gathered(fabric, with_errors)
    return epochs(study, both, others), predictions(study, both[0]), runs(study, recipes, out), told


def raising(error):
    raise error


def killed(study, recipe, out):
    """Train until the second rank is killed, in the second epoch."""
    after_step = TrainingLoop._after_step

    def kill(self, trained, at, done):
        after_step(self, trained, at, done)
        if self.fabric.global_rank == 1 and (at.epoch, done.step) == (1, 2):
            os.kill(os.getpid(), signal.SIGKILL)

    TrainingLoop._after_step = kill
    return train(study, recipe, out, **TWO)
