"""The files of one case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from egaze.pictures.animation import Animation, Playback
from egaze.pictures.case_gaze import CaseGaze
from egaze.pictures.movie import HOLD_S, write_gif, write_mp4
from egaze.pictures.overlay import draw_heatmap, draw_overlay
from egaze.pictures.scanpath_plot import draw_scanpath

#: What can be written of a case: the pictures, and the heatmap's values.
KINDS = ("heatmap", "overlay", "scanpath", "array")

_DPI = 150


def write_case(case_gaze: CaseGaze, folder: Path, kinds: Sequence[str], playback: Playback | None) -> dict[str, str]:
    """Write one case's files into a folder, which is made.

    Args:
        case_gaze: the case.
        folder: its folder.
        kinds: some of KINDS.
        playback: how its animation runs, or None for no animation.

    Returns:
        Each kind's file name.

    Raises:
        StudyError: a heatmap that cannot be drawn, or an animation that is too long.
        EgazeError: ffmpeg fails.
    """
    folder.mkdir(parents=True)
    files: dict[str, str] = {}
    heatmap = case_gaze.heatmap()
    if "heatmap" in kinds:
        files["heatmap"] = _save(draw_heatmap(case_gaze, heatmap), folder / "heatmap.png")
    if "overlay" in kinds:
        files["overlay"] = _save(draw_overlay(case_gaze, heatmap), folder / "overlay.png")
    if "scanpath" in kinds:
        files["scanpath"] = _save(draw_scanpath(case_gaze), folder / "scanpath.png")
    if "array" in kinds:
        np.save(folder / "heatmap.npy", heatmap)
        files["array"] = "heatmap.npy"
    if playback is not None:
        files["animation"] = _animate(Animation(case_gaze, playback), playback.settled(), folder)
    return files


def _save(figure: Figure, path: Path) -> str:
    # Neither date nor versions: the same study gives the same bytes. Level 6 takes twice as long for 8 % less.
    figure.savefig(path, dpi=_DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
    return path.name


def _animate(animation: Animation, playback: Playback, folder: Path) -> str:
    path = folder / f"gaze.{playback.file_format}"
    if playback.file_format == "mp4":
        write_mp4(path, animation.frames(), shape=animation.shape, fps=playback.fps)
    else:
        begins = (animation.times_s - animation.times_s[0]) / playback.speed
        seconds = [*begins, begins[-1] + HOLD_S]
        write_gif(path, animation.frames(), samples=animation.samples(), seconds=seconds)
    return path.name
