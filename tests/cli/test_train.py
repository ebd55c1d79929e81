import json
import re
import sys
from dataclasses import replace

import pytest

from egaze.cli.epoch_table import EpochPrinter
from egaze.training.cost import EpochCost
from egaze.training.epoch_log import EpochLog

TERMS = {"loss": 1.5, "classification": 1.0, "heatmap": 0.5, "heatmap_bce": 0.25, "heatmap_kl": 0.125}
ENTRY = EpochLog(
    *("joint", 1, 0.0005, TERMS, "validation", {**TERMS, "loss": 1.25}, 0.875),
    best=True,
    seconds=2.04,
    agreement={"heatmap_cc": 0.3},
    cost=EpochCost(43.21, 0.0034, 1203.3, 512.0),
)


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Returns what is printed at a terminal of a width, as lines."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("LINES", "25")

    def printed(width, *entries, run=""):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        show = EpochPrinter()
        for entry in entries:
            show(entry, run)
        plain = re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out)
        return [line.rstrip() for line in plain.splitlines()]

    return printed


@pytest.mark.parametrize("run", ["", "seed-3"])
def test_epochs_are_a_table_at_a_terminal(run, terminal):
    later = replace(ENTRY, epoch=2, macro_auc=None, best=False, cost=None)
    *head, train, validation, cost, next_train, next_validation, next_cost = terminal(120, ENTRY, later, run=run)
    assert head[1].split()[-5:] == ["bce", "kl", "AUC", "CC", "best"]
    own = [run] if run else []
    assert train.split() == [*own, "joint", "1", "train", "1.5000", "1.0000", "0.5000", "0.2500", "0.1250"]
    losses = ["1.2500", "1.0000", "0.5000", "0.2500", "0.1250"]
    assert validation.split() == ["validation", *losses, "0.875", "0.300", "*"]
    assert cost == ("  rate 0.0005, 43.2 radiographs/s, waiting 0.3%, peak memory 1203 MB, on the device 512 MB, 2.0 s")
    assert next_train.split()[len(own) :][:2] == ["joint", "2"] and next_validation.split()[-2:] == ["-", "0.300"]
    assert next_cost == "  rate 0.0005, 2.0 s"
    assert head[1].index("loss") + 4 == train.index("1.5000") + 6 == next_train.index("1.5000") + 6


def test_a_narrow_terminal_says_what_it_leaves_out_and_cuts_no_number(terminal):
    printed = " ".join(terminal(40, ENTRY, run="fold-0-seed-1"))
    assert printed.startswith("(too wide for this terminal: heatmap bce, heatmap kl; log.jsonl has them)")
    for text in ("fold-0-seed-1", "joint", "1.5000", "1.2500", "0.875", "0.300"):
        assert text in printed


def test_titles_are_printed_again_where_they_change(terminal):
    lines = terminal(120, ENTRY, ENTRY, replace(ENTRY, stage="another", train_losses={"loss": 1.0}))
    assert sum("epoch" in line for line in lines) == 2


def test_epochs_are_json_lines_in_a_pipe(capsys):
    EpochPrinter()(ENTRY)
    EpochPrinter()(ENTRY, "seed-3")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert EpochLog.from_line(first) == ENTRY and second == {"run": "seed-3", **first}
    assert EpochLog.from_line(first).cost == ENTRY.cost and first["radiographs_per_s"] == 43.21
    assert first["train_loss"] == 1.5 and first["validation_loss"] == 1.25 and first["validation_macro_auc"] == 0.875
