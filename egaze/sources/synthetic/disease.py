"""Signs of disease: what each class adds to a chest, how strongly, and where.

Signs and normal variation overlap on purpose. A normal heart may be wide on a shallow breath, a normal base
may be dense, an angle may be blunted by an old scar; heart failure may be mild and a pneumonia faint.
`difficulty` moves the signs towards the normal range and widens that range.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from egaze.sources.synthetic.anatomy import SIDES, Chest
from egaze.sources.synthetic.attenuation import Attenuation, chord, cloud, smoothstep

NORMAL, CHF, PNEUMONIA = "Normal", "CHF", "pneumonia"
CLASSES = (NORMAL, CHF, PNEUMONIA)


@dataclass(frozen=True, slots=True)
class Opacity:
    """One focal opacity in the body's frame; `fill` is the share of the air it replaces at its core."""

    x_cm: float
    y_cm: float
    half_width_cm: float
    half_height_cm: float
    fill: float
    air_bronchogram: bool


@dataclass(frozen=True, slots=True)
class Signs:
    """What is drawn in one radiograph in addition to the healthy body."""

    label: str
    heart_width: float
    upper_width: float
    fluid_cm: tuple[float, float]
    haze: tuple[float, float]  # share of air replaced around the right and left hilum
    haze_reach_cm: float
    upper_vessels: float
    vessels: float
    septal_lines: float
    base_density: tuple[float, float]  # crowding of the bases, independent of the class
    bands: int  # plate-like atelectasis, independent of the class
    opacity: Opacity | None


def draw_signs(rng: np.random.Generator, label: str, difficulty: float) -> Signs:
    """Draw the signs of one radiograph of class `label`."""
    strength = float(np.interp(difficulty, [0, 0.5, 1], [2.3, 1.65, 0.7]))
    spread = float(np.interp(difficulty, [0, 0.5, 1], [0.5, 0.85, 1.3]))
    heart = rng.normal(1.0, 0.06 * spread)
    fluid = np.where(rng.random(2) < 0.10 * spread, rng.uniform(0.2, 0.9, 2), 0.0)
    haze = np.abs(rng.normal(0, 0.035 * spread, 2))
    upper, vessels = rng.normal(1.0, 0.06 * spread), rng.normal(1.0, 0.07 * spread)
    septal = 0.0
    if label == CHF:
        # One severity determines all signs, each with some scatter, as in patients.
        severity = rng.uniform(0.45, 1.35) * strength
        heart += 0.17 * severity + rng.normal(0, 0.05)
        fluid = fluid + np.clip(rng.normal(0.95 * severity - 0.15, 0.65, 2), 0, 2.6)
        haze = haze + np.clip(severity * rng.normal(0.20, 0.06) * rng.uniform(0.75, 1.25, 2), 0.02, 0.6)
        upper += 0.28 * severity
        vessels += 0.16 * severity
        septal = max(0.0, severity * rng.normal(0.6, 0.35))
    opacity = _draw_opacity(rng, strength) if label == PNEUMONIA else None
    if opacity is not None and rng.random() < 0.2:
        side = 0 if opacity.x_cm < 0 else 1
        fluid[side] += rng.uniform(0.2, 1.2)
    return Signs(
        label=label,
        heart_width=float(np.clip(heart, 0.84, 1.75)),
        upper_width=float(np.clip(rng.normal(1.0, 0.08 * spread) + (0.06 if label == CHF else 0), 0.85, 1.35)),
        fluid_cm=(float(fluid[0]), float(fluid[1])),
        haze=(float(haze[0]), float(haze[1])),
        haze_reach_cm=float(rng.uniform(4.2, 6.5)),
        upper_vessels=float(np.clip(upper, 0.8, 1.8)),
        vessels=float(np.clip(vessels, 0.8, 1.6)),
        septal_lines=float(septal),
        base_density=tuple(np.clip(rng.normal(0.04, 0.06 * spread, 2), 0, 0.25).tolist()),
        bands=int(rng.random() < 0.22 * spread) + int(rng.random() < 0.1),
        opacity=opacity,
    )


