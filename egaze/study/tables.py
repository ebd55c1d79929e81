"""The tables of a study: cases, fixations, regions and phrases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.gaze import Fixations
from egaze.imaging import Canvas
from egaze.labels import ExclusiveLabels, IndependentLabels, Labels, independent_labels
from egaze.sources import Mask, Region
from egaze.study.gather import Entry
from egaze.study.layout import LabelFacts, Manifest
from egaze.study.placing import RadiographFacts

#: The column of relative durations; `duration_s` is null where it has a value. It exists only if a case needs it.
RELATIVE = "duration_relative"
#: The columns of cases that only a study without images has.
RADIOGRAPH, SHAPE_IS_KNOWN = "radiograph", "shape_is_known"
#: The columns of the optional properties of a fixation, by field of `Fixations`.
OPTIONAL = {
    "onset_s": ("onset_s",),
    "pixels_per_degree": ("x_pixels_per_degree", "y_pixels_per_degree"),
    "shown_px": ("x_min_shown_px", "y_min_shown_px", "x_max_shown_px", "y_max_shown_px"),
    "window_frac": ("window_width_frac", "window_level_frac"),
}
#: Before the name of a class: the column of its certainties, in a study of independent labels.
LABEL_PREFIX = "label_"
_SIDES_PX = ("x_min_px", "y_min_px", "x_max_px", "y_max_px")
_SIDES_UNIT = ("x_min_unit", "y_min_unit", "x_max_unit", "y_max_unit")


def labels_of(entries: Sequence[Entry], class_names: Sequence[str], facts: LabelFacts) -> Labels:
    """The labels of the cases."""
    if facts["kind"] == "exclusive":
        return _exclusive([entry.case.label for entry in entries], class_names)
    certainties = [entry.case.certainties for entry in entries]
    return independent_labels(class_names, certainties, str(facts["uncertain"]))


def read_labels(cases: pl.DataFrame, manifest: Manifest) -> Labels:
    """The labels in a table of `case_table`.

    Raises:
        ValueError, TypeError, KeyError, PolarsError: they do not match what the manifest says.
    """
    class_names, facts = tuple(manifest["class_names"]), manifest["labels"]
    if facts["kind"] == "exclusive":
        if unknown := set(cases["label"].drop_nulls()) - set(class_names):
            raise ValueError(f"label {min(unknown)!r} is not a class of the study")
        return _exclusive(cases["label"].to_list(), class_names)
    columns = [cases[LABEL_PREFIX + name].cast(pl.Float32).fill_null(np.nan).to_numpy() for name in class_names]
    return IndependentLabels(class_names, np.stack(columns, axis=1), str(facts["uncertain"]))


def _exclusive(labels: Sequence[str | None], class_names: Sequence[str]) -> ExclusiveLabels:
    number = {name: index for index, name in enumerate(class_names)}
    indices = np.array([-1 if label is None else number[label] for label in labels], dtype=np.int64)
    return ExclusiveLabels(tuple(class_names), indices)


def _label_columns(labels: Labels) -> dict[str, pl.Series]:
    """The text of each label and, of independent ones, each certainty."""
    columns = {"label": pl.Series([labels.text(case_index) for case_index in range(len(labels))], dtype=pl.String)}
    if isinstance(labels, IndependentLabels):
        for name, certainty in zip(labels.class_names, labels.certainty.T, strict=True):
            columns[LABEL_PREFIX + name] = pl.Series(certainty, dtype=pl.Float32).fill_nan(None)
    return columns


def case_table(
    entries: Sequence[Entry], radiographs: Sequence[RadiographFacts], labels: Labels, *, has_images: bool
) -> pl.DataFrame:
    """One row per case; `radiographs` has the facts about the radiograph of each."""
    cases = [entry.case for entry in entries]
    return pl.DataFrame(
        {
            "case_id": [case.case_id for case in cases],
            "source": [entry.source for entry in entries],
            # A number, never the identifier itself.
            "patient": [entry.patient for entry in entries],
            "patient_place": [entry.place for entry in entries],
            "reader_id": pl.Series([case.reader_id for case in cases], dtype=pl.String),
            **_label_columns(labels),
            "given_split": pl.Series([case.split for case in cases], dtype=pl.String),
            "fixations": [0 if case.fixations is None else len(case.fixations) for case in cases],
            "regions": [len(case.regions) for case in cases],
            "phrases": [len(case.phrases) for case in cases],
            "height_px": [radiograph.height_px for radiograph in radiographs],
            "width_px": [radiograph.width_px for radiograph in radiographs],
            "bits_stored": pl.Series([radiograph.bits_stored for radiograph in radiographs], dtype=pl.Int64),
            "voi": pl.Series([radiograph.voi for radiograph in radiographs], dtype=pl.String),
            "inverted": pl.Series([radiograph.inverted for radiograph in radiographs], dtype=pl.Boolean),
            **({} if has_images else _without_images(entries)),
        }
    )


def _without_images(entries: Sequence[Entry]) -> dict[str, list[int] | list[bool]]:
    """What pixels would tell: which cases are of one radiograph, and whether its shape is known."""
    return {
        RADIOGRAPH: [entry.radiograph for entry in entries],
        SHAPE_IS_KNOWN: [entry.case.shape_is_known for entry in entries],
    }


def fixation_table(entries: Sequence[Entry], radiographs: Sequence[RadiographFacts], canvas: Canvas) -> pl.DataFrame:
    """One row per fixation, sorted by case, in unit coordinates of the canvas and in pixels of the radiograph.

    What is unknown is null.
    """
    with_gaze = [
        (index, fixations, canvas.geometry(radiograph.shape))
        for index, (entry, radiograph) in enumerate(zip(entries, radiographs, strict=True))
        if (fixations := entry.case.fixations) is not None
    ]
    all_fixations = [fixations for _, fixations, _ in with_gaze]
    units = [geometry.to_unit(fixations.x_px, fixations.y_px) for _, fixations, geometry in with_gaze]
    columns = {
        "x_unit": _joined([x_unit for x_unit, _ in units])[:, 0],
        "y_unit": _joined([y_unit for _, y_unit in units])[:, 0],
        **{name: _joined([getattr(f, name) for f in all_fixations])[:, 0] for name in ("x_px", "y_px")},
        "duration_s": _joined([_durations(f, "s") for f in all_fixations])[:, 0],
    }
    if any(f.is_relative for f in all_fixations):
        columns[RELATIVE] = _joined([_durations(f, "relative") for f in all_fixations])[:, 0]
    for field, names in OPTIONAL.items():
        values = _joined([_known(fixations, field, len(names)) for fixations in all_fixations], len(names))
        columns |= {name: values[:, place] for place, name in enumerate(names)}
    counts = [len(fixations) for fixations in all_fixations]
    case_index = np.repeat(np.array([index for index, _, _ in with_gaze], dtype=np.int64), counts)
    # Known values are finite, so NaN stands for unknown ones.
    return pl.DataFrame({"case_index": case_index, **columns}).with_columns(pl.col(pl.Float32).fill_nan(None))


def _durations(fixations: Fixations, unit: str) -> NDArray[np.floating]:
    """(F,) durations in one unit, NaN if they are in the other."""
    return fixations.duration_s if fixations.duration_unit == unit else np.full(len(fixations), np.nan)


def _known(fixations: Fixations, field: str, width: int) -> NDArray[np.floating]:
    """(F, width) values of one field, NaN if it is unknown."""
    values = getattr(fixations, field)
    return np.full((len(fixations), width), np.nan) if values is None else values


def _joined(parts: Sequence[NDArray[np.floating]], width: int = 1) -> NDArray[np.float32]:
    """(F, width) values of the fixations of all cases, one case after the other."""
    return np.concatenate([np.empty((0, width), np.float32), *(part.reshape(-1, width) for part in parts)]).astype(
        np.float32
    )


def region_table(entries: Sequence[Entry], radiographs: Sequence[RadiographFacts], canvas: Canvas) -> pl.DataFrame:
    """One row per region, sorted by case, in pixels of the radiograph and in unit coordinates of the canvas.

    The table has columns of masks only if some region of the study is a mask."""
    found = [
        (index, region, canvas.geometry(radiograph.shape))
        for index, (entry, radiograph) in enumerate(zip(entries, radiographs, strict=True))
        for region in entry.case.regions
    ]
    sides_px = {name: [getattr(region, name) for _, region, _ in found] for name in _SIDES_PX}
    corners = [
        geometry.to_unit(_pair(region.x_min_px, region.x_max_px), _pair(region.y_min_px, region.y_max_px))
        for _, region, geometry in found
    ]
    sides_unit = np.array([(x[0], y[0], x[1], y[1]) for x, y in corners], dtype=np.float32).reshape(-1, 4)
    masks = [region.mask for _, region, _ in found]
    of_masks = {
        "mask_height_px": pl.Series([mask and mask.height_px for mask in masks], dtype=pl.Int64),
        "mask_width_px": pl.Series([mask and mask.width_px for mask in masks], dtype=pl.Int64),
        "mask_runs": pl.Series([mask and mask.runs for mask in masks], dtype=pl.List(pl.Int64)),
    }
    return pl.DataFrame(
        {
            "case_index": pl.Series([index for index, _, _ in found], dtype=pl.Int64),
            "name": pl.Series([region.name for _, region, _ in found], dtype=pl.String),
            "shape": pl.Series([region.shape for _, region, _ in found], dtype=pl.String),
            "certainty": pl.Series([region.certainty for _, region, _ in found], dtype=pl.Int64),
            **{name: pl.Series(values, dtype=pl.Float64) for name, values in sides_px.items()},
            **{name: sides_unit[:, place] for place, name in enumerate(_SIDES_UNIT)},
            **(of_masks if any(masks) else {}),
        }
    )


def region_of(
    *,
    mask_height_px: int | None = None,
    mask_width_px: int | None = None,
    mask_runs: Sequence[int] | None = None,
    **columns: Any,
) -> Region:
    """The region of a row of `region_table`, without its unit coordinates. Raises TypeError and ValueError."""
    if mask_runs is None:
        return Region(**columns)
    return Region(**columns, mask=Mask(int(mask_height_px or 0), int(mask_width_px or 0), tuple(mask_runs)))


def _pair(low: float, high: float) -> NDArray[np.float64]:
    return np.array([low, high], dtype=np.float64)


def phrase_table(entries: Sequence[Entry]) -> pl.DataFrame:
    """One row per phrase, sorted by case."""
    found = [(index, phrase) for index, entry in enumerate(entries) for phrase in entry.case.phrases]
    return pl.DataFrame(
        {
            "case_index": pl.Series([index for index, _ in found], dtype=pl.Int64),
            "text": pl.Series([phrase.text for _, phrase in found], dtype=pl.String),
            "begin_s": pl.Series([phrase.begin_s for _, phrase in found], dtype=pl.Float64),
            "end_s": pl.Series([phrase.end_s for _, phrase in found], dtype=pl.Float64),
        }
    )
