"""Frames to a file: MP4 through ffmpeg, GIF through Pillow."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egaze.errors import EgazeError

Frame = NDArray[np.uint8]

#: The whole heatmap stays on the screen so long before a GIF begins again.
HOLD_S = 2.0

# Of a GIF's 256 colours: greys for the film, the last for what has not changed since the frame before.
_GREYS = 100
_TRANSPARENT = 255


def ffmpeg_program() -> str | None:
    """The ffmpeg that matplotlib is set to use, or the one of the package imageio-ffmpeg; None without either."""
    if found := shutil.which(matplotlib.rcParams["animation.ffmpeg_path"]):
        return found
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        return None
    import imageio_ffmpeg

    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        return None


def write_mp4(path: Path, frames: Iterable[Frame], *, shape: tuple[int, int], fps: int, program: str) -> None:
    """Write an H.264 video that browsers play.

    Args:
        path: a new file.
        frames: (H, W, 3) RGB, taken one at a time.
        shape: (H, W), both even.
        fps: frames a second.
        program: ffmpeg's path.

    Raises:
        EgazeError: ffmpeg fails.
    """
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
            process.stdin.close()
        except BrokenPipeError:
            pass  # its exit status says why
        except BaseException:
            process.kill()
            raise
        finally:
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
    """Greys for the film, in even steps, and colours for the gaze, each as often as it has shades, not pixels."""
    shades = np.unique(pixels // 4, axis=0) * 4 + 2
    coloured = shades[np.ptp(shades.astype(int), axis=1) > 12]
    chosen = np.linspace(0, 255, _TRANSPARENT if not len(coloured) else _GREYS).round().astype(np.uint8)
    table = np.repeat(chosen, 3).tolist()
    if len(coloured):
        colours = Image.fromarray(coloured[None]).quantize(_TRANSPARENT - _GREYS, method=Image.Quantize.MEDIANCUT)
        table += (colours.getpalette() or [])[: 3 * (_TRANSPARENT - _GREYS)]
    # Black again where there are fewer colours: a palette is filled to its end.
    picture = Image.new("P", (1, 1))
    picture.putpalette(table + [0] * (3 * 256 - len(table)))
    return picture
