"""fixations.csv of a reading in REFLACX, with the radiograph zoomed and panned on a 3840x2160 screen."""

from __future__ import annotations

import numpy as np
import polars as pl

from egaze.sources.synthetic.plan import CasePlan
from egaze.sources.synthetic.scanpath import Scanpath
from egaze.sources.synthetic.screen_fit import HEIGHT_PX, WIDTH_PX, ScreenFit

_SCREEN = (660, 0, 3840, 2160)  # the area of the radiograph, with buttons on its left
_PIXELS_PER_DEGREE = 94.0
_LOOKS_PER_VIEW = 12
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_SCALE = ("angular_resolution_x_pixels_per_degree", "angular_resolution_y_pixels_per_degree")


def fixation_table(plan: CasePlan, path: Scanpath, trap: str | None, rng: np.random.Generator) -> pl.DataFrame:
    """The fixations of one reading, without those that the tracker marked invalid.

    `trap` adds a row that must not be read as gaze: "zero_length", "copy", "blank" or
    "no_resolution".
    """
    fit = ScreenFit.of(plan.rows_px, plan.columns_px)
    x_px, y_px = fit.to_radiograph(path.screen_x[path.valid] * WIDTH_PX, path.screen_y[path.valid] * HEIGHT_PX)
    count = len(x_px)
    shown, zoom, window = _views(plan, x_px, y_px, rng)
    onset_s = path.onset_s[path.valid] - rng.uniform(-0.2, 0.6)  # the audio recording starts a little later
    screen = _placed(plan)
    # The resolution in degrees depends slightly on the position on the screen.
    radiograph_px_per_screen_px = plan.columns_px / (screen[2] - screen[0]) / zoom
    scale = _PIXELS_PER_DEGREE * radiograph_px_per_screen_px[:, None] * rng.normal(1.0, 0.02, (count, 2))
    table = pl.DataFrame(
        {
            "timestamp_start_fixation": onset_s.round(3),
            "timestamp_end_fixation": (onset_s + path.duration_s[path.valid]).round(3),
            "x_position": _whole(x_px),
            "y_position": _whole(y_px),
            "pupil_area_normalized": rng.normal(1.0, 0.06, count).round(3),
            **{name: _whole(scale[:, axis].clip(min=1)) for axis, name in enumerate(_SCALE)},
            "window_width": window[:, 0].round(5),
            "window_level": window[:, 1].round(5),
            **{f"{side}_shown_from_image": _whole(shown[:, place]) for place, side in enumerate(_SIDES)},
            **{f"{side}_in_screen_coordinates": [value] * count for side, value in zip(_SIDES, screen, strict=True)},
        }
    )
    return table if trap is None else pl.concat([table, _trapped(table[count // 2], trap)])


def _views(
    plan: CasePlan, x_px: np.ndarray, y_px: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(F, 4) parts shown, (F,) zoom, and (F, 2) width and level of the window, which change every few fixations.

    A reading begins with the whole radiograph; the second view is always zoomed, later ones sometimes.
    """
    count = len(x_px)
    size = np.array([plan.columns_px, plan.rows_px])
    shown, zoom, window = np.tile([0, 0, *size], (count, 1)).astype(float), np.ones(count), np.empty((count, 2))
    for view, start in enumerate(range(0, count, _LOOKS_PER_VIEW)):
        looks = slice(start, start + _LOOKS_PER_VIEW)
        factor, chance, grey = rng.uniform(1.3, 2.6), rng.random(), rng.uniform([0.6, 0.4], [1.0, 0.55])
        window[looks] = (0.99829, 0.49841) if view == 0 else grey
        if view == 1 or (view > 1 and chance < 0.3):
            zoom[looks] = factor
            centre = np.array([np.median(x_px[looks]), np.median(y_px[looks])])
            corner = np.clip(centre - size / factor / 2, 0, size - size / factor)
            shown[looks] = np.concatenate([corner, corner + size / factor])
    return shown, zoom, window


def _placed(plan: CasePlan) -> tuple[int, int, int, int]:
    """The position of the radiograph on the screen: centred, and as large as possible."""
    left, top, right, bottom = _SCREEN
    scale = min((right - left) / plan.columns_px, (bottom - top) / plan.rows_px)
    width, height = int(scale * plan.columns_px), int(scale * plan.rows_px)
    x, y = (left + right - width) // 2, (top + bottom - height) // 2
    return x, y, x + width, y + height


def _trapped(row: pl.DataFrame, trap: str) -> pl.DataFrame:
    if trap == "zero_length":
        return row.with_columns(timestamp_end_fixation="timestamp_start_fixation")
    if trap == "blank":
        return row.with_columns(pl.lit(None, pl.Int64).alias(name) for name in ("x_position", "y_position"))
    if trap == "no_resolution":
        return row.with_columns(pl.lit(0, pl.Int64).alias(_SCALE[0]))
    return row


def _whole(values: np.ndarray) -> np.ndarray:
    nearest: np.ndarray = np.rint(values)
    return nearest.astype(np.int64)
