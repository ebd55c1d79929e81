"""Objects on a radiograph besides the patient: side markers, electrodes and leads, pacemakers, sternal wires.

They have the same probability in every class, so that they distract without being informative.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from egaze.sources.synthetic.anatomy import Chest
from egaze.sources.synthetic.attenuation import Attenuation, convolve_small, smoothstep

_METAL = 14.0  # the attenuation of one to two millimetres of metal, in centimetres of water

# The letter L as strokes in a unit box, (x, y) with y down.
_LETTER_L = (((0.15, 0.0), (0.15, 1.0)), ((0.15, 1.0), (0.8, 1.0)))


def add_devices(canvas: Attenuation, chest: Chest, rng: np.random.Generator) -> None:
    """Draw the devices of a radiograph, if it has any, on the canvas."""
    chance = rng.random(3)
    if chance[0] < 0.08:
        _pacemaker(canvas, chest, rng)
    if chance[1] < 0.10:
        _electrodes(canvas, rng)
    if chance[2] < 0.08:
        _sternal_wires(canvas, chest, rng)


def add_marker(grey: np.ndarray, wanted: bool, rng: np.random.Generator) -> None:
    """A lead letter L beside the patient's left shoulder, drawn in place on grey in [0, 1]."""
    height, width = grey.shape
    size = max(6, round(rng.uniform(0.030, 0.042) * max(height, width)))
    left = round(width * rng.uniform(0.90, 0.95)) - size // 2
    top = round(height * rng.uniform(0.02, 0.10))
    value, turn = rng.uniform(0.85, 0.99), np.deg2rad(rng.normal(0, 6))
    if not wanted:
        return
    rows = np.arange(top, min(top + 2 * size, height))
    columns = np.arange(max(left - size // 2, 0), min(left + 2 * size, width))
    x = (columns[None, :] - left) / size
    y = (rows[:, None] - top - size * 0.4) / size
    x, y = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    ink = np.zeros(x.shape, np.float32)
    for (x0, y0), (x1, y1) in _LETTER_L:
        t = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
        distance = np.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0))
        ink = np.maximum(ink, smoothstep(distance, 0.15, 0.09))
    patch = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    np.maximum(patch, value * ink, out=patch)


def _wire(canvas: Attenuation, points_cm: np.ndarray, width_cm: float, metal: float) -> None:
    """A smooth wire through a few points."""
    knots = np.linspace(0, 1, len(points_cm))
    t = np.linspace(0, 1, 900)
    path = CubicSpline(knots, points_cm)(t)
    length = np.hypot(np.gradient(path[:, 0]), np.gradient(path[:, 1]))
    layer = canvas.splat(path[:, 0], path[:, 1], metal * width_cm * length)
    canvas.attenuation[...] += convolve_small(layer, 0.9)


def _pacemaker(canvas: Attenuation, chest: Chest, rng: np.random.Generator) -> None:
    side = 1 if rng.random() < 0.85 else -1
    x, y = side * rng.uniform(7.5, 9.5), rng.uniform(-7.5, -5)
    distance = ((np.abs(canvas.x_cm - x) / 2.1) ** 3 + (np.abs(canvas.y_cm - y) / 1.9) ** 3) ** (1 / 3)
    canvas.attenuation[...] += (0.8 * _METAL * smoothstep(distance, 1.03, 0.97)).astype(np.float32)
    tip_x, tip_y = 4.5 * chest.heart_width, chest.dome_y_cm[1] - 1.2
    _wire(
        canvas,
        np.array([(x, y - 1.8), (side * 4.5, -10), (-1.8, -6), (-2.4, 1), (-2.0, 6), (tip_x, tip_y)]),
        0.16,
        0.7 * _METAL,
    )


def _electrodes(canvas: Attenuation, rng: np.random.Generator) -> None:
    for base_x, base_y in ((-9, -9), (9, -9), (-10, 7), (10, 8))[: int(rng.integers(2, 5))]:
        x, y = base_x + rng.normal(0, 1), base_y + rng.normal(0, 1)
        distance = np.hypot(canvas.x_cm - x, canvas.y_cm - y)
        canvas.attenuation[...] += 0.35 * _METAL * smoothstep(distance, 0.55, 0.45)
        out = 1 if x > 0 else -1
        middle = (x + 3 * out, y + rng.normal(3, 2))
        _wire(canvas, np.array([(x, y), middle, (x + 9 * out, y + rng.normal(8, 3))]), 0.12, 0.4 * _METAL)


def _sternal_wires(canvas: Attenuation, chest: Chest, rng: np.random.Generator) -> None:
    for row in range(5):
        y = -7.5 + 2.9 * row + rng.normal(0, 0.15)
        x = 0.8 * chest.axial_shift_cm + rng.normal(0, 0.12)
        angle = np.linspace(0, 2 * np.pi, 9)
        loop = np.stack([x + 0.75 * np.cos(angle) + 0.05 * row, y + 0.42 * np.sin(angle + 0.3)], axis=1)
        _wire(canvas, loop, 0.11, 0.75 * _METAL)
