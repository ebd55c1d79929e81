"""Opening a prepared study."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from egaze.errors import StudyError
from egaze.gaze import Fixations
from egaze.imaging import Canvas, FitGeometry
from egaze.labels import Labels
from egaze.progress import Progress
from egaze.sources import Phrase, Region
from egaze.study import layout
from egaze.study.splits import Splits, load_splits
from egaze.study.tables import OPTIONAL, RADIOGRAPH, RELATIVE, SHAPE_IS_KNOWN, read_labels, region_of

if TYPE_CHECKING:
    from egaze.loading.dataset import StudyDataset
    from egaze.targets import BatchTarget

T = TypeVar("T")

# The files that this process has compared with their digests: the runs of a set open the same study many times.
_checked: set[tuple[object, ...]] = set()


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A prepared study of N cases.

    Attributes:
        path: its folder.
        manifest: the content of study.json.
        stored_images: (N, S, S) uint16, memory-mapped, or None in a study without images; see `images`.
        cases: one row per case; docs/study.md describes the columns.
        labels: the label of each case: of exclusive classes, or of independent ones.
        x_unit, y_unit, duration_s: (F,) float32 of all fixations, sorted by case. Positions are fractions of the
            canvas, and durations are seconds unless `is_relative`.
        is_relative: (N,) bool, whether the durations of a case are relative rather than seconds.
        gaze: F rows with everything known of each fixation; null where unknown.
        region_rows, phrase_rows: the regions and dictated phrases of all cases, sorted by case; see `regions` and
            `phrases`.
        offsets: (N + 1,) int64; case i has the fixations offsets[i] to offsets[i + 1] - 1.
        splits: the assignment of cases to splits.

    Example:
        >>> from egaze import open_study
        >>> study = open_study("study")
        >>> study.images.shape, study.images.dtype
        ((48, 64, 64), dtype('uint16'))
        >>> len(study.splits.indices("train")), len(study.splits.indices("test"))
        (37, 5)
    """

    path: Path
    manifest: layout.Manifest
    stored_images: NDArray[np.uint16] | None
    cases: pl.DataFrame
    labels: Labels
    x_unit: NDArray[np.float32]
    y_unit: NDArray[np.float32]
    duration_s: NDArray[np.float32]
    is_relative: NDArray[np.bool_]
    gaze: pl.DataFrame
    region_rows: pl.DataFrame
    phrase_rows: pl.DataFrame
    offsets: NDArray[np.int64]
    splits: Splits

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def images(self) -> NDArray[np.uint16]:
        """(N, S, S) uint16, memory-mapped; 0 is black and 65535 white.

        Raises:
            StudyError: the study was prepared without images.
        """
        return self.require_images("this")

    @property
    def has_images(self) -> bool:
        """Whether it was prepared with the radiographs; without them gaze can be measured, and nothing trained."""
        return self.stored_images is not None

    def require_images(self, what: str) -> NDArray[np.uint16]:
        """The images, for work that says what it is; StudyError if the study was prepared without."""
        if self.stored_images is None:
            raise StudyError(
                f"{self.path}: was prepared without images, which {what} needs; prepare it with the radiographs: "
                f"{layout.command_with_images(self.manifest)}"
            )
        return self.stored_images

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in order."""
        return self.labels.class_names

    @property
    def image_size_px(self) -> int:
        """The side of the square canvas, and of the images."""
        return self.canvas.width_px

    @property
    def canvas(self) -> Canvas:
        """The canvas on which the radiographs are placed."""
        return _canvas(self.manifest)

    @property
    def is_synthetic(self) -> bool:
        """Whether any of its sources is marked as synthetic."""
        return any(source["synthetic"] for source in self.manifest["sources"])

    @property
    def case_ids(self) -> list[str]:
        """(N,) the id of each case."""
        return self.cases["case_id"].to_list()

    @property
    def patients(self) -> NDArray[np.int64]:
        """(N,) int64, the patient of each case as a number, the same in all sources of one population."""
        return self.cases["patient"].to_numpy()

    @property
    def has_gaze(self) -> NDArray[np.bool_]:
        """(N,) whether each case has a fixation."""
        return np.diff(self.offsets) > 0

    @property
    def shape_is_known(self) -> NDArray[np.bool_]:
        """(N,) whether the shape of each radiograph is known; if not, it is taken as that of a picture onto which the
        source stretched it, so that only fractions of its sides are right."""
        if self.has_images:
            return np.ones(len(self), dtype=bool)
        return self.cases[SHAPE_IS_KNOWN].to_numpy()

    def with_splits(self, splits: Splits) -> Study:
        """The same study with other splits."""
        return replace(self, splits=splits)

    def as_dataset(
        self, split: str | None = None, *, size_px: int | None = None, target: BatchTarget | None = None
    ) -> StudyDataset:
        """The study, or one of its splits, as a map-style data set of torch: see `egaze.loading.StudyDataset`.

        Raises:
            ImportError: torch is not installed.
        """
        # The one place that looks to a higher floor: a convenience, imported when it is called.
        from egaze.loading.dataset import StudyDataset

        return StudyDataset(self, split, size_px=size_px, target=target)

    def fixations(self, case_index: int, size_px: int) -> Fixations:
        """The fixations of one case in pixels of the canvas at the given size.

        Optional properties are None unless they are known of every fixation of the case.
        """
        part = slice(self.offsets[case_index], self.offsets[case_index + 1])
        rows = self.gaze[part]
        known = {field: _complete(rows, *columns) for field, columns in OPTIONAL.items()}
        onset_s, scale, shown_px = known["onset_s"], known["pixels_per_degree"], known["shown_px"]
        geometry = self.geometry(case_index, size_px)
        x_px, y_px = self.canvas.resized(size_px).to_px(self.x_unit[part], self.y_unit[part])
        return Fixations(
            x_px=x_px,
            y_px=y_px,
            duration_s=self.duration_s[part],
            onset_s=None if onset_s is None else onset_s[:, 0],
            pixels_per_degree=None if scale is None else scale * geometry.scale,
            shown_px=None if shown_px is None else geometry.sides_to_canvas_px(shown_px).astype(np.float32),
            window_frac=known["window_frac"],
            duration_unit="relative" if self.is_relative[case_index] else "s",
        )

    def shown_px(self, size_px: int) -> NDArray[np.float32]:
        """The part shown during each fixation, in pixels of the canvas at the given size.

        Returns:
            (F, 4) x_min, y_min, x_max, y_max, infinite in cases where it is not known of every fixation.
        """
        sides = np.empty((len(self.x_unit), 4), dtype=np.float32)
        sides[:] = -np.inf, -np.inf, np.inf, np.inf
        # Column by column, without a polars query: in a forked loader it would wait for threads that do not exist.
        on_radiograph = np.stack([self.gaze[name].to_numpy() for name in OPTIONAL["shown_px"]], axis=1)
        known = np.isfinite(on_radiograph).all(axis=1)
        for case_index in np.flatnonzero(self.has_gaze).tolist() if known.any() else ():
            part = slice(self.offsets[case_index], self.offsets[case_index + 1])
            if known[part].all():
                sides[part] = self.geometry(case_index, size_px).sides_to_canvas_px(on_radiograph[part])
        return sides

    def regions(self, case_index: int) -> tuple[Region, ...]:
        """The boxes, ellipses and masks of one case in pixels of its radiograph; `geometry` maps them to the canvas."""
        rows = self.region_rows.drop(cs.ends_with("_unit"))
        return self._of_case(rows, case_index, region_of, layout.REGIONS)

    def phrases(self, case_index: int) -> tuple[Phrase, ...]:
        """The dictated phrases of one case, in time order."""
        return self._of_case(self.phrase_rows, case_index, Phrase, layout.PHRASES)

    def geometry(self, case_index: int, size_px: int) -> FitGeometry:
        """The position of one case's radiograph on the canvas at the given size."""
        height_px, width_px = (int(self.cases[side][int(case_index)]) for side in ("height_px", "width_px"))
        return self.canvas.resized(size_px).geometry((height_px, width_px))

    def radiograph_key(self, case_index: int) -> Hashable:
        """What those cases of a patient have in common, and no others, that show the same radiograph.

        That is the radiograph's shape and every pixel on the canvas or, without images, the name in its source.
        """
        if self.stored_images is None:
            return int(self.cases[RADIOGRAPH][case_index])
        shape = tuple(self.cases[side][case_index] for side in ("height_px", "width_px"))
        return shape, hashlib.sha256(self.stored_images[case_index].tobytes()).digest()

    def _of_case(self, rows: pl.DataFrame, case_index: int, kind: Callable[..., T], name: str) -> tuple[T, ...]:
        """The rows of one case in a table that is sorted by case."""
        column = rows["case_index"]
        part = slice(column.search_sorted(case_index, "left"), column.search_sorted(case_index, "right"))
        try:
            return tuple(kind(**row) for row in rows[part].drop("case_index").iter_rows(named=True))
        except (TypeError, ValueError) as error:
            raise StudyError(f"{self.path / name}: case {self.case_ids[case_index]!r}: {error}") from error

    def digest(self) -> str:
        """The SHA-256 of the manifest, which contains the digests of all other files except the splits."""
        return layout.sha256_file(self.path / layout.MANIFEST)


