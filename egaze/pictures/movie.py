"""Writing frames to a file: MP4 by ffmpeg, GIF by Pillow."""

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

#: The time for which the last frame of a GIF is shown before it starts again.
HOLD_S = 2.0

# The last of a GIF's 256 colours marks pixels that have not changed since the previous frame. The greys for the
# radiograph are 4 apart, the resolution at which Pillow looks up colours, and end with white.
_TRANSPARENT = 255
_GREYS = (*range(0, 252, 4), 255)


def ffmpeg_program() -> str | None:
    """The ffmpeg that matplotlib is configured to use, or that of the package imageio-ffmpeg, or None."""
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
        frames: (H, W, 3) RGB, consumed one at a time.
        shape: (H, W), both even.
        fps: frames per second.

    Raises:
        EgazeError: ffmpeg is not found, or fails.
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
    # Errors go to a file rather than a pipe, which would not be read while frames are written.
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors)
        assert process.stdin is not None
        try:
            for frame in frames:
                process.stdin.write(np.ascontiguousarray(frame).tobytes())
        except BrokenPipeError:
            pass  # the exit status gives the reason
        except BaseException:
            process.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            status = process.wait()
        if status != 0:
            errors.seek(0)
            lines = errors.read(2000).decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise EgazeError(f"{program}: could not write a video (exit status {status}): {lines[0]}")


def write_gif(path: Path, frames: Iterable[Frame], *, samples: Sequence[Frame], seconds: Sequence[float]) -> None:
    """Write a GIF that repeats endlessly. All frames share a palette, so unchanged pixels take little space.

    Pillow holds all frames in memory, with one byte per pixel, until it writes them.

    Args:
        path: a new file.
        frames: (H, W, 3) RGB.
        samples: the frames from which the colours of the palette are taken.
        seconds: the times at which each frame begins, rising, and the last one ends; rounded to 1/100 s.
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
    """A palette of greys and of the colours of (N, 3) pixels, weighted by their shades rather than their frequency."""
    shades = np.unique(pixels // 4, axis=0) * 4 + 2
    coloured = shades[np.ptp(shades.astype(int), axis=1) > 12]
    table = np.repeat(_GREYS, 3).tolist()
    if len(coloured):
        room = _TRANSPARENT - len(_GREYS)
        colours = Image.fromarray(coloured[None]).quantize(room, method=Image.Quantize.MEDIANCUT)
        table += (colours.getpalette() or [])[: 3 * room]
    picture = Image.new("P", (1, 1))
    # The rest of the palette is black.
    picture.putpalette(table + [0] * (3 * 256 - len(table)))
    return picture
