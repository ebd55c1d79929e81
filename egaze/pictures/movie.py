"""Frames to a file: MP4 through ffmpeg, GIF through Pillow."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egaze.errors import EgazeError

Frame = NDArray[np.uint8]

#: The whole heatmap stays on the screen so long before a GIF begins again.
HOLD_S = 2.0

# Of a GIF's 256 colours the last stands for what has not changed since the frame before. The greys, for the radiograph,
# are a step of 4 apart, as finely as Pillow looks colours up, and end in white.
_TRANSPARENT = 255
_GREYS = (*range(0, 252, 4), 255)


def ffmpeg_program() -> str | None:
    """The ffmpeg that matplotlib is set to use, or the one of the package imageio-ffmpeg; None without either."""
    if found := shutil.which(str(matplotlib.rcParams["animation.ffmpeg_path"])):
        return found
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        return None
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def write_mp4(path: Path, frames: Iterable[Frame], *, shape: tuple[int, int], fps: int) -> None:
    """Write an H.264 video that browsers play.

    Args:
        path: a new file.
        frames: (H, W, 3) RGB, taken one at a time.
        shape: (H, W), both even.
        fps: frames a second.

    Raises:
        EgazeError: there is no ffmpeg, or it fails.
    """
    if (program := ffmpeg_program()) is None:
        raise EgazeError(f"{path}: MP4 needs ffmpeg, which is not found")
    height, width = shape
    command = [
        *(program, "-hide_banner", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "-"),
        *("-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-movflags", "+faststart", "-threads", "1"),
        *("-f", "mp4", str(path.absolute())),
    ]
    # A file and not a pipe takes its complaints: nobody empties a pipe while the frames are fed.
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints)
        assert process.stdin is not None
        try:
            for frame in frames:
                process.stdin.write(np.ascontiguousarray(frame).tobytes())
        except BrokenPipeError:
            pass  # its exit status says why
        except BaseException:
            process.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            status = process.wait()
        if status != 0:
            complaints.seek(0)
            said = complaints.read(2000).decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise EgazeError(f"{program}: could not write a video (exit status {status}): {said[0]}")


def write_gif(path: Path, frames: Iterable[Frame], *, samples: Sequence[Frame], seconds: Sequence[float]) -> None:
    """Write a GIF that runs for ever. All frames share one palette, so what does not change takes little space.

    Pillow holds all frames, a byte a pixel, until it writes them.

    Args:
        path: a new file.
        frames: (H, W, 3) RGB.
        samples: frames from which the palette's colours are taken.
        seconds: when each frame begins, rising, and when the last one ends; kept to 1/100 s.
    """
    palette = _palette(np.concatenate([sample.reshape(-1, 3) for sample in samples]))
    pictures = (Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    durations_ms = (np.diff(np.rint(np.asarray(seconds) * 100)) * 10).astype(int).tolist()
    first = next(pictures)
    first.save(
        path,
        format="GIF",
        save_all=True,
        append_images=pictures,
        duration=durations_ms,
        loop=0,
        optimize=True,
        transparency=_TRANSPARENT,
    )


def _palette(pixels: Frame) -> Image.Image:
    """Greys, and the colours of (N, 3) pixels, each as often as it has shades and not pixels."""
    shades = np.unique(pixels // 4, axis=0) * 4 + 2
    coloured = shades[np.ptp(shades.astype(int), axis=1) > 12]
    table = np.repeat(_GREYS, 3).tolist()
    if len(coloured):
        room = _TRANSPARENT - len(_GREYS)
        colours = Image.fromarray(coloured[None]).quantize(room, method=Image.Quantize.MEDIANCUT)
        table += (colours.getpalette() or [])[: 3 * room]
    picture = Image.new("P", (1, 1))
    # A palette is filled to its end: with black, where there are fewer colours.
    picture.putpalette(table + [0] * (3 * 256 - len(table)))
    return picture