def open_study(path: str | Path, *, check_images: bool = True, progress: Progress | None = None) -> Study:
    """Open a study that `prepare_study` wrote. Images stay on disk until they are used.

    Every file is compared with its digest in study.json, so that files of another study are not mistaken for those of
    this one. For images.npy this takes about a second per one or two gigabytes.

    Args:
        path: the folder.
        check_images: False skips the digest of images.npy, if the images are not used or have been checked already.
        progress: called with (bytes read, bytes in all) while images.npy is checked.

    Raises:
        StudyError: not a study, another format version, a file that is missing, damaged or changed since the study was
            prepared, or files that do not match each other.

    Example:
        >>> from egaze import open_study
        >>> study = open_study("study")
        >>> len(study), study.image_size_px, study.class_names
        (48, 64, ('normal', 'chf', 'pneumonia'))
        >>> case = int(study.has_gaze.argmax())
        >>> len(study.fixations(case, size_px=224)) > 0
        True
    """
    path = Path(path)
    manifest = cast(layout.Manifest, layout.read_json(path / layout.MANIFEST))
    try:
        images = layout.open_images(path / layout.IMAGES) if layout.has_images(manifest) else None
        cases = pl.read_parquet(path / layout.CASES)
        if images is None:
            _require_stated(cases)
        fixations = _read_by_case(path / layout.FIXATIONS, cases)
        regions = _read_by_case(path / layout.REGIONS, cases)
        phrases = _read_by_case(path / layout.PHRASES, cases)
        labels = read_labels(cases, manifest)
        canvas = _canvas(manifest)
    except (OSError, ValueError, KeyError, TypeError, EOFError, PolarsError) as error:
        raise StudyError(f"{path}: damaged study: {str(error).splitlines()[0]}") from error
    if images is not None and (images.dtype != np.uint16 or images.shape != (len(cases), *canvas.shape)):
        raise StudyError(
            f"{path / layout.IMAGES}: {images.dtype} {images.shape} does not match {len(cases)} cases of "
            f"{canvas.width_px} px"
        )
    for name in layout.digested(manifest):
        if name != layout.IMAGES:
            _require_digest(path / name, manifest)
    if check_images and images is not None:
        _require_digest(path / layout.IMAGES, manifest, progress)
    offsets = np.concatenate([[0], np.cumsum(cases["fixations"].to_numpy())]).astype(np.int64)
    duration_s, is_relative = _durations(path, fixations, offsets)
    return Study(
        path=path,
        manifest=manifest,
        stored_images=images,
        cases=cases,
        labels=labels,
        x_unit=fixations["x_unit"].to_numpy(),
        y_unit=fixations["y_unit"].to_numpy(),
        duration_s=duration_s,
        is_relative=is_relative,
        gaze=fixations,
        region_rows=regions,
        phrase_rows=phrases,
        offsets=offsets,
        splits=load_splits(path, cases),
    )


