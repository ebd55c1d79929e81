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
from egaze.sources.synthetic import egd_layout, reflacx_layout, table_layout
from egaze.sources.synthetic.anatomy import draw_body
from egaze.sources.synthetic.disease import CLASSES, draw_signs
from egaze.sources.synthetic.phantom import Phantom, draw_pose, make_phantom
from egaze.sources.synthetic.plan import FULL_LONG_SIDE_PX, CasePlan, case_seeds, patient_seeds, plan_cases
from egaze.sources.synthetic.reader import Scanpath, draw_scanpath
from egaze.sources.synthetic.rows import CaseRows


class Layout(Protocol):
    """The interface of the modules for data set layouts."""

    def places(self, out: Path) -> tuple[Path, Path]: ...
    def prepare(self, folder: Path, plans: Sequence[CasePlan]) -> None: ...
    def write_radiograph(self, folder: Path, plan: CasePlan, radiograph: Phantom) -> None: ...
    def reading(
        self, plan: CasePlan, radiograph: Phantom, scanpath: Scanpath, rng: np.random.Generator
    ) -> CaseRows: ...
    def write_tables(
        self, folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int
    ) -> None: ...


LAYOUTS: dict[str, Layout] = {"egd-cxr": egd_layout, "reflacx": reflacx_layout, "table": table_layout}
DEFAULT_LONG_SIDE_PX = 1024
MIN_LONG_SIDE_PX = 64


@dataclass(frozen=True, slots=True)
class SyntheticSummary:
    """A twin on disk.

    Attributes:
        out: the folder.
        layout: "egd-cxr", "reflacx" or "table".
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
            with the same tree, "table" for plain tables with 16-bit PNG files.
        difficulty: 0 (plain signs) to 1 (signs within the range of normal variation).
        long_side_px: the long side of a radiograph in pixels; 3056 is that of real radiographs.
        eye_gaze: also write eye_gaze.csv, the samples of the tracker at 60 Hz; only for the layout "egd-cxr".
        workers: the number of processes; 1 works in this process.
        progress: called with (radiographs done, radiographs in all) after each radiograph.

    Raises:
        SourceError: an argument out of range.
        EgazeError: `out` exists and is not empty, or is not writable.
    """
    _check(cases, seed, layout, difficulty, long_side_px, workers)
    if eye_gaze and layout != "egd-cxr":
        raise SourceError(f"eye_gaze must be False with the layout {layout!r}: only egd-cxr has eye_gaze.csv")
    out = Path(out)
    plans = plan_cases(cases, seed, long_side_px)
    with new_directory(out) as folder:
        LAYOUTS[layout].prepare(folder, plans)
        jobs = [_Job(plan, seed, difficulty, layout, folder) for plan in plans]
        readings = []
        for done, reading in enumerate(_run(jobs, workers), start=1):
            readings.append(reading)
            if progress is not None:
                progress(done, cases)
        LAYOUTS[layout].write_tables(folder, plans, readings, seed)
        if eye_gaze:
            egd_layout.write_eye_gaze(folder, plans, readings, seed)
        (folder / SYNTHETIC_MARKER).write_text(_notice(cases, seed, difficulty, long_side_px), encoding="utf-8")
    tables, images = LAYOUTS[layout].places(out)
    radiographs = {label: sum(plan.label == label for plan in plans) for label in CLASSES}
    patients = len({plan.patient_id for plan in plans})
    return SyntheticSummary(out, layout, tables, images, out / "findings", radiographs, patients)


@dataclass(frozen=True, slots=True)
class _Job:
    plan: CasePlan
    seed: int
    difficulty: float
    layout: str
    folder: Path


def _make(job: _Job) -> CaseRows:
    """Make one case, in any process: everything is drawn from the seed and the index."""
    plan = job.plan
    pose_seed, signs_seed, radiograph_seed, gaze_seed, sheet_seed = case_seeds(job.seed, plan.index).spawn(5)
    body = draw_body(np.random.default_rng(patient_seeds(job.seed, plan.patient)))
    pose = draw_pose(np.random.default_rng(pose_seed), body, plan.rows_px >= plan.columns_px)
    signs = draw_signs(np.random.default_rng(signs_seed), plan.label, job.difficulty)
    radiograph = make_phantom(body, pose, signs, (plan.rows_px, plan.columns_px), radiograph_seed)
    scanpath = draw_scanpath(radiograph, np.random.default_rng(gaze_seed))
    layout = LAYOUTS[job.layout]
    layout.write_radiograph(job.folder, plan, radiograph)
    return layout.reading(plan, radiograph, scanpath, np.random.default_rng(sheet_seed))


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


def _check(cases: int, seed: int, layout: str, difficulty: float, long_side_px: int, workers: int) -> None:
    if cases < 1:
        raise SourceError(f"cases must be 1 or more, got {cases}")
    if seed < 0:
        raise SourceError(f"seed must be 0 or more, got {seed}")
    if layout not in LAYOUTS:
        raise SourceError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    if not 0 <= difficulty <= 1:
        raise SourceError(f"difficulty must lie in 0..1, got {difficulty}")
    if not MIN_LONG_SIDE_PX <= long_side_px <= FULL_LONG_SIDE_PX:
        raise SourceError(f"long_side_px must lie in {MIN_LONG_SIDE_PX}..{FULL_LONG_SIDE_PX}, got {long_side_px}")
    if workers < 1:
        raise SourceError(f"workers must be 1 or more, got {workers}")


def _notice(cases: int, seed: int, difficulty: float, long_side_px: int) -> str:
    try:
        made_by = f"egaze {version('egaze')}"
    except PackageNotFoundError:
        made_by = "egaze"
    return (
        "Everything in this folder is synthetic: phantom radiographs, invented readers, made-up ids. It shows no\n"
        "person, says nothing about any patient, and cannot tell how a model does on real radiographs.\n\n"
        f"made by: {made_by}\ncases: {cases}\nseed: {seed}\n"
        f"difficulty: {difficulty}\nlong_side_px: {long_side_px}\n\n"
        "findings/ holds the true finding masks (255 where the signs are), for evaluation only.\n"
    )
