import json
import sys
from dataclasses import replace

import pytest

from egaze.cli.train import EpochPrinter
from egaze.training.epoch_log import EpochLog

ENTRY = EpochLog("joint", 1, 0.0005, {"loss": 1.5}, "validation", {"loss": 1.25}, 0.875, best=True, seconds=2.04)


@pytest.mark.parametrize("run", ["", "seed-3"])
def test_epochs_are_a_table_at_a_terminal(run, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show = EpochPrinter()
    show(ENTRY, run)
    show(replace(ENTRY, epoch=2, macro_auc=None, best=False), run)
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[-9:] == ["rate", "train", "loss", "validation", "loss", "macro", "AUC", "seconds", "best"]
    assert first.split() == [
        *([run + ","] if run else []),
        "joint",
        "1",
        "0.0005",
        "1.5000",
        "1.2500",
        "0.875",
        "2.0",
        "*",
    ]
    assert second.split()[-2:] == ["-", "2.0"] and head.index("seconds") + 7 == first.index("2.0") + 3


def test_epochs_are_json_lines_in_a_pipe(capsys):
    EpochPrinter()(ENTRY)
    EpochPrinter()(ENTRY, "seed-3")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert EpochLog.from_line(first) == ENTRY and second == {"run": "seed-3", **first}
    assert first["train_loss"] == 1.5 and first["validation_loss"] == 1.25 and first["validation_macro_auc"] == 0.875
