"""`synthesize`: write a synthetic twin, with radiographs, gaze and masks of findings, to a new folder."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import numpy as np

from egaze.atomic import new_directory
from egaze.errors import SourceError
from egaze.progress import Progress
from egaze.sources.case import SYNTHETIC_MARKER
from egaze.sources.synthetic import (
    chexpert_layout,
    egd_layout,
    mimic_layout,
    nih_layout,
    reflacx_layout,
    siim_layout,
    table_layout,
    vindr_layout,
)
from egaze.sources.synthetic.anatomy import draw_body
from egaze.sources.synthetic.disease import CLASSES, draw_signs
from egaze.sources.synthetic.phantom import Phantom, draw_pose, make_phantom
from egaze.sources.synthetic.plan import FULL_LONG_SIDE_PX, CasePlan, case_seeds, patient_seeds, plan_cases
from egaze.sources.synthetic.reader import MAX_GAZE_QUALITY, READER_VERSION, READERS, Reader, draw_readers
from egaze.sources.synthetic.rows import CaseRows
from egaze.sources.synthetic.scanpath import Scanpath, draw_scanpath
from egaze.sources.synthetic.trackers import TRACKER_LAYOUTS


class Layout(Protocol):
    """The interface of the modules for data set layouts."""

    def places(self, out: Path) -> tuple[Path, Path]: ...
    def prepare(self, folder: Path, plans: Sequence[CasePlan]) -> None: ...
    def write_radiograph(self, folder: Path, plan: CasePlan, radiograph: Phantom) -> None: ...
    def reading(
        self,
        plan: CasePlan,
        radiograph: Phantom,
        scanpath: Scanpath,
        others: Sequence[Reader],
        rng: np.random.Generator,
    ) -> CaseRows: ...
    def write_tables(
        self, folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int
    ) -> None: ...


LAYOUTS: dict[str, Layout] = {
    "chexpert": chexpert_layout,
    "egd-cxr": egd_layout,
    "mimic-cxr": mimic_layout,
    "nih-cxr14": nih_layout,
    "reflacx": reflacx_layout,
    "siim-gaze": siim_layout,
    "table": table_layout,
    "vindr-cxr": vindr_layout,
    **TRACKER_LAYOUTS,
}
DEFAULT_LONG_SIDE_PX = 1024
MIN_LONG_SIDE_PX = 64


@dataclass(frozen=True, slots=True)
class SyntheticSummary:
    """A twin on disk.

    Attributes:
        out: the folder.
        layout: one of `LAYOUTS`.
        tables: the folder of the tables.
        images: the folder of the radiographs.
        findings: the folder of the true masks of findings, for evaluation only.
        radiographs: the number of radiographs by class.
        patients: the number of patients.
    """

    out: Path
    layout: str
    tables: Path
    images: Path
    findings: Path
    radiographs: dict[str, int]
    patients: int


def synthesize(
    out: Path | str,
    *,
    cases: int,
    seed: int = 0,
    layout: str = "egd-cxr",
    difficulty: float = 0.5,
    gaze_quality: float = 1.0,
    long_side_px: int = DEFAULT_LONG_SIDE_PX,
    eye_gaze: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> SyntheticSummary:
    """Write a synthetic twin: phantom radiographs with simulated gaze in the layout of a real data set.

    The same arguments give the same bytes (with the same versions of the libraries), whatever `workers` is. The folder
    exists as a whole or not at all.

    Args:
        out: a new or empty folder.
        cases: the number of radiographs, evenly divided between the classes Normal, CHF and pneumonia.
        seed: 0 or more.
        layout: "egd-cxr" for the tables of EGD-CXR with MIMIC-CXR's tree of DICOM files, "reflacx" for those of REFLACX
            with the same tree, "siim-gaze" for the JSON of gaze on SIIM-ACR's radiographs with Kaggle's tree,
            "nih-cxr14", "chexpert", "mimic-cxr" and "vindr-cxr" for the tables of these data sets, which have labels
            and no gaze, and beside MIMIC-CXR's EGD-CXR's gaze on some radiographs, "table" for plain tables with 16-bit
            PNG files, or a tracker, "tobii", "gazepoint", "eyelink", "bids" or "pupil", for the samples of a
            laboratory's sessions in the files of that tracker's software, with 16-bit PNG files.
        difficulty: 0 (plain signs) to 1 (signs within the range of normal variation).
        gaze_quality: how often readers notice a finding, how often they return to it and for how long. 1 is set against
            the gaze of radiologists (docs/experiments.md); below it gaze tells less, and nothing at 0; up to 4 it tells
            more, about as much there as the readers of version 1. Radiographs do not depend on it.
        long_side_px: the long side of a radiograph in pixels; 3056 is that of real radiographs.
        eye_gaze: also write eye_gaze.csv, the samples of the tracker at 60 Hz; only for the layout "egd-cxr".
        workers: the number of processes; 1 works in this process.
        progress: called with (radiographs done, radiographs in all) after each radiograph.

    Raises:
        SourceError: an argument out of range.
        EgazeError: `out` exists and is not empty, or is not writable.
    """
    _check(cases, seed, layout, difficulty, gaze_quality, long_side_px, workers)
    if eye_gaze and layout != "egd-cxr":
        raise SourceError(f"eye_gaze must be False with the layout {layout!r}: only egd-cxr has eye_gaze.csv")
    out = Path(out)
    plans = plan_cases(cases, seed, long_side_px)
    with new_directory(out) as folder:
        LAYOUTS[layout].prepare(folder, plans)
        jobs = [_Job(plan, seed, difficulty, gaze_quality, layout, folder) for plan in plans]
        readings = []
        for done, reading in enumerate(_run(jobs, workers), start=1):
            readings.append(reading)
            if progress is not None:
                progress(done, cases)
        LAYOUTS[layout].write_tables(folder, plans, readings, seed)
        if eye_gaze:
            egd_layout.write_eye_gaze(folder, plans, readings, seed)
        notice = _notice(cases, seed, difficulty, gaze_quality, long_side_px)
        (folder / SYNTHETIC_MARKER).write_text(notice, encoding="utf-8")
    tables, images = LAYOUTS[layout].places(out)
    radiographs = {label: sum(plan.label == label for plan in plans) for label in CLASSES}
    patients = len({plan.patient_id for plan in plans})
    return SyntheticSummary(out, layout, tables, images, out / "findings", radiographs, patients)


@dataclass(frozen=True, slots=True)
class _Job:
    plan: CasePlan
    seed: int
    difficulty: float
    gaze_quality: float
    layout: str
    folder: Path


def draw_radiograph(plan: CasePlan, seed: int, difficulty: float) -> Phantom:
    """The radiograph of one case, drawn from the seed and the case's index."""
    pose_seed, signs_seed, radiograph_seed, *_ = case_seeds(seed, plan.index).spawn(5)
    body = draw_body(np.random.default_rng(patient_seeds(seed, plan.patient)))
    pose = draw_pose(np.random.default_rng(pose_seed), body, plan.rows_px >= plan.columns_px)
    signs = draw_signs(np.random.default_rng(signs_seed), plan.label, difficulty)
    return make_phantom(body, pose, signs, (plan.rows_px, plan.columns_px), radiograph_seed)


