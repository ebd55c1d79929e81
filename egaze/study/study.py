"""Opening a prepared study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from egaze.errors import StudyError
from egaze.gaze import Fixations
from egaze.imaging import FitGeometry
from egaze.study import layout
from egaze.study.split import Split, load_split


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A prepared study of N films.

    Attributes:
        path: its folder.
        manifest: study.json.
        images: (N, S, S) uint16, memory-mapped; 0 is black and 65535 white.
        cases: one row a case; see `prepare_study`.
        labels: (N,) int64 index into class_names, -1 without a label.
        class_names: in the order of the classes.
        x_unit, y_unit, duration_s: (F,) float32 of all fixations, by case; 0 and 1 are the canvas's edges.
        gaze: F rows, all that is known of each fixation; see `prepare_study`.
        offsets: (N + 1,) int64; case i has the fixations offsets[i] to offsets[i + 1].
        split: who trains, validates and tests.
    """

    path: Path
    manifest: dict[str, Any]
    images: NDArray[np.uint16]
    cases: pl.DataFrame
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    x_unit: NDArray[np.float32]
    y_unit: NDArray[np.float32]
    duration_s: NDArray[np.float32]
    gaze: pl.DataFrame
    offsets: NDArray[np.int64]
    split: Split

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_size_px(self) -> int:
        return self.images.shape[1]

    @property
    def is_synthetic(self) -> bool:
        """Whether any of its sources is marked as made by a program."""
        return any(source["synthetic"] for source in self.manifest["sources"])

    @property
    def case_ids(self) -> list[str]:
        return self.cases["case_id"].to_list()

    @property
    def patients(self) -> NDArray[np.int64]:
        """(N,) a number per patient, different between sources."""
        keys = self.cases.select(pl.struct("source", "patient").rank("dense")).to_series()
        return keys.to_numpy().astype(np.int64)

    @property
    def has_gaze(self) -> NDArray[np.bool_]:
        return np.diff(self.offsets) > 0

    def fixations(self, case_index: int, size_px: int) -> Fixations:
        """One case's fixations in pixels of the canvas at the given size, with what its source knows of them.

        Onsets and degrees are given where every fixation of the case has them.
        """
        part = slice(self.offsets[case_index], self.offsets[case_index + 1])
        rows = self.gaze[part]
        scale = _complete(rows, "x_pixels_per_degree", "y_pixels_per_degree")
        onset_s = _complete(rows, "onset_s")
        return Fixations(
            x_px=self.x_unit[part] * size_px - 0.5,
            y_px=self.y_unit[part] * size_px - 0.5,
            duration_s=self.duration_s[part],
            onset_s=None if onset_s is None else onset_s[:, 0],
            pixels_per_degree=None if scale is None else scale * self.geometry(case_index, size_px).scale,
        )

    def geometry(self, case_index: int, size_px: int) -> FitGeometry:
        """Where one case's film lies on the canvas at the given size."""
        film_shape = self.cases["height_px"][case_index], self.cases["width_px"][case_index]
        return FitGeometry.of(film_shape, (size_px, size_px), self.manifest["fit"])

    def digest(self) -> str:
        """SHA-256 of the manifest, which holds the digest of every other file but the split."""
        return layout.sha256_file(self.path / layout.MANIFEST)


def open_study(path: Path) -> Study:
    """Open a folder that `prepare_study` wrote. Films stay on disk until they are used.

    Raises:
        StudyError: no study there, a file missing or damaged, another format version, or files that do not fit
            each other. Digests are not computed: see `verify_study`.
    """
    path = Path(path)
    manifest = layout.read_json(path / layout.MANIFEST)
    try:
        images = np.load(path / layout.IMAGES, mmap_mode="r", allow_pickle=False)
        cases = pl.read_parquet(path / layout.CASES)
        fixations = pl.read_parquet(path / layout.FIXATIONS)
        class_names = tuple(manifest["class_names"])
        size_px = int(manifest["image_size_px"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, PolarsError) as error:
        raise StudyError(f"{path}: damaged study: {str(error).splitlines()[0]}") from error
    if images.dtype != np.uint16 or images.shape != (len(cases), size_px, size_px):
        raise StudyError(
            f"{path / layout.IMAGES}: {images.dtype} {images.shape} does not fit {len(cases)} cases of {size_px} px"
        )
    labels = _labels(path, cases, class_names)
    counts = np.bincount(fixations["case_index"].to_numpy(), minlength=len(cases))
    if not fixations["case_index"].is_sorted() or not np.array_equal(counts, cases["fixations"].to_numpy()):
        raise StudyError(f"{path / layout.FIXATIONS}: does not fit the study's cases")
    return Study(
        path=path,
        manifest=manifest,
        images=images,
        cases=cases,
        labels=labels,
        class_names=class_names,
        x_unit=fixations["x_unit"].to_numpy(),
        y_unit=fixations["y_unit"].to_numpy(),
        duration_s=fixations["duration_s"].to_numpy(),
        gaze=fixations,
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        split=load_split(path, cases),
    )


def verify_study(path: Path) -> list[str]:
    """Recompute every file's digest; returns the files that differ, none when the study is whole.

    Raises:
        StudyError: not a study.
    """
    path = Path(path)
    files = layout.read_json(path / layout.MANIFEST).get("files", {})
    return [
        name
        for name in (layout.IMAGES, layout.CASES, layout.FIXATIONS)
        if not (path / name).is_file() or layout.sha256_file(path / name) != files.get(name)
    ]


def _complete(rows: pl.DataFrame, *columns: str) -> NDArray[np.float32] | None:
    """(F, columns), or None where a value is missing."""
    values = rows.select(columns)
    return None if sum(values.null_count().row(0)) else values.to_numpy()


def _labels(path: Path, cases: pl.DataFrame, class_names: tuple[str, ...]) -> NDArray[np.int64]:
    number = {name: index for index, name in enumerate(class_names)}
    try:
        return np.array([-1 if label is None else number[label] for label in cases["label"]], dtype=np.int64)
    except KeyError as error:
        raise StudyError(f"{path / layout.CASES}: label {error.args[0]!r} is not a class of the study") from error