def _require_stated(cases: pl.DataFrame) -> None:
    """Check the columns that stand for images; TypeError or PolarsError if they do not."""
    for name, dtype in ((RADIOGRAPH, pl.Int64), (SHAPE_IS_KNOWN, pl.Boolean)):
        if cases[name].dtype != dtype or cases[name].has_nulls():
            raise TypeError(f"{layout.CASES}: column {name!r} must hold {dtype} without gaps")


def _require_digest(path: Path, manifest: layout.Manifest, progress: Progress | None = None) -> None:
    expected = manifest.get("files", {}).get(path.name)
    try:
        status = path.stat()
        known = (path.absolute(), status.st_ino, status.st_size, status.st_mtime_ns, expected)
        if known in _checked:
            return
        found = layout.sha256_file(path, progress)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from error
    if found != expected:
        raise StudyError(f"{path}: damaged or changed since the study was prepared: prepare it again")
    _checked.add(known)


def verify_study(path: str | Path, *, progress: Progress | None = None) -> list[str]:
    """Recompute the digest of every file, and return the names of those that are missing or differ.

    Args:
        path: the study's folder.
        progress: called with (bytes read, bytes in all) of each file that is read.

    Raises:
        StudyError: not a study.

    Example:
        >>> from egaze.study import verify_study
        >>> verify_study("study")
        []
    """
    path = Path(path)
    manifest = cast(layout.Manifest, layout.read_json(path / layout.MANIFEST))
    files = manifest.get("files", {})
    try:
        names = layout.digested(manifest)
    except TypeError as error:
        raise StudyError(f"{path / layout.MANIFEST}: {error}") from error
    return [
        name
        for name in names
        if not (path / name).is_file() or layout.sha256_file(path / name, progress) != files.get(name)
    ]