def draw_reading(
    plan: CasePlan, radiograph: Phantom, seed: int, gaze_quality: float
) -> tuple[Scanpath, Sequence[Reader]]:
    """The gaze of the first reader of a case, and the other readers; the readers take turns to be the first."""
    readers = draw_readers(seed, gaze_quality)
    first = plan.index % READERS
    gaze_seed = case_seeds(seed, plan.index).spawn(5)[3]
    scanpath = draw_scanpath(radiograph, readers[first], np.random.default_rng(gaze_seed))
    return scanpath, readers[:first] + readers[first + 1 :]


def _make(job: _Job) -> CaseRows:
    """Make one case, in any process."""
    plan, layout = job.plan, LAYOUTS[job.layout]
    radiograph = draw_radiograph(plan, job.seed, job.difficulty)
    scanpath, others = draw_reading(plan, radiograph, job.seed, job.gaze_quality)
    layout.write_radiograph(job.folder, plan, radiograph)
    sheet_seed = case_seeds(job.seed, plan.index).spawn(5)[4]
    return layout.reading(plan, radiograph, scanpath, others, np.random.default_rng(sheet_seed))


def _run(jobs: list[_Job], workers: int) -> Iterator[CaseRows]:
    if min(workers, len(jobs)) == 1:
        yield from map(_make, jobs)
        return
    # Spawned, not forked, because the caller may have threads and locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        try:
            yield from pool.map(_make, jobs, chunksize=max(1, min(8, len(jobs) // (4 * workers))))
        except BrokenProcessPool as error:
            raise SourceError(
                "a worker process died while making radiographs (out of memory?); try fewer workers"
            ) from error
        except BaseException:
            # Wait for the workers, which would otherwise write files after the clean-up.
            pool.shutdown(cancel_futures=True)
            raise


def _check(
    cases: int, seed: int, layout: str, difficulty: float, gaze_quality: float, long_side_px: int, workers: int
) -> None:
    if cases < 1:
        raise SourceError(f"cases must be 1 or more, got {cases}")
    if seed < 0:
        raise SourceError(f"seed must be 0 or more, got {seed}")
    if layout not in LAYOUTS:
        raise SourceError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    if not 0 <= difficulty <= 1:
        raise SourceError(f"difficulty must lie in 0..1, got {difficulty}")
    if not 0 <= gaze_quality <= MAX_GAZE_QUALITY:
        raise SourceError(f"gaze_quality must lie in 0..{MAX_GAZE_QUALITY:g}, got {gaze_quality}")
    if not MIN_LONG_SIDE_PX <= long_side_px <= FULL_LONG_SIDE_PX:
        raise SourceError(f"long_side_px must lie in {MIN_LONG_SIDE_PX}..{FULL_LONG_SIDE_PX}, got {long_side_px}")
    if workers < 1:
        raise SourceError(f"workers must be 1 or more, got {workers}")


def _notice(cases: int, seed: int, difficulty: float, gaze_quality: float, long_side_px: int) -> str:
    try:
        made_by = f"egaze {version('egaze')}"
    except PackageNotFoundError:
        made_by = "egaze"
    return (
        "Everything in this folder is synthetic: phantom radiographs, invented readers, made-up ids. It shows no\n"
        "person, says nothing about any patient, and cannot tell how a model does on real radiographs.\n\n"
        f"made by: {made_by}\ncases: {cases}\nseed: {seed}\n"
        f"difficulty: {difficulty}\nlong_side_px: {long_side_px}\n"
        f"reader_version: {READER_VERSION}\ngaze_quality: {gaze_quality}\n\n"
        "findings/ holds the true finding masks (255 where the signs are), for evaluation only.\n"
    )
