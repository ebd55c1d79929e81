"""The body of a phantom: the measures of its chest and the curves that follow from them.

All lengths are centimetres in the body's frame: origin at the carina, x to the viewer's right (the patient's
left), y down. A side is -1 for the patient's right (the radiograph's left) and +1 for the patient's left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

SIDES = (-1, 1)

# Borders of the mediastinum and heart of an average chest, as (y, distance from the midline).
_LEFT_BORDER = np.array(
    [(-26, 4.2), (-17, 3.2), (-12, 2.5), (-8, 2.2), (-5.2, 2.5), (-3.6, 3.2), (-2.3, 2.9), (-1.2, 2.6),
     (0.4, 3.1), (2, 3.8), (4, 5.1), (6, 6.6), (8, 7.7), (9.6, 8.1), (11.2, 7.6),
     (13, 6.0), (16, 4.0), (27, 4.0)]
)  # fmt: skip
_RIGHT_BORDER = np.array(
    [(-26, 4.2), (-17, 3.2), (-12, 2.6), (-8, 2.5), (-4, 2.5), (-1, 2.7), (1, 3.0), (3, 3.5), (5, 3.9),
     (7, 4.0), (9, 3.6), (11, 3.0), (13, 2.6), (16, 2.6), (27, 3.0)]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """A person: the measures that are the same in all radiographs of a patient."""

    female: bool
    size: float  # linear scale of the skeleton, about 1
    half_width_cm: float  # inner half-width of the chest at its widest
    apex_y_cm: float  # top of the lungs, negative
    fat_cm: float  # soft tissue beside the ribs
    depth_cm: float  # thickness of the trunk in the beam
    breast_cm: float  # thickness of each breast; 0 for none
    breast_y_cm: float
    heart_scale: float  # width of the heart against an average one
    knob_cm: float  # bulge of the aortic arch
    vessel_scale: float
    bone: float  # mineral content, about 1
    rib_tilt: float
    spine_bend_cm: float
    scapula_shift_cm: float
    shoulder_drop_cm: float


@dataclass(frozen=True, slots=True)
class Chest:
    """A body at the time of one radiograph, with breath, rotation, and the size of the heart."""

    body: Body
    dome_y_cm: tuple[float, float]  # right, left top of the hemidiaphragm
    axial_shift_cm: float  # the mediastinum's sideways shift when the patient stands rotated
    heart_width: float  # factor on the heart's half-width
    upper_width: float  # factor on the width of the upper mediastinum
    fluid_cm: tuple[float, float]  # height of pleural fluid in the right and left angle

    def dome_cm(self, side: int) -> float:
        return self.dome_y_cm[0] if side < 0 else self.dome_y_cm[1]

    def angle_y_cm(self, side: int) -> float:
        """Depth of the costophrenic angle."""
        return self.dome_cm(side) + 3.6

    def wall_x_cm(self, y_cm: np.ndarray, side: int) -> np.ndarray:
        """Distance of the inner chest wall from the midline; 0 above the apex."""
        bottom = self.angle_y_cm(side)
        depth = np.clip((np.asarray(y_cm, np.float32) - self.body.apex_y_cm) / (bottom - self.body.apex_y_cm), 0, 1.15)
        rise = np.clip(1 - np.clip(1 - depth, 0, 1) ** 2.8, 0, 1) ** 0.53
        wall_x_cm: np.ndarray = self.body.half_width_cm * rise * (1 - 0.22 * np.clip(depth - 0.86, 0, None))
        return wall_x_cm

    def diaphragm_y_cm(self, x_cm: np.ndarray, side: int) -> np.ndarray:
        """Height of the hemidiaphragm, with its fluid, over columns at `x_cm`."""
        out = np.abs(np.asarray(x_cm, np.float32))
        summit = 0.47 * self.body.half_width_cm
        reach = self.body.half_width_cm - summit
        lateral = np.clip((out - summit) / reach, 0, 1.4)
        medial = np.clip((summit - out) / summit, 0, 1)
        y_cm = self.dome_cm(side) + 3.6 * lateral**2.3 + 1.1 * medial**2
        fluid = self.fluid_cm[0] if side < 0 else self.fluid_cm[1]
        if fluid > 0:
            climb = np.exp(-np.clip(self.body.half_width_cm - out, 0, None) / (0.9 + 0.75 * fluid))
            surface = self.angle_y_cm(side) - 0.9 * fluid - 1.3 * fluid * climb
            # A smooth minimum, so that the meniscus joins the dome without a corner.
            soft = 0.35
            y_cm = -soft * np.logaddexp(-y_cm / soft, -surface / soft)
        return y_cm

    def border_x_cm(self, y_cm: np.ndarray, side: int) -> np.ndarray:
        """x of the mediastinum's border on one side (signed), over rows at `y_cm`."""
        points = _RIGHT_BORDER if side < 0 else _LEFT_BORDER
        y_points, reach = points[:, 0].copy(), points[:, 1].copy()
        heart = _ramp(y_points, 0.5, 5.0)
        widen = self.heart_width * self.body.heart_scale
        # An enlarged heart extends mostly to the patient's left.
        gain = 1 + (widen - 1) * (1.0 if side > 0 else 0.75)
        reach *= 1 + heart * (gain - 1)
        reach *= 1 + (1 - _ramp(y_points, -2.5, 0.5)) * (self.upper_width - 1)
        if side > 0:
            reach += self.body.knob_cm * np.exp(-(((y_points + 3.6) / 1.2) ** 2))
        # The heart rests on the diaphragm: a deep breath makes it long, a shallow one lifts it.
        lift = self.dome_cm(side) - 10.0
        y_points = y_points + lift * _ramp(y_points, 0.0, 10.0) * (1 - _ramp(y_points, 17, 27))
        curve = PchipInterpolator(y_points, reach * self.body.size, extrapolate=True)
        shift = self.axial_shift_cm * (0.35 + 0.65 * _ramp(np.asarray(y_cm), -4, 8))
        border_x_cm: np.ndarray = side * curve(y_cm) + shift
        return border_x_cm.astype(np.float32)

    def spine_x_cm(self, y_cm: np.ndarray) -> np.ndarray:
        """The midline of the spine; rotation moves it in the direction opposite to the heart."""
        return (self.body.spine_bend_cm * np.sin(np.asarray(y_cm) / 9.0) - 0.25 * self.axial_shift_cm).astype(
            np.float32
        )

    def hilum_cm(self, side: int) -> tuple[float, float]:
        """Where the pulmonary vessels leave the mediastinum; the left hilum sits higher."""
        size = self.body.size
        return (side * 3.5 * size + 0.5 * self.axial_shift_cm, (0.9 if side < 0 else -0.1) * size)

    def heart_ratio(self) -> float:
        """Cardiothoracic ratio: the heart's widest reach, right plus left, over the chest's inner width."""
        y_cm = np.linspace(2, max(self.dome_y_cm) + 1, 60)
        reach = self.border_x_cm(y_cm, 1).max() - self.border_x_cm(y_cm, -1).min()
        return float(reach / (2 * self.body.half_width_cm))


