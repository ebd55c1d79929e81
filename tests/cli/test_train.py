import json
import sys

import pytest

from egaze.cli.epochs import EpochPrinter

LINE = {
    "stage": "joint",
    "epoch": 1,
    "learning_rate": 0.0005,
    "train_loss": 1.5,
    "validation_loss": 1.25,
    "validation_macro_auc": 0.875,
    "best": True,
    "seconds": 2.04,
}


@pytest.mark.parametrize("run", ["", "seed-3"])
def test_a_table_where_a_person_looks(run, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show = EpochPrinter()
    show(LINE, run)
    show({**LINE, "epoch": 2, "validation_macro_auc": None, "best": False}, run)
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


def test_json_lines_where_it_is_piped(capsys):
    EpochPrinter()(LINE)
    EpochPrinter()(LINE, "seed-3")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == LINE and second == {"run": "seed-3", **LINE}
