"""`write_pictures`: gaze pictures of the cases of a study, with one folder per case."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.atomic import new_directory, require_free
from egaze.errors import EgazeError, StudyError
from egaze.pictures.animation import Playback, frame_times
from egaze.pictures.case_files import KINDS, write_case
from egaze.pictures.case_gaze import CaseGaze, HeatmapOptions, read_case
from egaze.pictures.output_names import safe_names
from egaze.progress import Progress
from egaze.study import Study, open_study
from egaze.study.splits import SPLITS

INDEX = "index.csv"
FACTS = "heatmaps.json"


@dataclass(frozen=True, slots=True)
class PicturesSummary:
    """A summary of the pictures written.

    Attributes:
        out: the folder.
        cases: the number of cases with pictures.
        without_gaze: the number of requested cases without fixations, for which there are no pictures.
        without_onsets: the number of cases without onsets, whose fixations are animated one after the other; 0 without
            animations.
        paced: of these, the number with relative durations, whose fixations are all shown for the same time.
        relative: the number of cases with relative durations.
        animation: the file name of the animations, or None.
    """

    out: Path
    cases: int
    without_gaze: int
    without_onsets: int
    paced: int
    relative: int
    animation: str | None


def write_pictures(
    study: Study,
    out: str | Path,
    cases: Sequence[int] | NDArray[np.int64],
    *,
    options: HeatmapOptions | None = None,
    kinds: Sequence[str] | None = None,
    playback: Playback | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> PicturesSummary:
    """Write pictures of the readers' gaze, and index.csv, which lists the files of each case.

    The folder exists as a whole or not at all. heatmap.npy is (size, size) float32 in seconds of dwell time, relative
    durations or fixations per pixel of the canvas. heatmaps.json records the options of the heatmaps.

    Args:
        study: the study; radiographs are shown at its resolution, with their own aspect ratio.
        out: a new folder, which gets one folder per case.
        cases: the indices of the cases; those without gaze are left out and counted.
        options: of the heatmaps; None for the defaults.
        kinds: the files to write for each case, some of "heatmap", "overlay", "scanpath" and "array"; None for all
            that the study allows. Without images it has no overlay, and scanpaths and animations are drawn on plain
            grey.
        playback: the settings of an animation of each case, or None for no animations.
        workers: the number of processes; 1 works in this process. The result does not depend on it.
        progress: called with (cases done, cases in all).

    Returns:
        A summary.

    Raises:
        StudyError: no case with gaze; an overlay of a study without images; a sigma in degrees for a case without
            pixels per degree; an animation that is too long, or with a window in seconds for gaze without times; an
            option out of range.
        EgazeError: `out` exists and is not empty, or is not writable; MP4 without ffmpeg.

    Example:
        >>> from egaze import open_study
        >>> from egaze.pictures import write_pictures
        >>> summary = write_pictures(open_study("study"), "pictures", [0], kinds=["overlay", "array"])
        >>> summary.cases, (summary.out / "index.csv").is_file()
        (1, True)
    """
    options = options or HeatmapOptions()
    kinds = possible_kinds(study) if kinds is None else kinds
    if "overlay" in kinds:
        study.require_images("an overlay")
    _check(kinds, playback, workers)
    out = Path(out)
    require_free(out)
    has_gaze = study.has_gaze
    shown = [int(index) for index in cases if has_gaze[index]]
    if not shown:
        raise StudyError(f"{study.path}: none of the cases asked for has gaze")
    playback = None if playback is None else playback.settled()
    without_onsets, paced = _inspect(study, shown, options, playback)
    names = safe_names(study.cases["case_id"][shown].to_list(), taken=(INDEX, FACTS))
    with new_directory(out) as folder:
        jobs = [
            _Job(study.path, index, folder / name, options, tuple(kinds), playback)
            for index, name in zip(shown, names, strict=True)
        ]
        rows = []
        for done, files in enumerate(_run(jobs, workers, study), start=1):
            rows.append(_row(study, jobs[done - 1], files))
            if progress is not None:
                progress(done, len(jobs))
        columns = list(dict.fromkeys(name for row in rows for name in row))
        pl.DataFrame({name: [row.get(name) for row in rows] for name in columns}).write_csv(folder / INDEX)
        facts = _facts(study, shown, options, playback)
        (folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    animation = None if playback is None else f"gaze.{playback.file_format}"
    relative = int(study.is_relative[shown].sum())
    return PicturesSummary(out, len(shown), len(cases) - len(shown), without_onsets, paced, relative, animation)


def possible_kinds(study: Study) -> tuple[str, ...]:
    """The kinds of files that a study allows: without images, those that show no radiograph.

    Example:
        >>> from egaze import open_study
        >>> from egaze.pictures import possible_kinds
        >>> possible_kinds(open_study("study"))
        ('heatmap', 'overlay', 'scanpath', 'array')
    """
    return tuple(kind for kind in KINDS if study.has_images or kind != "overlay")


@dataclass(frozen=True, slots=True)
class _Job:
    study: Path
    case_index: int
    folder: Path
    options: HeatmapOptions
    kinds: tuple[str, ...]
    playback: Playback | None


def _check(kinds: Sequence[str], playback: Playback | None, workers: int) -> None:
    if not kinds and playback is None:
        raise StudyError("there is nothing to write: choose pictures or an animation")
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise StudyError(f"pictures must be some of {', '.join(KINDS)}, got {unknown[0]!r}")
    if workers < 1:
        raise StudyError(f"workers must be 1 or more, got {workers}")


def _inspect(study: Study, shown: list[int], options: HeatmapOptions, playback: Playback | None) -> tuple[int, int]:
    """Check all cases before anything is drawn.

    Returns:
        The number of cases to animate that have no onsets, and of these the number with relative durations.
    """
    without_onsets = paced = 0
    for index in shown:
        case_gaze = read_case(study, index, options)
        if playback is not None:
            frame_times(case_gaze, playback)
            without_onsets += case_gaze.fixations.onset_s is None
            paced += case_gaze.is_paced
    return without_onsets, paced


def _write(job: _Job) -> dict[str, str]:
    return _write_case_of(job, read_case(_study(job.study), job.case_index, job.options))


def _write_case_of(job: _Job, case_gaze: CaseGaze) -> dict[str, str]:
    return write_case(case_gaze, job.folder, job.kinds, job.playback)


@lru_cache(maxsize=1)
def _study(path: Path) -> Study:
    """The study as opened in a worker process."""
    return open_study(path, check_images=False)


def _run(jobs: list[_Job], workers: int, study: Study) -> Iterator[dict[str, str]]:
    if min(workers, len(jobs)) == 1:
        for job in jobs:
            yield _write_case_of(job, read_case(study, job.case_index, job.options))
        return
    # Spawned, not forked, because the caller may have threads and locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        try:
            yield from pool.map(_write, jobs, chunksize=max(1, min(8, len(jobs) // (4 * workers))))
        except BrokenProcessPool as error:
            raise EgazeError("a worker process died while drawing (out of memory?); try fewer workers") from error
        except BaseException:
            # Wait for the workers, which would otherwise write files after the clean-up.
            pool.shutdown(cancel_futures=True)
            raise


def _row(study: Study, job: _Job, files: dict[str, str]) -> dict[str, object]:
    facts = study.cases.row(job.case_index, named=True)
    part = slice(study.offsets[job.case_index], study.offsets[job.case_index + 1])
    kinds = [*job.kinds, *(["animation"] if job.playback is not None else [])]
    return {
        "case_id": facts["case_id"],
        "label": facts["label"],
        "reader_id": facts["reader_id"],
        "split": SPLITS[study.splits.split_index[job.case_index]],
        "fixations": part.stop - part.start,
        "dwell_time_s": None
        if study.is_relative[job.case_index]
        else round(float(study.duration_s[part].sum(dtype="float64")), 4),
        **{kind: f"{job.folder.name}/{files[kind]}" if kind in files else None for kind in kinds},
    }


def _facts(study: Study, shown: list[int], options: HeatmapOptions, playback: Playback | None) -> dict[str, object]:
    size_px = options.size_px or study.image_size_px
    sigma = {key: value for key, value in options.kernel(size_px).items() if key != "weight"}
    return {
        "egaze_version": version("egaze"),
        "study_sha256": study.digest(),
        "synthetic": study.is_synthetic,
        "size_px": size_px,
        "fit": study.canvas.fit,
        **sigma,
        "weight": options.weight,
        "unit": _unit(study, shown, options),
        "animation": None if playback is None else asdict(playback),
    }


def _unit(study: Study, shown: list[int], options: HeatmapOptions) -> str:
    """The unit of the heatmaps' values."""
    if options.weight == "count":
        return "fixations per pixel"
    is_relative = study.is_relative[shown]
    if not is_relative.any():
        return "s per pixel"
    if is_relative.all():
        return "relative duration per pixel"
    return "s per pixel; relative duration per pixel in cases without dwell_time_s"
