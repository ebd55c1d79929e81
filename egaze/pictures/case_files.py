"""Writing the picture files of one case."""

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

#: The kinds of files of a case: pictures, and the values of the heatmap.
KINDS = ("heatmap", "overlay", "scanpath", "array")

_DPI = 150


def write_case(case_gaze: CaseGaze, folder: Path, kinds: Sequence[str], playback: Playback | None) -> dict[str, str]:
    """Write the files of one case into a new folder.

    Args:
        case_gaze: the case.
        folder: to be created.
        kinds: some of KINDS.
        playback: the settings of the animation, or None for no animation.

    Returns:
        The file name of each kind.

    Raises:
        StudyError: a heatmap that cannot be rasterized, or an animation that is too long.
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
    # Without date and versions, so that the same study gives the same bytes. Level 6 would take twice as long for files
    # that are 8 % smaller.
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
