"""One small twin that the tests of this folder share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from egaze.sources.synthetic import SyntheticSummary, synthesize

CASES = 27


@dataclass(frozen=True)
class Twin:
    summary: SyntheticSummary
    sheet: pl.DataFrame
    fixations: pl.DataFrame
    radiographs: list[Path]  # in the sheet's order


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    out = tmp_path_factory.mktemp("synthetic") / "twin"
    summary = synthesize(out, cases=CASES, seed=7, long_side_px=256, eye_gaze=True)
    sheet = pl.read_csv(summary.tables / "master_sheet.csv", infer_schema_length=None)
    fixations = pl.read_csv(summary.tables / "fixations.csv", infer_schema_length=None)
    return Twin(summary, sheet, fixations, [summary.images / path for path in sheet["path"]])
