"""Pulmonary vessels: two trees that branch from the hila and become thinner towards the pleura."""

from __future__ import annotations

import numpy as np

from egaze.sources.synthetic.anatomy import SIDES, Chest
from egaze.sources.synthetic.attenuation import Attenuation, Points, convolve_small, joined

# The number of sample points along a branch, by generation; the first branches are long.
_ALONG = (48, 36, 26, 18, 12, 10)
_ACROSS = np.linspace(-0.9, 0.9, 13)

# The directions of the lobar vessels at a hilum, in degrees from lateral, positive downwards, and calibres in cm.
_LOBAR = np.array([(-78, 0.60), (-50, 0.66), (-20, 0.52), (8, 0.55), (34, 0.74), (56, 0.92), (74, 0.86), (88, 0.6)])


def pulmonary_vessels(
    canvas: Attenuation, chest: Chest, rng: np.random.Generator, upper_gain: float, gain: float
) -> np.ndarray:
    """(H, W) centimetres of blood. `upper_gain` > 1 widens the upper-lobe vessels (redistribution)."""
    pieces = [_tree(chest, side, rng, upper_gain, gain) for side in SIDES]
    x_cm, y_cm, mass = joined(pieces)
    return convolve_small(canvas.splat(x_cm, y_cm, mass), 0.7)


def hilar_knots(canvas: Attenuation, chest: Chest, rng: np.random.Generator, gain: float) -> np.ndarray:
    """The hila: clusters of large vessels seen partly end on."""
    layer = np.zeros(canvas.shape, np.float32)
    for side in SIDES:
        hilum_x, hilum_y = chest.hilum_cm(side)
        for _ in range(9):
            offset_x, offset_y = rng.normal(0.3 * side, 0.75), rng.normal(0.4, 1.1)
            radius = rng.uniform(0.35, 0.95) * gain
            x, y = hilum_x + offset_x, hilum_y + offset_y
            rows, columns = canvas.window(x - 3, x + 3, y - 3, y + 3)
            distance = ((canvas.x_cm[:, columns] - x) ** 2 + (canvas.y_cm[rows] - y) ** 2) / radius**2
            layer[rows, columns] += 1.5 * radius * np.exp(-distance)
    return layer


def _tree(chest: Chest, side: int, rng: np.random.Generator, upper_gain: float, gain: float) -> Points:
    count = len(_LOBAR)
    heading = np.deg2rad(_LOBAR[:, 0]) + rng.normal(0, 0.10, count)
    calibre = _LOBAR[:, 1] * rng.normal(1, 0.12, count) * chest.body.vessel_scale
    calibre = calibre * np.where(_LOBAR[:, 0] < 0, upper_gain, 1.0) * gain
    start_x = np.full(count, chest.hilum_cm(side)[0]) + rng.normal(0, 0.3, count)
    start_y = np.full(count, chest.hilum_cm(side)[1]) + rng.normal(0, 0.3, count)
    length = rng.uniform(1.8, 3.2, count) * chest.body.size
    pieces = []
    for along in _ALONG:
        bend = rng.normal(0, 0.22, heading.shape)
        t = np.linspace(0, 1, along)[None, :]
        turn = heading[:, None] + bend[:, None] * (t - 0.3)
        step = length[:, None] / along
        x = start_x[:, None] + side * np.cumsum(np.cos(turn) * step, axis=1)
        y = start_y[:, None] + np.cumsum(np.sin(turn) * step, axis=1)
        radius = calibre[:, None] * 0.5 * (1 - 0.22 * t)
        px = x[:, :, None] - (side * np.sin(turn) * radius)[:, :, None] * _ACROSS
        py = y[:, :, None] + (np.cos(turn) * radius)[:, :, None] * _ACROSS
        # The path of the beam through a round vessel, sampled at a few offsets from its middle.
        mass = (radius**2 * step)[:, :, None] * (8 / _ACROSS.size) * np.sqrt(1 - _ACROSS**2)
        pieces.append((px.ravel(), py.ravel(), mass.ravel()))
        # Branches split unevenly: a thick child continues and a thin one turns off.
        split = rng.uniform(0.25, 0.6, heading.shape)
        lean = np.where(rng.random(heading.shape) < 0.5, 1, -1)
        end_heading = heading + 0.7 * bend
        start_x, start_y = np.tile(x[:, -1], 2), np.tile(y[:, -1], 2)
        heading = np.concatenate([end_heading - 0.4 * split * lean, end_heading + 1.1 * split * lean])
        heading = np.clip(heading, -1.75, 1.75)
        calibre = np.concatenate([calibre * 0.83, calibre * 0.66])
        length = np.concatenate([length, length]) * rng.uniform(0.62, 0.98, heading.shape)
    return joined(pieces)
