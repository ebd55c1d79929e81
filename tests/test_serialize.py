"""Results to JSON and back, and what is refused."""

import json
import math
from dataclasses import dataclass
from typing import Literal

import pytest

from egaze.errors import RunError
from egaze.evaluation import open_evaluation
from egaze.evaluation.results import EvaluationResult
from egaze.serialize import from_json, read_json, to_json, write_json


@dataclass(frozen=True)
class Part:
    share: float
    count: int = 0

    def __post_init__(self):
        if self.share > 1:
            raise ValueError("a share is at most 1")


@dataclass(frozen=True)
class Whole:
    name: str
    known: bool
    kind: Literal["a", "b"]
    parts: tuple[Part, ...]
    by_name: dict[str, Part | None]
    matrix: tuple[tuple[int, ...], ...] = ()


WHOLE = Whole("x", True, "a", (Part(0.5, 2), Part(math.nan)), {"one": Part(1.0), "none": None}, ((1, 2), (3,)))


def test_a_result_survives_the_round_trip(tmp_path):
    path = tmp_path / "whole.json"
    write_json(path, 7, WHOLE)
    content = json.loads(path.read_text())
    assert content["format_version"] == 7 and content["parts"][1] == {"share": None, "count": 0}
    found = read_json(path, 7, Whole, remedy="make it again")
    assert found.by_name == WHOLE.by_name and found.matrix == WHOLE.matrix and found.parts[0] == WHOLE.parts[0]
    assert math.isnan(found.parts[1].share)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, r"key 'name' must be a string, got 3"),
        ({"known": 1}, r"key 'known' must be true or false, got 1"),
        ({"kind": "c"}, r"key 'kind' must be 'a' or 'b', got 'c'"),
        ({"parts": {}}, r"key 'parts' must be a list, got \{\}"),
        ({"parts": [None]}, r"key 'parts\[0\]' must be an object, got None"),
        ({"parts": [{"share": 0.1, "count": True}]}, r"key 'parts\[0\].count' must be a whole number, got True"),
        ({"parts": [{"share": 0.1, "count": 1.0}]}, r"key 'parts\[0\].count' must be a whole number, got 1.0"),
        (
            {"parts": [{"share": "0.1", "count": 1}]},
            r"key 'parts\[0\].share' must be a finite number or null, got '0.1'",
        ),
        ({"parts": [{"share": 0.1}]}, r"key 'parts\[0\].count' is missing"),
        ({"parts": [{"share": 2, "count": 1}]}, r"key 'parts\[0\]': a share is at most 1"),
        ({"by_name": {"one": {"share": 1, "count": 0, "more": 1}}}, r"key 'by_name.one.more' is not known"),
        ({"more": 1}, r"key 'more' is not known"),
        ({"format_version": 6}, r"format version 6, this egaze reads 7"),
        ({"format_version": True}, r"format version True, this egaze reads 7"),
    ],
)
def test_keys_and_values_that_do_not_match_are_named(tmp_path, change, message):
    path = tmp_path / "whole.json"
    path.write_text(json.dumps({"format_version": 7, **to_json(WHOLE), **change}))
    with pytest.raises(RunError, match=rf"whole.json: {message}[;:] make it again"):
        read_json(path, 7, Whole, remedy="make it again")


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"format_version": 7, "name": Infinity}'])
def test_a_damaged_file(tmp_path, text):
    path = tmp_path / "whole.json"
    path.write_text(text)
    with pytest.raises(RunError, match="whole.json: .*make it again"):
        read_json(path, 7, Whole, remedy="make it again")


@pytest.mark.parametrize("value", [math.inf, {"a": (1, -math.inf)}, {1, 2}, b"bytes"])
def test_values_that_json_does_not_have(value):
    with pytest.raises(ValueError, match="JSON has no"):
        to_json(value)


def test_an_evaluation_is_read_as_it_was_made(run, tmp_path):
    result = open_evaluation(run.path / "evaluation" / "test").metrics
    content = to_json(result)
    assert to_json(from_json(EvaluationResult, json.loads(json.dumps(content)))) == content
    for name in ("metrics.json", "predictions.parquet"):
        (tmp_path / name).write_bytes((run.path / "evaluation" / "test" / name).read_bytes())
    del content["heatmap"]["predicted"]["cc"]["low"]
    (tmp_path / "metrics.json").write_text(json.dumps({"format_version": 5, **content}))
    with pytest.raises(
        RunError, match=r"metrics.json: key 'heatmap.predicted.cc.low' is missing; run `egaze evaluate`"
    ):
        open_evaluation(tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps({"format_version": 4, **content}))
    with pytest.raises(RunError, match="format version 4, this egaze reads 5: run `egaze evaluate` again"):
        open_evaluation(tmp_path)