def _draw_opacity(rng: np.random.Generator, strength: float) -> Opacity:
    """A focal opacity anywhere in either lung: the lower zones and the space behind the heart included."""
    side = SIDES[int(rng.integers(2))]
    size = float(np.clip(rng.lognormal(np.log(3.5), 0.28), 1.9, 5.6))
    return Opacity(
        x_cm=float(side * rng.uniform(3.2, 10.6)),
        y_cm=float(rng.uniform(-8.0, 8.8)),
        half_width_cm=size * float(rng.uniform(0.85, 1.3)),
        half_height_cm=size * float(rng.uniform(0.75, 1.15)),
        fill=float(np.clip(rng.normal(0.50, 0.11) * strength, 0.10, 0.95)),
        air_bronchogram=bool(rng.random() < 0.45),
    )


def settle(opacity: Opacity, chest: Chest) -> Opacity:
    """The opacity, moved if necessary so that its core lies in the lung of this chest."""
    side = -1 if opacity.x_cm < 0 else 1
    top = chest.body.apex_y_cm + 2.5
    low = float(chest.diaphragm_y_cm(np.array([opacity.x_cm]), side)[0]) - 0.6 * opacity.half_height_cm
    y_cm = float(np.clip(opacity.y_cm * chest.body.size, top, low))
    wall = float(chest.wall_x_cm(np.array([y_cm]), side)[0])
    inner, outer = 2.8, max(wall - 0.45 * opacity.half_width_cm, 3.4)
    return replace(opacity, x_cm=side * float(np.clip(abs(opacity.x_cm), inner, outer)), y_cm=y_cm)


