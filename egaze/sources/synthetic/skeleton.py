"""Bones: ribs as tubes on tilted rings, spine, clavicles, shoulder blades and upper arms.

Tubes are drawn as shells of points, so that cortical edges, and the bright lines where ribs curve around the side of
the chest, follow from the projection.
"""

from __future__ import annotations

import numpy as np

from egaze.sources.synthetic.anatomy import SIDES, Body, Chest
from egaze.sources.synthetic.attenuation import Attenuation, Points, chord, convolve_small, joined, smoothstep

_RIBS = 10
_SHELL = 30  # points around a tube


def skeleton(
    canvas: Attenuation, chest: Chest, rng: np.random.Generator, arm_spread_deg: tuple[float, float]
) -> np.ndarray:
    """All bones as one (H, W) layer in centimetres of water."""
    points = [_ribs(chest, rng), _clavicles(chest, rng), _upper_arms(chest.body, arm_spread_deg)]
    x_cm, y_cm, mass = joined(points)
    layer = canvas.splat(x_cm, y_cm, mass)
    layer = convolve_small(layer, 0.9)
    layer += _spine(canvas, chest)
    layer += _shoulder_blades(canvas, chest, rng)
    layer *= np.float32(chest.body.bone)
    return layer


def _tube(
    x_cm: np.ndarray,
    y_cm: np.ndarray,
    half_x_cm: np.ndarray,
    half_y_cm: np.ndarray,
    wall_cm: float,
    length_cm: np.ndarray,
) -> Points:
    """The points of an elliptical tube along a path: a shell for the cortex and a fainter filling for the marrow.

    `half_x_cm, half_y_cm` is the projected half-extent, (n, 2) each: two basis vectors of the cross-section.
    """
    # The sample points are rotated from step to step, so that they do not form lines along the bone.
    turn = (np.arange(x_cm.size) * 0.618034) % 1.0
    angle = ((np.arange(_SHELL)[None, :] + turn[:, None]) * (2 * np.pi / _SHELL)).astype(np.float32)
    x_cm, y_cm, half_x_cm, half_y_cm, length_cm = (
        np.asarray(values, np.float32) for values in (x_cm, y_cm, half_x_cm, half_y_cm, length_cm)
    )
    cosine, sine = np.cos(angle), np.sin(angle)
    parts = []
    for radius, share in ((1.0, 1.0), (0.62, 0.45)):
        first, second = radius * cosine, radius * sine
        px = x_cm[:, None] + half_x_cm[:, :1] * first + half_x_cm[:, 1:] * second
        py = y_cm[:, None] + half_y_cm[:, :1] * first + half_y_cm[:, 1:] * second
        girth = 2 * np.pi * 0.6  # about the circumference of a rib
        mass = np.broadcast_to((share * wall_cm * girth / _SHELL * length_cm)[:, None], px.shape)
        parts.append((px.ravel(), py.ravel(), mass.ravel()))
    return joined(parts)


