"""Predictions of any number of radiographs as a Parquet file, which an interrupted run continues."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from egaze.atomic import require_file, write_file
from egaze.cluster import Cluster
from egaze.deploy.answers import Answer, answers, thresholded, utf8
from egaze.deploy.cluster_answers import answers_on_cluster
from egaze.deploy.predictor import Predictor
from egaze.deploy.spec import ModelSpec
from egaze.errors import EgazeError
from egaze.progress import Progress
from egaze.tables.parquet import write_parquet
from egaze.unfinished import discard, unfinished

#: Rows are written at least this often, so that a killed run loses no more.
PART_ROWS, PART_S = 1000, 30.0
# How the names of columns of class heatmaps begin.
_OF_CLASSES = ("peak_x_", "peak_y_", "class_heatmap")


@dataclass(frozen=True, slots=True)
class TableSummary:
    """What a run did to a table of predictions.

    Attributes:
        radiographs: number of the table's rows.
        kept: how many of them an earlier run had predicted.
        failed: how many radiographs cannot be predicted.
        unwritten: why heatmaps could not be written, one line for each of them.
    """

    radiographs: int
    kept: int
    failed: int
    unwritten: tuple[str, ...]


def predict_to_table(
    predictor: Predictor,
    radiographs: Sequence[str],
    table: Path,
    *,
    heatmaps: Sequence[Path] | None = None,
    workers: int = 1,
    cluster: Cluster | None = None,
    progress: Progress | None = None,
    on_answer: Callable[[Answer], None] | None = None,
) -> TableSummary:
    """Predict radiograph files and write one row for each to a Parquet file.

    Rows are in the order of `radiographs`, a path that is given twice counting once. The columns are those of
    `egaze-run --csv` but overlay_png (image, prob_CLASS, above_threshold_CLASS if the model file carries thresholds,
    peak_x and peak_y as fractions of the model's input, heatmap_npy, heatmap_png, those of class heatmaps if the
    predictor gives them, error, notes), then size_bytes and
    modified_ns of the radiograph's file and model_sha256.

    Rows are kept in the hidden folder `.NAME.partial` beside the table every 1,000 radiographs or 30 s until all are
    there. An interrupted run leaves this folder. A later call keeps the rows of radiographs whose files have the same
    size and time of modification, also those of a finished table, and predicts the others, those that failed among
    them. Memory does not grow with the number of radiographs but for their rows, some hundred bytes each.

    Args:
        predictor: the model.
        radiographs: paths.
        table: the Parquet file.
        heatmaps: as for `egaze.deploy.answers.answers`; rows of an earlier run are kept only if their heatmaps are
            there.
        workers: number of threads that read radiographs.
        cluster: predicts in place of this process, to the same table; see `egaze.cluster.open_cluster`.
        progress: called with (radiographs predicted, radiographs to be predicted).
        on_answer: called with each new answer.

    Raises:
        EgazeError: the table is of another model, holds radiographs that are not among `radiographs`, is no table of
            predictions or is being written by another process; or an error of the disk.
        ModelFileError: the model fails.
    """
    require_file(table)
    unique = list(dict.fromkeys(radiographs))
    places = dict(zip(radiographs, heatmaps, strict=True)) if heatmaps is not None else None
    with unfinished(table, "writing this table") as folder:
        schema = _schema(predictor)
        listed = _listed(unique)
        earlier = _earlier(table, folder, schema)
        _require_same(earlier, listed, predictor.spec, table)
        kept = _kept(earlier, listed, places if predictor.spec.heatmap_head else None)
        rows = _Rows(folder, schema)
        wanted = listed.join(kept, on="number", how="anti").sort("number").drop("is_utf8")
        paths = [unique[number] for number in wanted["number"]]
        failed, unwritten = 0, []
        try:
            stems = None if places is None else [places[path] for path in paths]
            if cluster is None:
                predicted = answers(predictor, paths, stems, workers=workers)
            else:
                predicted = answers_on_cluster(predictor, paths, stems, cluster)
            for number, answer in enumerate(predicted):
                stamp = wanted.row(number, named=True)
                rows.add(
                    answer.to_row(predictor.spec, class_heatmaps=predictor.class_heatmaps)
                    | stamp
                    | {"model_sha256": predictor.spec.model_sha256}
                )
                failed += bool(answer.error)
                unwritten += [answer.write_error] * bool(answer.write_error)
                if on_answer is not None:
                    on_answer(answer)
                if progress is not None:
                    progress(number + 1, len(paths))
        finally:
            rows.write()
        whole = pl.concat([kept, *(pl.read_parquet(part) for part in rows.parts)]).sort("number").drop("number")
        write_file(table, lambda partial: write_parquet(partial, whole))
        discard(folder)
    return TableSummary(len(whole), len(kept), failed, tuple(unwritten))


class _Rows:
    """New rows, in parts of the unfinished folder."""

    def __init__(self, folder: Path, schema: dict[str, pl.DataType]) -> None:
        self.parts: list[Path] = []
        self._folder, self._schema = folder, schema
        self._first = 1 + max((int(part.stem) for part in folder.glob("*.parquet")), default=-1)
        self._rows: list[dict[str, object]] = []
        self._written_s = time.monotonic()

    def add(self, row: dict[str, object]) -> None:
        self._rows.append(row)
        if len(self._rows) >= PART_ROWS or time.monotonic() - self._written_s > PART_S:
            self.write()

    def write(self) -> None:
        if not self._rows:
            return
        part = self._folder / f"{self._first + len(self.parts):06}.parquet"
        frame = pl.DataFrame(self._rows, schema=self._schema)
        write_file(part, lambda partial: write_parquet(partial, frame))
        self.parts.append(part)
        self._rows, self._written_s = [], time.monotonic()


def _schema(predictor: Predictor) -> dict[str, pl.DataType]:
    spec = predictor.spec
    classes = spec.class_names if predictor.class_heatmaps else ()
    return {
        "image": pl.String(),
        **{f"prob_{name}": pl.Float32() for name in spec.class_names},
        **{f"above_threshold_{name}": pl.Boolean() for name in thresholded(spec)},
        **{"peak_x": pl.Float64(), "peak_y": pl.Float64(), "heatmap_npy": pl.String(), "heatmap_png": pl.String()},
        **{f"peak_{axis}_{name}": pl.Float64() for name in classes for axis in "xy"},
        **({"class_heatmaps_npy": pl.String()} if classes else {}),
        **{f"class_heatmap_png_{name}": pl.String() for name in classes},
        **{"error": pl.String(), "notes": pl.String()},
        **{"size_bytes": pl.Int64(), "modified_ns": pl.Int64(), "model_sha256": pl.String(), "number": pl.Int64()},
    }


def _listed(paths: Sequence[str]) -> pl.DataFrame:
    """One row per path: its number and name, and the size and time of modification of its file, -1 without one."""
    stats = [_stat(path) for path in paths]
    return pl.DataFrame(
        {
            "number": range(len(paths)),
            "image": [utf8(path) for path in paths],
            # Several names that are not UTF-8 may become one, so their rows are not recognised again.
            "is_utf8": [utf8(path) == path for path in paths],
            "size_bytes": [size for size, _ in stats],
            "modified_ns": [modified for _, modified in stats],
        },
        schema={
            **{"number": pl.Int64(), "image": pl.String(), "is_utf8": pl.Boolean()},
            **{"size_bytes": pl.Int64(), "modified_ns": pl.Int64()},
        },
    )


def _stat(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # a NUL character
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _earlier(table: Path, folder: Path, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """The rows of a finished table and of an interrupted run, the newest last."""
    frames = [_read(path, table) for path in ([table] if table.exists() else []) + sorted(folder.glob("*.parquet"))]
    columns = [name for name in schema if name != "number"]
    for frame in frames:
        if "model_sha256" not in frame.columns or frame.schema["model_sha256"] != pl.String():
            raise EgazeError(f"{table}: is not a table of predictions; choose another name")
    models = {model for frame in frames for model in frame["model_sha256"]}
    if len(models) > 1:
        raise EgazeError(_other_model(table))
    for frame in frames:
        if not (others := (set(frame.columns) - {"number"}) ^ set(columns)):
            continue
        if all(name.startswith(_OF_CLASSES) for name in others):
            raise EgazeError(f"{table}: was made with other options (--class-heatmaps); choose another name")
        raise EgazeError(_other_model(table))
    return pl.concat([pl.DataFrame(schema=schema).select(columns), *(frame.select(columns) for frame in frames)])


def _read(path: Path, table: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise EgazeError(f"{path}: is not a table of predictions; choose another name than {table}") from error


def _other_model(table: Path) -> str:
    return f"{table}: holds predictions of another model; choose another name, or remove it first"


def _require_same(earlier: pl.DataFrame, listed: pl.DataFrame, spec: ModelSpec, table: Path) -> None:
    if set(earlier["model_sha256"]) - {spec.model_sha256}:
        raise EgazeError(_other_model(table))
    others = earlier.join(listed, on="image", how="anti")["image"]
    if len(others):
        raise EgazeError(
            f"{table}: holds {others.n_unique()} radiographs that this command does not name, such as {others[0]}; "
            "name them too, or choose another table"
        )


def _kept(earlier: pl.DataFrame, listed: pl.DataFrame, places: dict[str, Path] | None) -> pl.DataFrame:
    """The rows of an earlier run that hold, with their numbers in this one."""
    kept = earlier.filter(pl.col("error") == "").unique("image", keep="last", maintain_order=True)
    kept = kept.join(
        listed.filter("is_utf8").drop("is_utf8"), on=["image", "size_bytes", "modified_ns"], maintain_order="left"
    )
    if places is not None:
        files = [
            name for name in kept.columns if name.startswith(("heatmap_", "class_heatmaps_", "class_heatmap_png_"))
        ]
        there = [
            npy == utf8(f"{places[image]}.npy") and all(map(os.path.exists, (npy, *others)))
            for image, npy, *others in kept.select("image", *files).rows()
        ]
        kept = kept.filter(pl.Series(there, dtype=pl.Boolean()))
    return kept
