"""The files of imported recordings: samples and fixations as Parquet, and a table of fixations on pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egaze.atomic import new_files
from egaze.errors import TableError
from egaze.gaze.importing import ImportedRecording, stem_of
from egaze.gaze.quality import rounded_quality
from egaze.gaze.screen import Screen
from egaze.gaze.shown_picture import picture_at
from egaze.tables.parquet import write_parquet

if TYPE_CHECKING:
    import polars as pl

FIXATIONS_CSV, RECORDINGS_JSON = "fixations.csv", "recordings.json"
_ROUNDED = ("duration_s", "span_s", "rate_hz", "measured_hz")


def write_imported(imported: Sequence[ImportedRecording], out: Path) -> list[Path]:
    """Write recordings into a folder, which may exist: two Parquet files for each, recordings.json, and fixations.csv.

    fixations.csv is for `egaze prepare table`. It is written if a fixation of any recording lies on a picture; one that
    an earlier import left in the folder is replaced, or removed.

    Returns:
        The files.

    Raises:
        TableError: two recordings of one name, or a case that two recordings have.
        EgazeError: the folder cannot be written.
    """
    import polars as pl

    names = _names(imported)
    _require_cases_apart(imported)
    tables = [item.fixations_on_pictures for item in imported if item.fixations_on_pictures is not None]
    with new_files(out) as folder:
        for name, item in zip(names, imported, strict=True):
            if item.recording.samples:
                write_parquet(folder / f"{name}.samples.parquet", _samples_table(item))
            if item.recording.fixations:
                write_parquet(folder / f"{name}.fixations.parquet", _fixations_table(item))
        if tables:
            text = pl.concat(tables, how="diagonal").write_csv(float_precision=6)
            (folder / FIXATIONS_CSV).write_text(text, encoding="utf-8")
        facts = [{"name": name, **facts_of(item)} for name, item in zip(names, imported, strict=True)]
        (folder / RECORDINGS_JSON).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written = sorted(path.name for path in folder.iterdir())
    if not tables:
        (out / FIXATIONS_CSV).unlink(missing_ok=True)
    return [out / name for name in written]


def facts_of(item: ImportedRecording) -> dict[str, object]:
    """What `egaze gaze import --json` prints of a recording."""
    facts = asdict(item.summary)
    notes = facts.pop("notes")
    facts |= {name: None if facts[name] is None else round(facts[name], 6) for name in _ROUNDED}
    return {
        "file": str(item.path),
        "format": item.format,
        **facts,
        "screen": {name: getattr(item.recording.screen, name) for name in Screen.__slots__},
        "pictures": len({picture.case_id for picture in item.pictures}),
        "on_picture_frac": item.check.on_picture_frac if item.check and item.check.positions else None,
        "detected": None if item.detected is None else item.detected.record(),
        "fixations_on_pictures": None if item.fixations_on_pictures is None else len(item.fixations_on_pictures),
        **quality_facts(item),
        "notes": list(notes),
    }


def quality_facts(item: ImportedRecording) -> dict[str, object]:
    """The quality of a recording's samples, null without any, and the limits that it passes."""
    return {"quality": None if item.quality is None else rounded_quality(item.quality), "marks": list(item.marks)}


def _names(imported: Sequence[ImportedRecording]) -> list[str]:
    names = [stem_of(item.path) for item in imported]
    for name in names:
        if names.count(name) > 1:
            both = " and ".join(str(item.path) for item in imported if stem_of(item.path) == name)
            raise TableError(f"{both} would be written to the same files; import them into two folders")
    return names


def _require_cases_apart(imported: Sequence[ImportedRecording]) -> None:
    owner: dict[str, Path] = {}
    for item in imported:
        if item.fixations_on_pictures is None:
            continue
        for case_id in item.fixations_on_pictures["case_id"].unique(maintain_order=True):
            if owner.setdefault(case_id, item.path) != item.path:
                raise TableError(
                    f"{item.path}: case {case_id!r} is in {owner[case_id]} too; give each reading a case of its own, "
                    "such as --case-name '{file}-{picture}'"
                )


def _samples_table(item: ImportedRecording) -> pl.DataFrame:
    """One row a time: each eye's position, and the picture."""
    import polars as pl

    samples = item.recording.samples
    columns: dict[str, object] = {"time_s": samples[0].time_s}
    for eye in samples:
        columns[f"{eye.eye}_x_{eye.unit}"] = eye.x
        columns[f"{eye.eye}_y_{eye.unit}"] = eye.y
    table = pl.DataFrame(columns)
    positions = [name for name in table.columns if name != "time_s"]
    return table.with_columns(pl.col(positions).fill_nan(None), _picture_names(item, samples[0].time_s))


def _fixations_table(item: ImportedRecording) -> pl.DataFrame:
    """One row a fixation of any eye, in time order."""
    import polars as pl

    frames = [
        pl.DataFrame(
            {
                "eye": [found.eye] * len(found),
                "onset_s": found.onset_s,
                "duration_s": found.duration_s,
                f"x_{found.unit}": found.x,
                f"y_{found.unit}": found.y,
            },
            schema_overrides={"eye": pl.String},
        ).with_columns(_picture_names(item, found.onset_s))
        for found in item.recording.fixations
    ]
    table = pl.concat(frames).sort("onset_s", maintain_order=True)
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))


def _picture_names(item: ImportedRecording, time_s: NDArray[np.float64]) -> pl.Series:
    import polars as pl

    names = pl.Series("picture", [*(picture.case_id for picture in item.pictures), None], dtype=pl.String)
    return names.gather(picture_at(item.pictures, time_s) % len(names)).rename("picture")
