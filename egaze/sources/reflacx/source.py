"""The source of REFLACX 1.0.0 (PhysioNet `reflacx-xray-localization`, doi 10.13026/e0dj-8498)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from egaze.errors import SourceError
from egaze.gaze import Fixations
from egaze.sources import mimic_cxr
from egaze.sources.case import Case, is_synthetic, twin_facts
from egaze.sources.reflacx import gaze as gaze_table
from egaze.sources.reflacx.annotations import read_phrases, read_regions
from egaze.sources.reflacx.labels import CLASS_NAMES, FINDINGS, MAX_CERTAINTY, majority
from egaze.sources.reflacx.metadata import Reading, listed_radiographs, read_metadata

PHASES = tuple(FINDINGS)
READERS = ("apart", "merged")


class Reflacx:
    """REFLACX's unmodified folder with the radiographs of MIMIC-CXR, DICOM or JPEG.

    In phases 1 and 2 five radiologists read 109 radiographs; in phase 3 one of them read each of 2,507 radiographs. The
    data do not name them, so the `reader_id` of a case is the id of its reading. The gaze of 20 readings was discarded;
    they have labels only. `egaze.sources.reflacx.labels` has the rule that gives a reading its class.

    `readers="apart"` makes one case per reading, with its id. `readers="merged"` makes one case per radiograph, with
    its dicom_id: the fixations of all readings, one reading after the other, with unchanged durations; the regions of
    all readings; and the class that more than half of the readings have. Its `reader_id` joins the ids of the readings
    by "+". Readings have different clocks, so a case of several readings has neither onsets nor phrases.

    Onsets and times of words are in seconds since the start of the reading's audio recording, as in the data set; a
    fixation that began earlier has a negative onset. `Case.split` is that of MIMIC-CXR, and `Case.radiograph_size_px`
    the size of the radiograph when it was read, if the tables of readings have them.

    Unusable rows of fixations, ellipses and words (see `read_fixations`, `read_regions` and `read_phrases`) and cases
    with neither gaze nor a label are dropped and counted in `hygiene`.

    The columns follow the description of the data set and its authors' published code. egaze has not been run on the
    original files. It is not verified whether the cell of a certainty may be empty (it is read as not selected),
    whether the sides of ellipses are always in order, and how many fixations lie outside the radiograph, have no
    duration or lack a value.

    Args:
        gaze: the folder that contains main_data/, or main_data/ itself.
        images: the folder that contains the `files/` tree of MIMIC-CXR or MIMIC-CXR-JPG, or that tree itself.
        phases: the phases to read, of 1, 2 and 3.
        readers: "apart" or "merged".
        certainty: the certainty from which a finding is present, 1 to 5; the authors of the data set use 3, "possible".

    Attributes:
        options: the arguments that change what is read, and the facts of a twin, for the record of the study.

    Raises:
        SourceError: an argument out of range, or a folder that lacks a table of readings or the gaze of a reading.
        TableError: a table that lacks a required column, contains a bad value, or puts a patient into two splits.

    Example:
        >>> from egaze.sources import Reflacx
        >>> from egaze.sources.synthetic import synthesize
        >>> twin = synthesize("reflacx", layout="reflacx", cases=4, long_side_px=64)
        >>> source = Reflacx(twin.tables, twin.images, certainty=4)
        >>> len(source.cases()), source.class_names
        (12, ('normal', 'chf', 'pneumonia'))
    """

    name = "reflacx"
    population = mimic_cxr.POPULATION
    class_names = CLASS_NAMES

    def __init__(
        self,
        gaze: str | Path,
        images: str | Path,
        *,
        phases: Sequence[int] = PHASES,
        readers: str = "apart",
        certainty: int = 3,
    ) -> None:
        _check(phases, readers, certainty)
        main_data = _main_data(Path(gaze))
        if not Path(images).is_dir():
            raise SourceError(f"{images}: no such folder of radiographs")
        self.options: dict[str, object] = {"phases": sorted(set(phases)), "readers": readers, "certainty": certainty}
        self.options |= twin_facts(Path(gaze)) or twin_facts(main_data.resolve().parent)
        self.synthetic = is_synthetic(Path(gaze)) or is_synthetic(main_data.resolve().parent)
        hygiene: Counter[str] = Counter()
        readings = read_metadata(main_data, Path(images), sorted(set(phases)), certainty, hygiene)
        self.patient_order: Sequence[str] = list(dict.fromkeys(reading.patient_id for reading in readings))
        hygiene["readings_with_discarded_gaze"] = sum(reading.discarded for reading in readings)
        _require_gaze(readings)
        gaze_table.start_counts(hygiene)
        self._cases = _apart(readings, hygiene) if readers == "apart" else _merged(readings, hygiene)
        self.hygiene: dict[str, int] = dict(hygiene)

    def cases(self) -> Sequence[Case]:
        """One case per reading or per radiograph, in the order of the metadata."""
        return self._cases


def list_radiographs(gaze: Path, phases: Sequence[int] = PHASES) -> list[str]:
    """The distinct radiographs of the phases as paths in MIMIC-CXR's tree: files/p10/p.../s.../....dcm.

    Only the tables of readings are needed.

    Raises:
        SourceError: a table is missing, or an unknown phase.
        TableError: a table has no column of paths, or an invalid path.
    """
    _check(phases, READERS[0], 1)
    return listed_radiographs(_main_data(Path(gaze)), sorted(set(phases)))


def _main_data(gaze: Path) -> Path:
    return gaze / "main_data" if (gaze / "main_data").is_dir() else gaze


def _gaze_of(reading: Reading) -> Path:
    """The fixations table of a reading."""
    return reading.folder / "fixations.csv"


def _check(phases: Sequence[int], readers: str, certainty: int) -> None:
    if not phases or not set(phases) <= set(PHASES):
        raise SourceError(f"phases must be among {', '.join(map(str, PHASES))}, got {phases}")
    if readers not in READERS:
        raise SourceError(f"readers must be one of {', '.join(READERS)}, got {readers!r}")
    if not 1 <= certainty <= MAX_CERTAINTY:
        raise SourceError(f"certainty must lie in 1..{MAX_CERTAINTY}, got {certainty}")


def _require_gaze(readings: Sequence[Reading]) -> None:
    tables = [_gaze_of(reading) for reading in readings if not reading.discarded]
    if missing := [table for table in tables if not table.is_file()]:
        raise SourceError(
            f"{missing[0]}: missing, though the gaze was not discarded; so are {len(missing) - 1} more of "
            f"{len(tables)} such tables"
        )


def _apart(readings: Sequence[Reading], hygiene: Counter[str]) -> list[Case]:
    cases = []
    for reading in readings:
        fixations = _fixations(reading, hygiene)
        if fixations is None and reading.label is None:
            hygiene["readings_dropped_without_gaze_or_label"] += 1
            continue
        cases.append(
            Case(
                case_id=reading.reading_id,
                patient_id=reading.patient_id,
                image_path=reading.image_path,
                fixations=fixations,
                label=reading.label,
                reader_id=reading.reading_id,
                split=reading.split,
                regions=read_regions(reading.folder, hygiene),
                phrases=() if reading.discarded else read_phrases(reading.folder, hygiene),
                radiograph_size_px=reading.size_px,
                gaze_origin=str(_gaze_of(reading)),
            )
        )
    return cases


def _merged(readings: Sequence[Reading], hygiene: Counter[str]) -> list[Case]:
    radiographs: dict[str, list[Reading]] = {}
    for reading in readings:
        radiographs.setdefault(reading.dicom_id, []).append(reading)
    cases = []
    for dicom_id, group in radiographs.items():
        looked = [(reading, part) for reading in group if (part := _fixations(reading, hygiene)) is not None]
        label = majority([reading.label for reading in group])
        if not looked and label is None:
            hygiene["radiographs_dropped_without_gaze_or_label"] += 1
            continue
        cases.append(
            Case(
                case_id=dicom_id,
                patient_id=group[0].patient_id,
                image_path=group[0].image_path,
                fixations=gaze_table.join([part for _, part in looked]),
                label=label,
                reader_id="+".join(reading.reading_id for reading in group),
                split=group[0].split,
                regions=tuple(region for reading in group for region in read_regions(reading.folder, hygiene)),
                phrases=read_phrases(looked[0][0].folder, hygiene) if len(looked) == 1 else (),
                radiograph_size_px=group[0].size_px,
                gaze_origin=str(_gaze_of(looked[0][0])) if looked else None,
            )
        )
    return cases


def _fixations(reading: Reading, hygiene: Counter[str]) -> Fixations | None:
    if reading.discarded:
        return None
    fixations = gaze_table.read_fixations(_gaze_of(reading), reading.size_px, hygiene)
    if fixations is None:
        hygiene["readings_without_usable_fixation"] += 1
    return fixations