def _ribs(chest: Chest, rng: np.random.Generator) -> Points:
    body = chest.body
    angle = np.linspace(np.deg2rad(6), np.deg2rad(148), 420)
    sine, cosine = np.sin(angle), np.cos(angle)
    pieces = []
    spacing = (2.2 + 0.02 * (chest.dome_cm(-1) - 10)) * body.size
    for side in SIDES:
        for number in range(1, _RIBS + 1):
            start_y = body.apex_y_cm + 0.5 + spacing * (number - 1) + rng.normal(0, 0.08)
            depth = np.interp(number, [1, 3, 6, 11], [3.6, 6.4, 8.4, 8.0]) * body.size
            tilt = body.rib_tilt * np.interp(number, [1, 4, 8, 11], [0.75, 0.9, 1.05, 1.6])
            lateral_y = start_y + tilt * depth
            reach = float(chest.wall_x_cm(np.array([lateral_y]), side)[0]) - 0.05
            if number <= 2:
                reach = max(reach, 5.2 * body.size + 1.6 * (number - 1))
            last = np.deg2rad(np.interp(number, [1, 2, 7, 8, 9, 10], [150, 148, 140, 122, 98, 84]))
            x = side * (reach * sine) + chest.spine_x_cm(np.array([start_y]))[0] * np.clip(cosine, 0, 1)
            arch = np.interp(number, [1, 8, 11], [0.75, 0.75, 0.1]) * np.sin(np.clip(2.2 * angle, 0, np.pi))
            y = start_y + tilt * depth * (1 - cosine) - arch
            step = np.hypot(np.gradient(x), np.gradient(y))
            depth_step = depth * np.abs(sine) * (angle[1] - angle[0])
            length = np.hypot(step, depth_step)
            tall = np.interp(number, [1, 3, 8, 11], [0.80, 0.70, 0.68, 0.55]) * body.size
            thin = 0.34 * body.size
            # One basis vector points out of the ring, the other along the body's axis, leaning forward.
            half_x = np.stack([side * thin * sine, np.zeros_like(x) + side * 0.12 * tall * cosine], axis=1)
            half_y = np.stack([-thin * tilt * cosine * 0.4, tall * (0.97 - 0.12 * cosine)], axis=1)
            # Ribs end in cartilage in front, so they fade out there.
            fade = smoothstep(angle, last, last - np.deg2rad(14)) * smoothstep(angle, 0.05, 0.25)
            mineral = (
                0.27
                * np.interp(number, [7, 10], [1, 0.6])
                * (1 - 0.2 * smoothstep(angle, 1.5, 2.0) - 0.45 * np.exp(-(((angle - 1.57) / 0.35) ** 2)))
            )
            grain = 1 + 0.10 * rng.standard_normal(angle.shape)
            pieces.append(_tube(x, y, half_x, half_y, 1.0, mineral * length * fade * grain))
    return joined(pieces)


def _clavicles(chest: Chest, rng: np.random.Generator) -> Points:
    body = chest.body
    t = np.linspace(0, 1, 300)
    pieces = []
    for side in SIDES:
        rise = rng.normal(2.6, 0.7) - body.shoulder_drop_cm * 0.6
        x = side * (1.9 + 13.6 * t) * body.size + chest.axial_shift_cm * 0.9 * (1 - t)
        y = body.apex_y_cm + 3.0 - rise * t + 0.7 * np.sin(2 * np.pi * t) * np.sin(np.pi * t) * 1.2
        thick = (0.72 - 0.16 * np.sin(np.pi * t) + 0.35 * np.exp(-((t / 0.09) ** 2))) * body.size
        slope = np.gradient(y, x)
        half_x = np.stack([np.zeros_like(x), -slope * thick / np.hypot(1, slope)], axis=1)
        half_y = np.stack([np.zeros_like(x), thick / np.hypot(1, slope)], axis=1)
        length = np.hypot(np.gradient(x), np.gradient(y))
        pieces.append(_tube(x, y, half_x, half_y, 1.0, 0.32 * length * smoothstep(t, 0, 0.03)))
    return joined(pieces)


def _upper_arms(body: Body, spread_deg: tuple[float, float]) -> Points:
    t = np.linspace(0, 1, 900)
    pieces = []
    for side, angle in zip(SIDES, np.deg2rad(spread_deg), strict=True):
        top_x, top_y = side * (body.half_width_cm + 3.9), -9.6 + body.shoulder_drop_cm
        dx, dy = side * np.sin(angle), np.cos(angle)
        x, y = top_x + 34 * t * dx, top_y + 34 * t * dy
        thick = (1.25 + 1.25 * np.exp(-(((t - 0.04) / 0.045) ** 2))) * body.size
        half_x, half_y = np.stack([0 * t, dy * thick], 1), np.stack([0 * t, -dx * thick], 1)
        head = np.sqrt(np.clip(t / 0.04, 0, 1))
        pieces.append(
            _tube(
                x,
                y,
                half_x * head[:, None],
                half_y * head[:, None],
                1.0,
                0.62 * head * 34 / 900 * np.ones_like(t),
            )
        )
    return joined(pieces)


