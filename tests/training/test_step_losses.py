import pytest
import torch

from egaze.errors import LossError
from egaze.training import step_losses
from egaze.training.one_late import OneLate
from egaze.training.step_losses import LOG_STEPS, StepLosses


class Loader:
    """Batches of twenty cases."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return self.batches

    def case_ids(self, batch):
        return [f"case-{20 * batch + place}" for place in range(20)]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e31])
@pytest.mark.parametrize("step", [0, 7, LOG_STEPS + 3])
def test_the_first_bad_batch_is_named_at_the_next_log_step(bad, step):
    losses = StepLosses(Loader(LOG_STEPS + 10))
    at = LOG_STEPS - 1 if step < LOG_STEPS else LOG_STEPS + 9

    def add(number):
        losses.add(torch.tensor(bad if number >= step else 1.0))

    for number in range(at):
        add(number)
    first, last = f"case-{20 * step}", f"case-{20 * step + 15}"
    with pytest.raises(LossError, match=rf"batch {step + 1} of .*on cases {first}, .*{last} and 4 more$") as stopped:
        add(at)
    assert len(stopped.value.case_ids) == 20


@pytest.mark.parametrize(
    ("values", "lowest", "warns"),
    [
        ([1.0] * 60, float("inf"), False),
        ([1.0] + [50.0] * 59, float("inf"), True),
        ([1.0] * LOG_STEPS + [20.0] * 10, float("inf"), True),
        ([5.0] * 60, 0.1, True),
        ([5.0] * 60, 1.0, False),
        ([1.0] * LOG_STEPS + [20.0], float("inf"), False),  # a last batch that is hard
        ([0.1] + [5.0] * 59, None, False),  # of a split that is only measured, whose first cases are easy
    ],
)
def test_a_rise_is_said_once(values, lowest, warns, caplog):
    losses = StepLosses(Loader(len(values)), lowest=lowest)
    for value in values:
        losses.add(torch.tensor(value))
    assert len(caplog.records) == warns


def test_the_rank_of_a_bad_loss_is_named_on_all_ranks(monkeypatch):
    """Of two ranks, the second has the first loss that is not finite; the one that asks has one only after it."""

    class OfRanks(Loader):
        def case_ids(self, batch, rank):
            return [f"case-{batch}-{rank}"]

    def gathered(fabric, own):
        return [own, [1.0, float("inf"), 1.0]]

    monkeypatch.setattr(step_losses, "gathered", gathered)
    losses = StepLosses(OfRanks(3), fabric=object())
    for value in (1.0, 1.0):
        losses.add(torch.tensor(value))
    with pytest.raises(LossError, match=r"^batch 2 of 3: the loss on rank 1 of 2 is inf, on cases case-1-1$"):
        losses.add(torch.tensor(float("nan")))


def test_results_are_read_one_batch_late_and_all_of_them():
    taken = []
    with OneLate(lambda numbers, squares: taken.append((numbers.tolist(), squares.tolist()))) as read:
        for number in range(3):
            numbers = torch.tensor([number])
            read(numbers, numbers**2)
            numbers += 100  # what is read is what was handed in
            assert len(taken) == number
    assert taken == [([0], [0]), ([1], [1]), ([2], [4])]
