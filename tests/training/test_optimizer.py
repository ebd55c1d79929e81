from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from egaze.training import load_recipe
from egaze.training.optimizer import learning_rate, make_optimizer
from egaze.training.stage import Stage

# The EGD-CXR baseline's two published runs.
UNET = load_recipe("egd-baseline").stages[0]
ENCODER_ONLY = Stage(epochs=20, learning_rate=0.006486, schedule="egd", warmup_epochs=0, half_cycle_epochs=8)


def test_the_rate_warms_up_and_falls():
    stage = replace(load_recipe("joint").stages[0], epochs=10, warmup_epochs=2, learning_rate=1.0)
    rates = [learning_rate(stage, epoch) for epoch in (0, 1, 2, 6, 10)]
    assert rates[0] < 0.1 < rates[1] < rates[2] == 1.0 > rates[3] > rates[4] == pytest.approx(0.01)


def test_the_constant_rate_warms_up_and_stays():
    stage = Stage(epochs=10, warmup_epochs=2, learning_rate=0.5, schedule="constant")
    rates = [learning_rate(stage, epoch) for epoch in (0, 1, 2, 6.5, 10)]
    assert rates[0] < 0.05 < rates[1] < 0.5 and rates[2:] == [0.5, 0.5, 0.5]
    assert learning_rate(replace(stage, warmup_epochs=0), 0) == 0.5


# Worked out by hand from f = lr + (1 - lr) * t / 2^(cycle - 1), rate = lr * f.
@pytest.mark.parametrize(
    ("stage", "rates"),
    [
        (
            UNET,
            {
                0: 8.199665e-5,  # lr squared
                1: 4.568598e-3,  # lr (lr + (1 - lr) / 2)
                2: 0.0090552,  # the first cycle's peak
                3: 4.568598e-3,
                4: 8.199665e-5,
                5: 2.325297e-3,  # lr (lr + (1 - lr) / 4)
                6: 4.568598e-3,  # the second cycle's peak, half as far above the least
                10: 2.325297e-3,  # the third's
                32: 8.199665e-5,
                33: 9.952243e-5,  # lr (lr + (1 - lr) / 512)
                34: 1.170482e-4,  # the ninth's, the run's last epoch: lr (lr + (1 - lr) / 256)
            },
        ),
        (
            ENCODER_ONLY,
            {
                0: 4.206820e-5,
                1: 8.475597e-4,  # lr (lr + (1 - lr) / 8)
                4: 3.264034e-3,
                8: 0.006486,
                12: 3.264034e-3,
                15: 8.475597e-4,
                16: 4.206820e-5,
                17: 4.448139e-4,  # lr (lr + (1 - lr) / 16)
                19: 1.250305e-3,  # lr (lr + (1 - lr) 3 / 16), the run's last epoch
            },
        ),
    ],
)
def test_the_baseline_s_rates(stage, rates):
    assert {epoch: learning_rate(stage, epoch) for epoch in rates} == pytest.approx(rates, rel=1e-6)
    assert learning_rate(stage, 0) == stage.learning_rate**2


@pytest.mark.parametrize("stage", [UNET, ENCODER_ONLY])
def test_the_baseline_s_cycles(stage):
    lr, half_cycle = stage.learning_rate, stage.half_cycle_epochs
    peaks = [learning_rate(stage, (2 * cycle + 1) * half_cycle) - lr**2 for cycle in range(6)]
    assert peaks[0] == pytest.approx(lr - lr**2)
    assert [after / before for before, after in pairwise(peaks)] == pytest.approx([0.5] * 5)
    assert all(lr**2 <= learning_rate(stage, epoch) <= lr for epoch in range(200))


def test_the_baseline_s_rate_holds_for_a_whole_epoch():
    assert learning_rate(UNET, 1.0) == learning_rate(UNET, 1.5) == learning_rate(UNET, 1.999) < learning_rate(UNET, 2.0)


@pytest.mark.parametrize("stage", [UNET, ENCODER_ONLY])
def test_the_baseline_s_rates_are_torch_s_triangular2(stage):
    """PyTorch's own cyclic schedule, between lr squared and lr, stepped once an epoch as the code steps its own."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    lr = stage.learning_rate
    cyclic = torch.optim.lr_scheduler.CyclicLR(
        optimizer, lr**2, lr, step_size_up=stage.half_cycle_epochs, mode="triangular2", cycle_momentum=False
    )
    for epoch in range(stage.epochs):
        assert learning_rate(stage, epoch) == pytest.approx(cyclic.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        cyclic.step()


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)])
def test_the_stage_s_optimiser(name, kind, tiny_recipe):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    model[0].bias.requires_grad_(False)
    stage = replace(tiny_recipe.stages[0], optimizer=name, learning_rate=0.25, weight_decay=0.5)
    optimizer = make_optimizer(model, stage)
    assert type(optimizer) is kind
    matrices, others = optimizer.param_groups
    assert matrices["params"] == [model[0].weight] and matrices["weight_decay"] == 0.5 and matrices["lr"] == 0.25
    assert [id(one) for one in others["params"]] == [id(one) for one in model[1].parameters()]
    assert others["weight_decay"] == 0.0
