"""Soft parts: trunk, neck, arms, breasts, lungs, heart and mediastinum, airways, abdomen.

Every function returns a (H, W) layer in centimetres of water, or of air for the lungs.
"""

from __future__ import annotations

import math

import numpy as np

from egaze.sources.synthetic.anatomy import SIDES, Body, Chest
from egaze.sources.synthetic.attenuation import Attenuation, chord, smoothstep


def trunk(canvas: Attenuation, body: Body) -> np.ndarray:
    """Trunk, neck and upper arms as one solid body without cavities."""
    x, y = canvas.x_cm, canvas.y_cm
    half = body.half_width_cm + 1.2 + body.fat_cm
    flank = half * (1 + 0.05 * smoothstep(y, 6, 22) - 0.03 * np.exp(-(((y - 8) / 5) ** 2)))
    belly = 1 + 0.28 * smoothstep(y, 4, 14)
    thickness = body.depth_cm * belly * chord(x / flank)
    # Shoulders: the trunk's upper edge slopes from the neck to the shoulder tips.
    out = np.abs(x)
    slope = np.interp(out[0], [0, 4.5, 7, 11, 16, 20, 24], [-17.5, -16.6, -15.2, -13.6, -12.4, -10.5, -5.0])[None, :]
    below = y - (slope + body.shoulder_drop_cm) * np.float32(body.size)
    # Near the top only muscle is left, which is thinner than the chest.
    thickness *= np.sqrt(np.clip(below / 9.0, 0, 1))
    neck = 14.5 * body.size * chord(x / (5.8 * body.size + 0.5 * body.fat_cm))
    neck = neck * smoothstep(y, -8, -14)
    thickness = np.maximum(thickness, neck)
    muscle = 10.5 * body.size * np.sqrt(np.clip(below / 5.0, 0, 1)) * chord((y + 8.5) / 9.0) * smoothstep(out, 24, 17)
    muscle = muscle * smoothstep(out, 5, 11)
    thickest: np.ndarray = np.maximum(thickness, muscle)
    return thickest.astype(np.float32)


def arms(canvas: Attenuation, body: Body, spread_deg: tuple[float, float]) -> np.ndarray:
    """The upper arms, which hang beside the trunk; where both are in the beam the thicker one counts."""
    layer = np.zeros(canvas.shape, np.float32)
    radius = 4.3 * body.size + 0.35 * body.fat_cm
    for side, angle in zip(SIDES, np.deg2rad(spread_deg).tolist(), strict=True):
        top_x, top_y = side * (body.half_width_cm + 4.6), -8.0 + body.shoulder_drop_cm
        dx, dy = side * math.sin(angle), math.cos(angle)
        rows, columns = canvas.window(side * 8.0, side * 30.0, top_y - 5, 30)
        x, y = canvas.x_cm[:, columns] - top_x, canvas.y_cm[rows] - top_y
        layer[rows, columns] = 1.9 * radius * chord((x * dy - y * dx) / radius) * smoothstep(x * dx + y * dy, -3.5, 1)
    return layer


def breasts(canvas: Attenuation, body: Body, rng: np.random.Generator) -> np.ndarray:
    """Breast shadows, with a gradual upper and a sharp lower edge."""
    layer = np.zeros(canvas.shape, np.float32)
    if body.breast_cm <= 0.5:
        return layer
    for side in SIDES:
        centre_x = side * (0.60 * body.half_width_cm + rng.normal(0, 0.3) + 0.12 * body.breast_cm)
        centre_y = body.breast_y_cm + rng.normal(0, 0.3)
        wide, tall = 0.40 * body.half_width_cm + 0.25 * body.breast_cm, 4.6 + 0.35 * body.breast_cm
        rows, columns = canvas.window(centre_x - wide, centre_x + wide, centre_y - tall, centre_y + tall)
        across, down = (canvas.x_cm[:, columns] - centre_x) / wide, (canvas.y_cm[rows] - centre_y) / tall
        # A half-disc's chord to the power 0.8, with its square root taken once.
        bulge = np.maximum(1 - across**2 - down**2, 0) ** np.float32(0.4)
        layer[rows, columns] += body.breast_cm * bulge * smoothstep(down, -0.9, 0.6)
    return layer


def lung_air(canvas: Attenuation, chest: Chest) -> np.ndarray:
    """Air in the beam, in centimetres: both lungs, down into the recess behind the diaphragm."""
    air = np.zeros(canvas.shape, np.float32)
    deep = 0.66 * math.sqrt(20.5 * chest.body.depth_cm)
    y = canvas.y_cm[:, 0]
    for side in SIDES:
        rows, columns = canvas.window(0.0, side * 16.0, chest.body.apex_y_cm - 0.5, 22)
        wall = chest.wall_x_cm(y[rows], side)[:, None]
        out = side * canvas.x_cm[:, columns]
        medial = smoothstep(out, 0.6, 2.6)
        profile = np.sqrt(chord(np.minimum(out / np.maximum(wall, 0.05), 1)))
        dome = chest.diaphragm_y_cm(canvas.x_cm[0, columns], side)[None, :]
        below = canvas.y_cm[rows] - dome
        # The visible edge is the front of the diaphragm; behind it the lung extends further down and fades out.
        above = 0.80 * smoothstep(below, 0.12, -0.12) + 0.20 * np.clip(1 - np.maximum(below, 0) / 3.5, 0, 1)
        apex = smoothstep(canvas.y_cm[rows], chest.body.apex_y_cm - 0.5, chest.body.apex_y_cm + 9)
        tall = 0.55 + 0.45 * apex
        # Each apex is a dome, which descends towards the midline.
        inward = np.clip(5.6 * chest.body.size - out, 0, None)
        top = chest.body.apex_y_cm + 0.12 * inward**2.1
        above = above * smoothstep(canvas.y_cm[rows] - top, -0.1, 0.35)
        air[rows, columns] += deep * profile * medial * above * tall
    return air


