import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egaze.pictures.output_names import safe_names

RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}


@pytest.mark.parametrize("case_id", ["P300R169761", "facade9e-53ac338e-3b7ccaaa-e4871650-cd480bac", "a_b.c-1", "7"])
def test_ids_that_are_names_stay(case_id):
    assert safe_names([case_id]) == [case_id]


@pytest.mark.parametrize(
    ("case_id", "start"),
    [
        ("../x", "x-"),
        ("..", "case-"),
        ("", "case-"),
        ("a/b", "a_b-"),
        ("a\\b", "a_b-"),
        ("C:\\radiograph", "C_radiograph-"),
        ("a\x00b", "a_b-"),
        ("name.", "name-"),
        (" name ", "name-"),
        (".hidden", "hidden-"),
        ("-rf", "rf-"),
        ("con", "con-"),
        ("NUL.txt", "NUL_txt-"),
        ("患者", "case-"),
        ("x" * 5000, "x" * 40 + "-"),
        ("\ud800", "case-"),
    ],
)
def test_others_are_cleaned_and_stay_apart(case_id, start):
    (name,) = safe_names([case_id])
    assert re.fullmatch(re.escape(start) + "[0-9a-f]{8}", name)
    # The name is the case's own, whoever else is there.
    assert safe_names(["x", case_id, "other/id"])[1] == name


def test_names_that_would_collide_stay_apart():
    ids = ["a/b", "a_b", "a\\b", "A", "a", "index.csv", "INDEX.CSV"]
    names = safe_names(ids, taken=["index.csv"])
    assert len({name.casefold() for name in [*names, "index.csv"]}) == len(ids) + 1
    assert names[1] == "a_b" and names[3] == "A"
    # Somebody who foresees a cleaned name gets it, and the other one gives way.
    (foreseen,) = safe_names(["a/b"])
    both = safe_names(["a/b", foreseen])
    assert both[1] == foreseen and both[0].startswith(foreseen)


@given(st.lists(st.text(max_size=90), unique=True, max_size=12))
def test_any_ids_make_portable_names(ids):
    names = safe_names(ids)
    assert len({name.casefold() for name in names}) == len(ids)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,110}", name) and not name.endswith(".")
        assert name.partition(".")[0].upper() not in RESERVED
