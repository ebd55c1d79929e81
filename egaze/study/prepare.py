"""Sources to a study: films read, presented, placed on the canvas and stored, gaze carried along."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from egaze.atomic import new_directory
from egaze.errors import StudyError
from egaze.gaze import Fixations
from egaze.imaging import FitGeometry, Presentation, read_radiograph, resize
from egaze.sources import Case, Source
from egaze.study import layout
from egaze.study.split import make_split, save_split
from egaze.study.study import Study, open_study

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A film on its canvas."""

    canvas: NDArray[np.uint16]
    film_shape: tuple[int, int]
    presentation: Presentation


@dataclass(frozen=True, slots=True)
class _Entry:
    """A case and where it came from. Sources are numbered, since two may be of one layout."""

    source: str
    patient: int
    case: Case


def prepare_study(
    sources: Sequence[Source],
    out: Path,
    *,
    size_px: int = 224,
    fit: str = "stretch",
    presentation: str = "voi",
    workers: int = 1,
    seed: int = 42,
    progress: Progress | None = None,
) -> Study:
    """Write a study: the folder exists whole or not at all.

    Args:
        sources: where the cases come from; their classes are joined in order.
        out: the study's folder, which must not exist yet.
        size_px: the square canvas's side, 16 to 4096.
        fit: "stretch" or "letterbox".
        presentation: how stored values become [0, 1]; see `read_radiograph`.
        workers: threads that read films. The result does not depend on it.
        seed: of the split by patient, 8:1:1; see `split_study` for another.
        progress: called with (films done, films in all).

    Raises:
        StudyError: no case, or the same case id twice.
        FilmError: a film that cannot be read.
        EgazeError: `out` exists already.
    """
    if not 16 <= size_px <= 4096:
        raise StudyError(f"size must be 16 to 4096 px, got {size_px}")
    entries, source_facts = _gather(sources)
    class_names = list(dict.fromkeys(name for source in sources for name in source.class_names))
    with new_directory(Path(out)) as folder:
        films = _store_films(folder, entries, size_px, fit, presentation, workers, progress)
        fixations = _fixation_table(entries, films, size_px, fit)
        cases = _case_table(entries, films, fixations)
        cases.write_parquet(folder / layout.CASES)
        fixations.write_parquet(folder / layout.FIXATIONS)
        patients = {facts["key"]: facts["patients"] for facts in source_facts}
        save_split(folder, make_split(cases, patients, seed=seed, ratio=(8, 1, 1)))
        manifest = {
            "format_version": layout.FORMAT_VERSION,
            "egaze_version": version("egaze"),
            "sources": source_facts,
            "presentation": presentation,
            "fit": fit,
            "image_size_px": size_px,
            "class_names": class_names,
            "counts": _counts(cases, fixations, class_names),
            "files": {
                name: layout.sha256_file(folder / name) for name in (layout.IMAGES, layout.CASES, layout.FIXATIONS)
            },
        }
        (folder / layout.MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return open_study(out)


def _gather(sources: Sequence[Source]) -> tuple[list[_Entry], list[dict[str, Any]]]:
    entries: list[_Entry] = []
    facts = []
    for number, source in enumerate(sources, start=1):
        key = f"{number}-{source.name}"
        position = {patient: index for index, patient in enumerate(source.patient_order)}
        cases = source.cases()
        entries += [_Entry(key, position[case.patient_id], case) for case in cases]
        facts.append(
            {
                "key": key,
                "layout": source.name,
                "synthetic": source.synthetic,
                "cases": len(cases),
                "patients": len(position),
                "class_names": list(source.class_names),
                "options": dict(source.options),
                "hygiene": dict(source.hygiene),
            }
        )
    if not entries:
        raise StudyError("there is no case to prepare")
    seen: set[str] = set()
    for entry in entries:
        if entry.case.case_id in seen:
            raise StudyError(f"case {entry.case.case_id!r} is in two sources; their case ids must differ")
        seen.add(entry.case.case_id)
    return entries, facts


def _store_films(
    folder: Path,
    entries: Sequence[_Entry],
    size_px: int,
    fit: str,
    presentation: str,
    workers: int,
    progress: Progress | None,
) -> list[tuple[tuple[int, int], Presentation]]:
    def place(entry: _Entry) -> _Placed:
        film = read_radiograph(entry.case.image_path, presentation=presentation)
        shape: tuple[int, int] = film.pixels.shape  # type: ignore[assignment]
        canvas = FitGeometry.of(shape, (size_px, size_px), fit).place(film.pixels)
        stored = resize(canvas, (size_px, size_px), filter="nearest", out_dtype=np.uint16, scale=65535.0)
        return _Placed(stored, shape, film.presentation)

    images = open_memmap(folder / layout.IMAGES, mode="w+", dtype=np.uint16, shape=(len(entries), size_px, size_px))
    films = []
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            for index, placed in enumerate(pool.map(place, entries)):
                images[index] = placed.canvas
                films.append((placed.film_shape, placed.presentation))
                if progress:
                    progress(index + 1, len(entries))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    images.flush()
    return films


def _fixation_table(
    entries: Sequence[_Entry],
    films: Sequence[tuple[tuple[int, int], Presentation]],
    size_px: int,
    fit: str,
) -> pl.DataFrame:
    parts = []
    for index, (entry, (shape, _)) in enumerate(zip(entries, films, strict=True)):
        if (fixations := entry.case.fixations) is not None:
            x_unit, y_unit = FitGeometry.of(shape, (size_px, size_px), fit).to_unit(fixations.x_px, fixations.y_px)
            parts.append(_fixation_rows(index, fixations, x_unit, y_unit))
    schema = {
        "case_index": pl.Int64,
        "x_unit": pl.Float32,
        "y_unit": pl.Float32,
        "x_px": pl.Float32,
        "y_px": pl.Float32,
        "duration_s": pl.Float32,
        "onset_s": pl.Float32,
        "x_pixels_per_degree": pl.Float32,
        "y_pixels_per_degree": pl.Float32,
    }
    return pl.concat([pl.DataFrame(schema=schema), *(part.cast(schema) for part in parts)])  # type: ignore[arg-type]


def _fixation_rows(
    index: int, fixations: Fixations, x_unit: NDArray[np.float64], y_unit: NDArray[np.float64]
) -> pl.DataFrame:
    scale = fixations.pixels_per_degree
    count = len(fixations)
    return pl.DataFrame(
        {
            "case_index": np.full(count, index),
            "x_unit": x_unit,
            "y_unit": y_unit,
            "x_px": fixations.x_px,
            "y_px": fixations.y_px,
            "duration_s": fixations.duration_s,
            "onset_s": [None] * count if fixations.onset_s is None else fixations.onset_s,
            "x_pixels_per_degree": [None] * count if scale is None else scale[:, 0],
            "y_pixels_per_degree": [None] * count if scale is None else scale[:, 1],
        }
    )


def _case_table(
    entries: Sequence[_Entry],
    films: Sequence[tuple[tuple[int, int], Presentation]],
    fixations: pl.DataFrame,
) -> pl.DataFrame:
    per_case = np.bincount(fixations["case_index"].to_numpy(), minlength=len(entries))
    return pl.DataFrame(
        {
            "case_id": [entry.case.case_id for entry in entries],
            "source": [entry.source for entry in entries],
            # The patient's place in the source's files, never the identifier itself.
            "patient": [entry.patient for entry in entries],
            "reader_id": pl.Series([entry.case.reader_id for entry in entries], dtype=pl.String),
            "label": pl.Series([entry.case.label for entry in entries], dtype=pl.String),
            "given_split": pl.Series([entry.case.split for entry in entries], dtype=pl.String),
            "fixations": per_case,
            "height_px": [shape[0] for shape, _ in films],
            "width_px": [shape[1] for shape, _ in films],
            "bits_stored": [presentation.bits_stored for _, presentation in films],
            "voi": pl.Series([presentation.voi for _, presentation in films], dtype=pl.String),
            "inverted": [presentation.inverted for _, presentation in films],
        }
    )


def _counts(cases: pl.DataFrame, fixations: pl.DataFrame, class_names: Sequence[str]) -> dict[str, Any]:
    return {
        "cases": len(cases),
        "patients": cases.select("source", "patient").n_unique(),
        "with_gaze": int((cases["fixations"] > 0).sum()),
        "with_label": int(cases["label"].is_not_null().sum()),
        "fixations": len(fixations),
        "classes": {name: int((cases["label"] == name).sum()) for name in class_names},
    }
