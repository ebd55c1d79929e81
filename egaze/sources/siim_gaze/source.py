"""Gaze on SIIM-ACR Pneumothorax: the authors' JSON, Kaggle's masks, and the radiographs that are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from egaze.errors import SourceError
from egaze.gaze import Fixations
from egaze.imaging.fit import is_within, unit_to_px
from egaze.sources.case import Case, is_synthetic, twin_facts
from egaze.sources.radiographs_by_name import SUFFIXES, find_radiographs
from egaze.sources.regions import Mask, Region
from egaze.sources.siim_gaze.axes import check_axes
from egaze.sources.siim_gaze.gaze import GazeRecord, read_gaze
from egaze.sources.siim_gaze.masks import SIDE_PX, read_masks

NORMAL, PNEUMOTHORAX = CLASS_NAMES = ("normal", "pneumothorax")
#: The name of a mask's region: REFLACX's word for the finding.
FINDING = "Pneumothorax"
#: Of the published file, and of the one that the authors' repository has since kept.
PUBLISHED, SHORTENED = 1250, 125


class SiimGaze:
    """Radiologists' gaze on radiographs of SIIM-ACR Pneumothorax Segmentation, stage 1.

    Saab et al., "Observational supervision for medical image classification using gaze data", MICCAI 2021: radiologists
    read 1,250 radiographs for pneumothorax before a Tobii Pro Nano at 60 Hz. There is one sequence of points for each
    radiograph; who read it is not recorded, and neither is when. A point's `time` counts samples that the authors
    merged, so durations are relative. The radiographs are NIH ChestX-ray14's. Nothing says which of them are of one
    patient: each stands as a patient of its own, so a patient's radiographs may be on two sides of a split, and
    intervals over patients are intervals over radiographs.

    `normal` means that SIIM-ACR's readers outlined no pneumothorax; such a radiograph may show other disease. What they
    outlined comes as a region for each row, a mask named "Pneumothorax".

    The positions' names are swapped in the file against their meaning; see `egaze.sources.siim_gaze.axes`, whose check
    every file has to pass, by all its records, also those whose radiograph is not there.

    Dropped, and counted in `hygiene`: records without a radiograph, radiographs without a record, rows of masks of
    radiographs without gaze or that are there twice, and points without time.

    All radiographs of the data set have the size of the masks' grid, so gaze and masks have their places without them.

    Args:
        gaze: cxr_gaze_data.json.
        images: the folder of radiographs, each file named by its SOPInstanceUID, at any depth; None for all records
            without radiographs.
        masks: train-rle.csv.

    Attributes:
        notes: what to tell whoever prepares: how many records found a radiograph, and what was found of the axes.

    Raises:
        SourceError: a folder that is not there, no record that finds a radiograph, two files of one radiograph, or
            axes the other way round.
        TableError: a file that is not what it should be.

    Example:
        >>> from egaze.sources import SiimGaze
        >>> from egaze.sources.synthetic import synthesize
        >>> twin = synthesize("siim", layout="siim-gaze", cases=12, long_side_px=64)
        >>> source = SiimGaze(twin.tables / "cxr_gaze_data.json", twin.images, twin.tables / "train-rle.csv")
        >>> len(source.cases()), source.class_names
        (10, ('normal', 'pneumothorax'))
        >>> source.cases()[0].fixations.duration_unit
        'relative'
    """

    name = "siim-gaze"
    population = None
    class_names = CLASS_NAMES

    def __init__(self, gaze: str | Path, images: str | Path | None, masks: str | Path) -> None:
        hygiene: Counter[str] = Counter()
        path = Path(gaze)
        records = read_gaze(path, hygiene)
        image_ids = [record.image_id for record in records]
        outlined = read_masks(Path(masks), image_ids, hygiene)
        self.synthetic = is_synthetic(path.parent)
        axes = check_axes(str(path), records, outlined, must_tell=not self.synthetic)
        radiographs, others = ({}, 0) if images is None else find_radiographs(Path(images), image_ids)
        if images is not None and not radiographs:
            raise SourceError(
                f"{images}: holds the radiograph of none of {len(records)} records of {path.name}; files must be named "
                f"by SOPInstanceUID, such as {image_ids[0]}.dcm ({', '.join(SUFFIXES)})"
            )
        self.notes = [_found(len(records), None if images is None else len(radiographs)), str(axes)]
        self.options: dict[str, object] = {"patients": "unknown, each radiograph taken for one", "axes": str(axes)}
        self.options |= twin_facts(path.parent)
        if images is not None:
            hygiene["radiographs_without_record"] = others
            hygiene["records_without_radiograph"] = len(records) - len(radiographs)
            hygiene["points_dropped_without_radiograph"] = sum(
                len(record) for record in records if record.image_id not in radiographs
            )
        hygiene.update(
            dict.fromkeys(("records_dropped_without_gaze_or_label", "records_without_gaze", "records_without_label"), 0)
        )
        self._cases: list[Case] = []
        for record in records:
            radiograph = radiographs.get(record.image_id)
            if radiograph is None and images is not None:
                continue
            label, regions = _finding(outlined, record.image_id)
            hygiene["records_without_gaze"] += not len(record)
            hygiene["records_without_label"] += label is None
            if not len(record) and label is None:
                hygiene["records_dropped_without_gaze_or_label"] += 1
                continue
            self._cases.append(
                Case(
                    case_id=record.image_id,
                    patient_id=record.image_id,
                    image_path=radiograph,
                    fixations=_fixations(record, hygiene) if len(record) else None,
                    label=label,
                    regions=regions,
                    radiograph_size_px=(SIDE_PX, SIDE_PX),
                    gaze_origin=f"{path}: record {record.number}",
                    radiograph_id=record.image_id,
                )
            )
        hygiene["radiographs_of_unknown_patient"] = len(self._cases)
        self.patient_order: Sequence[str] = [case.patient_id for case in self._cases]
        self.hygiene: dict[str, int] = dict(hygiene)

    def cases(self) -> Sequence[Case]:
        """One case a record whose radiograph is there, or each record without images, in the file's order."""
        return self._cases


def list_radiographs(gaze: Path) -> list[str]:
    """The radiographs' file names, in the order of the records. Raises TableError."""
    return [f"{record.image_id}.dcm" for record in read_gaze(gaze, Counter())]


def _found(records: int, radiographs: int | None) -> str:
    if radiographs is None:
        said = f"{records:,} records, without radiographs"
    else:
        said = f"{radiographs:,} of {records:,} records found their radiograph"
    if records == SHORTENED:
        said += f"; this is the shortened file, the published one has {PUBLISHED:,}"
    return said


def _finding(outlined: Mapping[str, tuple[Mask, ...]], image_id: str) -> tuple[str | None, tuple[Region, ...]]:
    """A radiograph's class and its regions; no class where the table of masks does not know it."""
    if (masks := outlined.get(image_id)) is None:
        return None, ()
    return PNEUMOTHORAX if masks else NORMAL, tuple(Region.of_mask(FINDING, mask) for mask in masks)


def _fixations(record: GazeRecord, hygiene: Counter[str]) -> Fixations:
    x_px, y_px = (unit_to_px(fractions, SIDE_PX) for fractions in (record.x_frac, record.y_frac))
    hygiene["points_kept"] += len(record)
    hygiene["kept_points_outside_radiograph"] += int((~(is_within(x_px, SIDE_PX) & is_within(y_px, SIDE_PX))).sum())
    return Fixations(
        x_px=x_px.astype(np.float32),
        y_px=y_px.astype(np.float32),
        duration_s=record.weight.astype(np.float32),
        duration_unit="relative",
    )