def _durations(
    path: Path, fixations: pl.DataFrame, offsets: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(F,) durations in whichever unit, and (N,) whether the durations of each case are relative."""
    seconds = fixations["duration_s"]
    if RELATIVE not in fixations.columns:
        return seconds.to_numpy(), np.zeros(len(offsets) - 1, dtype=bool)
    relative = fixations[RELATIVE]
    known = relative.is_not_null().to_numpy()
    counts = np.diff(np.concatenate([[0], np.cumsum(known)])[offsets])
    is_whole = (counts == 0) | (counts == np.diff(offsets))
    if not np.array_equal(known, seconds.is_null().to_numpy()) or not is_whole.all():
        raise StudyError(f"{path / layout.FIXATIONS}: a case's durations must be all seconds or all relative")
    return seconds.fill_null(relative).to_numpy(), counts > 0


def _complete(rows: pl.DataFrame, *columns: str) -> NDArray[np.float32] | None:
    """(F, columns) values, or None if one is missing."""
    # Column by column, without a polars query: a forked worker of a `StudyDataset` would wait for ever.
    values = [rows[name] for name in columns]
    missing = any(column.null_count() for column in values)
    return None if missing else np.stack([column.to_numpy() for column in values], axis=1)


def _canvas(manifest: layout.Manifest) -> Canvas:
    return Canvas.square(int(manifest["image_size_px"]), manifest["fit"], manifest["presentation"])


def _read_by_case(path: Path, cases: pl.DataFrame) -> pl.DataFrame:
    """A table sorted by case, with as many rows per case as the table of cases says; StudyError if it is not."""
    rows, counts = pl.read_parquet(path), cases[path.stem]
    fits = counts.sum() == len(rows) and (counts >= 0).all()
    if not fits or not np.array_equal(rows["case_index"], np.repeat(np.arange(len(counts)), counts.to_numpy())):
        raise StudyError(f"{path}: does not match the cases of the study")
    return rows