def _spine(canvas: Attenuation, chest: Chest) -> np.ndarray:
    body = chest.body
    layer = np.zeros(canvas.shape, np.float32)
    rows, columns = canvas.window(-6, 6, -25, 26)
    y = canvas.y_cm[rows]
    x = canvas.x_cm[:, columns] - chest.spine_x_cm(y[:, 0])[:, None]
    half = np.interp(y, [-25, -12, 0, 14, 26], [1.5, 1.6, 1.75, 2.1, 2.4]).astype(np.float32) * body.size
    column = 1.7 * np.sqrt(np.clip(1 - np.abs(x / half) ** 3.5, 0, 1))
    tops, top, pitch = [], -25.0, 1.75
    while top < 26:
        tops.append((top, pitch))
        top += pitch * body.size
        pitch += 0.045
    for top, pitch in tops:
        tall = pitch * body.size
        local = (y >= top - 0.4) & (y < top + tall + 0.4)
        part = np.flatnonzero(local[:, 0])
        if part.size == 0:
            continue
        sub = slice(part[0], part[-1] + 1)
        down = y[sub] - top
        disc = np.exp(-((down / 0.17) ** 2))
        plate = np.exp(-(((down - 0.28) / 0.10) ** 2)) + np.exp(-(((down + 0.28) / 0.10) ** 2))
        column[sub] *= 1 - 0.38 * disc + 0.13 * plate
        for side in SIDES:
            ring = np.hypot((x[sub] - side * 0.62 * half[sub]) / 0.36, (down - 0.36 * tall) / 0.5)
            column[sub] += 0.55 * np.exp(-(((ring - 0.8) / 0.3) ** 2))
            process = np.hypot((x[sub] - side * 1.35 * half[sub]) / 0.9, (down - 0.32 * tall) / 0.34)
            column[sub] += 0.5 * chord(np.minimum(process, 1))
        spinous = np.hypot(x[sub] / 0.28, (down - 0.72 * tall) / 0.55)
        column[sub] += 0.75 * chord(np.minimum(spinous, 1))
    layer[rows, columns] = column
    return layer


def _shoulder_blades(canvas: Attenuation, chest: Chest, rng: np.random.Generator) -> np.ndarray:
    body = chest.body
    layer = np.zeros(canvas.shape, np.float32)
    for side in SIDES:
        rows, columns = canvas.window(side * 5.0, side * 24.0, -14, 6)
        out = side * canvas.x_cm[:, columns]
        y = canvas.y_cm[rows] - body.shoulder_drop_cm
        rim = body.half_width_cm + body.scapula_shift_cm + rng.normal(0, 0.3)
        bottom = 1.6 + rng.normal(0, 0.8)
        depth = np.clip((y + 11) / (bottom + 11), 0, 1)
        inner = rim - 3.4 + 2.6 * depth**1.6
        outer = rim + 3.0 - 3.1 * depth**0.8
        inside = smoothstep(out, inner - 0.15, inner + 0.15) * smoothstep(out, outer + 0.15, outer - 0.15)
        inside = inside * smoothstep(y, -11.3, -10.8) * smoothstep(y, bottom + 0.1, bottom - 0.3)
        edge = np.exp(-(((out - outer + 0.2) / 0.28) ** 2)) + 0.35 * np.exp(-(((out - inner - 0.1) / 0.16) ** 2))
        edge = edge * smoothstep(y, -9.5, -8) * smoothstep(y, bottom, bottom - 0.6)
        blade = 0.35 * inside + 0.95 * edge
        # Spine of the scapula and acromion: a bar above the joint; coracoid: a knob beside it.
        bar = (
            np.exp(-(((y + 10.4 + 0.12 * (out - rim)) / 0.5) ** 2))
            * smoothstep(out, rim - 3, rim)
            * smoothstep(out, rim + 5.2, rim + 4.4)
        )
        knob = chord(np.minimum(np.hypot((out - rim - 1.4) / 0.8, (y + 9.0) / 1.0), 1))
        layer[rows, columns] += blade + 0.8 * bar + 0.8 * knob
    return layer
