"""Tables at terminals that are narrower than they are."""

import sys

from egaze.cli.progress import is_shown
from egaze.cli.table import Row, fitted, show

TABLE = [
    Row("AUC", ["macro", "normal", "pneumonia"], width=20, note="source"),
    Row("  this run", ["0.500 (0.400 to 0.600)", "0.6", "0.7"], width=20, note="of this machine"),
]


def test_a_table_that_fits_is_as_in_a_pipe():
    assert list(fitted(TABLE, 200)) == TABLE


def test_a_narrow_terminal_gets_whole_columns_under_their_titles():
    lines = list(fitted([*TABLE, "a note of several words, all of which are whole"], 40))
    assert lines == [
        "AUC                          macro",
        "  this run  0.500 (0.400 to 0.600)",
        "AUC         normal  pneumonia",
        "    source",
        "  this run     0.6        0.7",
        "    of this machine",
        "a note of several words, all of which",
        "  are whole",
    ]


def test_no_number_is_cut_where_not_even_one_column_fits():
    said = "\n".join(fitted(TABLE, 10))
    assert "0.500 (0.400 to 0.600)" in said and "  this run" in said


def test_a_pipe_gets_whole_lines(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    show(TABLE)
    assert capsys.readouterr().out.splitlines() == TABLE
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show(TABLE)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def test_a_terminal_that_cannot_redraw_gets_no_bars(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert is_shown()
    monkeypatch.setenv("TERM", "dumb")
    assert not is_shown()