def mediastinum(canvas: Attenuation, chest: Chest) -> tuple[np.ndarray, np.ndarray]:
    """Great vessels and heart: their thickness, and the share (0 to 1) of the lungs' air they displace."""
    y = canvas.y_cm
    right, left = (chest.border_x_cm(y[:, 0], side)[:, None] for side in SIDES)
    centre, half = (left + right) / 2, (left - right) / 2
    offset = (canvas.x_cm - centre) / half
    # Flat-topped, so that the border reads as an edge against the lung.
    profile = np.sqrt(np.clip(1 - np.abs(offset) ** 2.6, 0, 1))
    heart = smoothstep(y, 0, 5)
    thick = (1.6 + 1.2 * heart) * chest.body.size
    layer = profile * thick * smoothstep(y, -19, -10)
    # Below the diaphragm the heart ends; there is abdomen in its place.
    end = max(chest.dome_y_cm) + 2.0
    share = profile * smoothstep(y, chest.body.apex_y_cm, chest.body.apex_y_cm + 2)
    return (layer * smoothstep(y, end + 2.5, end - 1)).astype(np.float32), (share * (0.72 + 0.14 * heart)).astype(
        np.float32
    )


def aorta(canvas: Attenuation, chest: Chest) -> np.ndarray:
    """Aortic knob and the edge of the descending aorta beside the spine."""
    body = chest.body
    layer = np.zeros(canvas.shape, np.float32)
    rows, columns = canvas.window(-4, 8, -9, 14)
    x, y = canvas.x_cm[:, columns], canvas.y_cm[rows]
    knob_x = 1.4 * body.size + 0.35 * body.knob_cm + chest.axial_shift_cm * 0.4
    knob = chord(np.hypot((x - knob_x) / (1.9 + 0.4 * body.knob_cm), (y + 3.5) / (1.7 + 0.3 * body.knob_cm)))
    edge = chest.spine_x_cm(y[:, 0])[:, None] + 1.9 + 0.3 * body.knob_cm
    descending = chord((x - edge + 1.3) / 1.3) * smoothstep(y, -3.5, -2) * smoothstep(y, 13, 10)
    layer[rows, columns] = 1.3 * knob + 1.0 * descending
    return layer


def airways(canvas: Attenuation, chest: Chest) -> np.ndarray:
    """Air in the trachea and main bronchi."""
    full = np.zeros(canvas.shape, np.float32)
    rows, columns = canvas.window(-7, 7, -22, 8)
    x, y = canvas.x_cm[:, columns], canvas.y_cm[rows]
    size = chest.body.size
    lean = -0.35 - 0.25 * chest.body.knob_cm
    middle = chest.axial_shift_cm * 0.35 + lean * np.exp(-(((y + 3.5) / 3) ** 2))
    half = 0.85 * size
    layer = 3.6 * half * chord((x - middle) / half) * smoothstep(y, 0.5, -0.6) * smoothstep(y, -21, -18)
    for side, drop, length in ((-1, 1.35, 2.6), (1, 0.75, 4.2)):
        along = side * (x - chest.axial_shift_cm * 0.35)
        off = (y + 0.5 - along * drop) / math.hypot(1, drop)
        bronchus = (
            2.4 * 0.6 * chord(off / (0.6 * size)) * smoothstep(along, 0, 0.6) * smoothstep(along, length, length - 1.4)
        )
        layer = np.maximum(layer, bronchus)
    full[rows, columns] = layer
    return full


def bowel_gas(canvas: Attenuation, chest: Chest, rng: np.random.Generator) -> np.ndarray:
    """Air in the stomach under the left dome, often with a fluid level, and some in the colon."""
    layer = np.zeros(canvas.shape, np.float32)
    dome = chest.dome_cm(1)
    if rng.random() < 0.7:
        wide, tall = rng.uniform(2.0, 4.2), rng.uniform(1.2, 2.8)
        centre_x, top = rng.uniform(4.5, 8.5), dome + rng.uniform(0.9, 1.6)
        rows, columns = canvas.window(centre_x - wide, centre_x + wide, top, top + 2 * tall)
        x, y = canvas.x_cm[:, columns], canvas.y_cm[rows]
        bubble = chord(np.hypot((x - centre_x) / wide, (y - top - tall) / tall))
        if rng.random() < 0.5:
            bubble = bubble * smoothstep(y, top + 1.35 * tall + 0.15, top + 1.35 * tall - 0.15)
        layer[rows, columns] += rng.uniform(3.0, 6.5) * bubble
    for _ in range(int(rng.integers(0, 3))):
        _colon(canvas, layer, rng.choice([-9.0, 8.0, 10.0]) + rng.normal(0, 1.5), dome + rng.uniform(4, 10), rng)
    return layer


def _colon(canvas: Attenuation, layer: np.ndarray, x_cm: float, y_cm: float, rng: np.random.Generator) -> None:
    """A clump of small bubbles that run into each other."""
    rows, columns = canvas.window(x_cm - 6, x_cm + 6, y_cm - 5, y_cm + 5)
    part = layer[rows, columns]
    for _ in range(int(rng.integers(3, 8))):
        across = (canvas.x_cm[:, columns] - x_cm - rng.normal(0, 1.6)) / rng.uniform(0.6, 1.6)
        down = (canvas.y_cm[rows] - y_cm - rng.normal(0, 1.1)) / rng.uniform(0.5, 1.2)
        np.maximum(part, rng.uniform(0.8, 2.2) * np.exp(-((across**2 + down**2) ** 1.5)), out=part)