def consolidation(canvas: Attenuation, opacity: Opacity, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two (H, W) layers: the share of air that a pneumonia replaces, and its untextured extent in [0, 1].

    The opacity is irregular and ill-defined at its edge, as airspace disease is.
    """
    layer, extent = (np.zeros(canvas.shape, np.float32) for _ in range(2))
    reach_x, reach_y = 2.2 * opacity.half_width_cm, 2.2 * opacity.half_height_cm
    rows, columns = canvas.window(
        opacity.x_cm - reach_x, opacity.x_cm + reach_x, opacity.y_cm - reach_y, opacity.y_cm + reach_y
    )
    x = (canvas.x_cm[:, columns] - opacity.x_cm) / opacity.half_width_cm
    y = (canvas.y_cm[rows] - opacity.y_cm) / opacity.half_height_cm
    distance = np.hypot(x, y)
    lumps = cloud(rng, distance.shape, 5, 4)
    shape = smoothstep(distance + 0.24 * lumps, 1.35, 0.45) * smoothstep(distance, 2.15, 1.6)
    texture = np.clip(1 + 0.16 * cloud(rng, distance.shape, 14, 3), 0.4, 1.4)
    density = shape * texture
    if opacity.air_bronchogram:
        side = -1 if opacity.x_cm < 0 else 1
        density = density * (1 - 0.4 * _air_bronchogram(x, y, side, rng) * shape)
    layer[rows, columns] = np.clip(opacity.fill * density, 0, 1)
    extent[rows, columns] = shape
    return layer, extent


def _air_bronchogram(x: np.ndarray, y: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Dark airways in a consolidation, 0 to 1: they enter from the hilar side and fan out.

    `x` and `y` are offsets from its centre in units of its half-extents.
    """
    gaps = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    along = side * x + 1.1
    for lean in (-0.45, 0.05, 0.5):
        slope = lean + float(rng.normal(0, 0.12))
        entry, wave = float(rng.normal(0, 0.08)), float(rng.uniform(0.03, 0.07))
        across = y - entry - slope * along - wave * np.sin(4 * along + 6 * slope)
        thin = 0.055 - 0.012 * np.clip(along, 0, 2.5)
        fade = smoothstep(along, 0.1, 0.4) * smoothstep(along, 2.0, 1.4)
        np.maximum(gaps, np.exp(-((across / thin) ** 2)) * fade, out=gaps)
    return gaps


def perihilar_haze(canvas: Attenuation, chest: Chest, signs: Signs, rng: np.random.Generator) -> np.ndarray:
    """(H, W) share of air replaced by oedema: bat wings round the hila, lower more than upper, patchy."""
    layer = np.zeros(canvas.shape, np.float32)
    for side, amount in zip(SIDES, signs.haze, strict=True):
        hilum_x, hilum_y = chest.hilum_cm(side)
        rows, columns = canvas.window(side * 0.5, side * 15.0, -13, 15)
        x = (canvas.x_cm[:, columns] - hilum_x - side * 0.8) / signs.haze_reach_cm
        y = (canvas.y_cm[rows] - hilum_y - 1.6) / (1.25 * signs.haze_reach_cm)
        patch = np.clip(1 + 0.28 * cloud(rng, np.broadcast_shapes(x.shape, y.shape), 7, 3), 0.2, 2)
        layer[rows, columns] = amount * np.exp(-(x**2 + y**2)) * patch
    return np.clip(layer, 0, 0.9)


def crowded_bases(canvas: Attenuation, chest: Chest, signs: Signs) -> np.ndarray:
    """(H, W) share of air lost to a shallow breath above each diaphragm."""
    layer = np.zeros(canvas.shape, np.float32)
    for side, amount in zip(SIDES, signs.base_density, strict=True):
        rows, columns = canvas.window(0.0, side * 16.0, -2, 18)
        layer[rows, columns] = amount * smoothstep(
            canvas.y_cm[rows], chest.dome_cm(side) - 6.5, chest.dome_cm(side) + 0.5
        )
    return layer


def plates(canvas: Attenuation, chest: Chest, signs: Signs, rng: np.random.Generator) -> np.ndarray:
    """(H, W) centimetres of water: thin bands of atelectasis in the bases, in any class."""
    layer = np.zeros(canvas.shape, np.float32)
    for _ in range(signs.bands):
        side = SIDES[int(rng.integers(2))]
        x = side * rng.uniform(5, 9.5)
        y = chest.dome_cm(side) - rng.uniform(0.8, 4)
        tilt = side * rng.normal(0.1, 0.2)
        along = canvas.x_cm - x
        across = canvas.y_cm - y - tilt * along
        length = rng.uniform(1.2, 3.0)
        layer += rng.uniform(0.5, 1.2) * np.exp(-((across / 0.13) ** 2)) * chord(np.minimum(np.abs(along) / length, 1))
    return layer


def septal_lines(canvas: Attenuation, chest: Chest, signs: Signs, rng: np.random.Generator) -> np.ndarray:
    """(H, W) centimetres of water: short horizontal lines at the lateral bases (Kerley B)."""
    layer = np.zeros(canvas.shape, np.float32)
    if signs.septal_lines <= 0.05:
        return layer
    for side in SIDES:
        for _ in range(round(10 * signs.septal_lines)):
            y = chest.angle_y_cm(side) - rng.uniform(1.5, 7.5)
            wall = float(chest.wall_x_cm(np.array([y]), side)[0])
            length = rng.uniform(0.8, 1.8)
            rows, columns = canvas.window(side * (wall - length), side * (wall - 0.1), y - 0.6, y + 0.6)
            tilt = rng.normal(0, 0.12)
            across = canvas.y_cm[rows] - y - tilt * (canvas.x_cm[:, columns] - side * wall)
            layer[rows, columns] += 0.42 * np.exp(-((across / 0.07) ** 2))
    return layer


def finding_mask(canvas: Attenuation, chest: Chest, signs: Signs, extent: np.ndarray, air: np.ndarray) -> np.ndarray:
    """(H, W) bool, the mask of the signs of the class, for evaluation only.

    `extent` is the extent of the opacity or haze of the class, `air` is the lungs' air in centimetres. A
    normal radiograph has none; heart failure has its haze, its fluid and the heart; pneumonia has its opacity.
    """
    mask = np.zeros(canvas.shape, bool)
    if signs.label == NORMAL or (signs.label == PNEUMONIA and signs.opacity is None):
        return mask
    lung = air > 0.5
    mask |= lung & (extent > 0.4 * extent.max())
    if signs.label == CHF:
        y = canvas.y_cm
        right, left = (chest.border_x_cm(y[:, 0], side)[:, None] for side in SIDES)
        mask |= (canvas.x_cm > right) & (canvas.x_cm < left) & (y > 1) & (y < max(chest.dome_y_cm) + 1)
        for side, fluid in zip(SIDES, signs.fluid_cm, strict=True):
            if fluid > 0.25:
                wall = chest.wall_x_cm(y[:, 0], side)[:, None]
                out = side * canvas.x_cm
                deep = (y > chest.angle_y_cm(side) - 1.2 - 1.6 * fluid) & (y < chest.angle_y_cm(side) + 0.3)
                mask |= deep & (out < wall) & (out > wall - 2.4 - 0.8 * fluid)
    return mask