def draw_body(rng: np.random.Generator) -> Body:
    """Draw a person at random."""
    female = bool(rng.random() < 0.5)
    habitus = float(rng.normal())  # slim below zero, stout above
    size = float(np.clip(rng.normal(0.955 if female else 1.0, 0.04), 0.84, 1.1))
    breast = float(np.clip(rng.normal(3.2 + 0.9 * habitus, 1.3), 0.4, 7.0)) if female else 0.0
    return Body(
        female=female,
        size=size,
        half_width_cm=float(np.clip(13.2 * size * rng.normal(1 + 0.015 * habitus, 0.03), 10.5, 15.2)),
        apex_y_cm=float(-11.8 * size + rng.normal(0, 0.6)),
        fat_cm=float(np.clip(2.0 + 0.9 * habitus + rng.normal(0, 0.3), 0.9, 5.0)),
        depth_cm=float(np.clip(20.5 + 2.2 * habitus + rng.normal(0, 1), 15.5, 28)),
        breast_cm=breast,
        breast_y_cm=float(4.6 + rng.normal(0, 1.2) + 0.5 * max(habitus, 0)),
        heart_scale=float(np.clip(rng.normal(1.0, 0.05), 0.86, 1.16)),
        knob_cm=float(np.clip(rng.normal(0.35, 0.35), -0.2, 1.3)),
        vessel_scale=float(np.clip(rng.normal(1, 0.15), 0.6, 1.5)),
        bone=float(np.clip(rng.normal(1, 0.2), 0.5, 1.5)),
        rib_tilt=float(np.clip(rng.normal(0.52, 0.07), 0.36, 0.7)),
        spine_bend_cm=float(rng.normal(0, 0.3)),
        scapula_shift_cm=float(rng.normal(0.8, 0.9)),
        shoulder_drop_cm=float(rng.normal(0, 0.9)),
    )


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
