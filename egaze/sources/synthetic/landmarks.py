"""The places that a reader looks at and the anatomical boxes of a radiograph, derived from the chest drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egaze.sources.synthetic.anatomy import SIDES, Chest
from egaze.sources.synthetic.disease import CHF, PNEUMONIA, settle
from egaze.sources.synthetic.phantom import Phantom

#: (x1, x2, y1, y2) in pixels of the radiograph, by anatomical name.
Boxes = dict[str, tuple[int, int, int, int]]


@dataclass(frozen=True, slots=True)
class Place:
    """A point in the body's frame, in centimetres, with the spread of fixations around it."""

    name: str
    x_cm: float
    y_cm: float
    spread_cm: float
    weight: float = 1.0


def checklist(chest: Chest) -> list[Place]:
    """The places that a reader checks on every chest radiograph, in the order of textbooks."""
    size, wide = chest.body.size, chest.body.half_width_cm
    apex = chest.body.apex_y_cm
    places = [
        Place("trachea", 0.35 * chest.axial_shift_cm, -6.5 * size, 1.0),
        Place("aortic knob", 2.7 * size, -3.5 * size, 0.8),
        Place("carina", 0.0, 0.0, 1.0),
    ]
    for side, name in zip(SIDES, ("right", "left"), strict=True):
        dome = chest.dome_cm(side)
        border = float(chest.border_x_cm(np.array([0.62 * dome]), side)[0])
        angle_y = float(chest.diaphragm_y_cm(np.array([side * 0.93 * wide]), side)[0])
        hilum_x, hilum_y = chest.hilum_cm(side)
        places += [
            Place(f"{name} apex", side * 0.38 * wide, apex + 2.0, 1.0),
            Place(f"{name} upper zone", side * 0.52 * wide, apex + 6.0, 1.5),
            Place(f"{name} hilum", hilum_x + 0.7 * side, hilum_y + 0.3, 1.0),
            Place(f"{name} mid zone", side * 0.62 * wide, 1.0, 1.6),
            Place(f"{name} lower zone", side * 0.62 * wide, dome - 3.0, 1.6),
            Place(f"{name} heart border", border, 0.62 * dome, 0.8),
            Place(f"{name} diaphragm", side * 0.5 * wide, dome, 0.9),
            Place(f"{name} costophrenic angle", side * 0.93 * wide, angle_y - 0.4, 0.7),
        ]
    places += [
        Place("behind the heart", 2.6, chest.dome_cm(1) - 3.0, 1.1),
        Place("below the diaphragm", 5.5, chest.dome_cm(1) + 3.0, 1.5),
        Place("right shoulder", -wide - 2.0, apex + 1.5, 1.3),
        Place("left shoulder", wide + 2.0, apex + 1.5, 1.3),
        Place("right clavicle", -0.5 * wide, apex + 1.6, 1.2),
        Place("left clavicle", 0.5 * wide, apex + 1.6, 1.2),
    ]
    return places


def finding_places(radiograph: Phantom) -> list[Place]:
    """Where this radiograph's signs are, none on a normal radiograph. `weight` is how strongly a place draws the
    eye."""
    signs, chest = radiograph.signs, radiograph.chest
    if signs.label == PNEUMONIA and signs.opacity is not None:
        opacity = settle(signs.opacity, chest)
        spread = 0.42 * (opacity.half_width_cm + opacity.half_height_cm) / 2
        return [Place("opacity", opacity.x_cm, opacity.y_cm, spread)]
    if signs.label != CHF:
        return []
    named = {place.name: place for place in checklist(chest)}
    left, right = named["left heart border"], named["right heart border"]
    places = [
        Place("left heart border", left.x_cm, left.y_cm, 1.2, 1.0),
        Place("right heart border", right.x_cm, right.y_cm, 0.9, 0.5),
        Place("heart", 0.45 * left.x_cm, left.y_cm, 1.6, 0.6),
    ]
    for name, side, haze, fluid in zip(("right", "left"), SIDES, signs.haze, signs.fluid_cm, strict=True):
        hilum_x, hilum_y = chest.hilum_cm(side)
        places.append(Place(f"{name} haze", hilum_x + 1.6 * side, hilum_y + 1.5, 1.7, 0.3 + 2.5 * haze))
        if fluid > 0.25:
            angle = named[f"{name} costophrenic angle"]
            places.append(Place(angle.name, angle.x_cm, angle.y_cm, 0.9, 0.3 + 0.5 * fluid))
    return places


def anatomical_boxes(radiograph: Phantom) -> Boxes:
    """The boxes of the data set's 17 anatomical names, clipped to the radiograph."""
    chest = radiograph.chest
    size, wide, apex = chest.body.size, chest.body.half_width_cm, chest.body.apex_y_cm
    heart_y = np.linspace(1.0, max(chest.dome_y_cm) + 1.0, 40)
    right_edge, left_edge = (chest.border_x_cm(heart_y, side) for side in SIDES)
    boxes_cm = {
        "cardiac silhouette": (right_edge.min(), left_edge.max(), 0.5, max(chest.dome_y_cm) + 1.0),
        "upper mediastinum": (-2.7 * size, 3.2 * size, apex, 0.0),
        "trachea": (-1.3 * size, 1.3 * size, apex - 4.0, 0.3),
    }
    for side, name in zip(SIDES, ("right", "left"), strict=True):
        bottom = chest.angle_y_cm(side)
        lung = (0.8 * side, wide * side, apex, bottom)
        first, second = apex + (bottom - apex) / 3, apex + 2 * (bottom - apex) / 3
        hilum_x, hilum_y = chest.hilum_cm(side)
        boxes_cm |= {
            f"{name} lung": lung,
            f"{name} upper lung zone": (lung[0], lung[1], apex, first),
            f"{name} mid lung zone": (lung[0], lung[1], first, second),
            f"{name} lower lung zone": (lung[0], lung[1], second, bottom),
            f"{name} hilar structures": (hilum_x - 1.8, hilum_x + 1.8, hilum_y - 2.2, hilum_y + 3.0),
            f"{name} clavicle": (1.5 * side, 15.0 * size * side, apex - 1.2, apex + 4.0),
            f"{name} costophrenic angle": (
                (wide - 3.0) * side,
                (wide + 0.3) * side,
                bottom - 3.0,
                bottom + 0.3,
            ),
        }
    height, width = radiograph.pixels.shape
    boxes = {}
    for name, (x1, x2, y1, y2) in sorted(boxes_cm.items()):
        corner_x, corner_y = radiograph.place(np.array([x1, x2, x1, x2]), np.array([y1, y1, y2, y2]))
        columns = np.clip(np.rint([corner_x.min(), corner_x.max()]), 0, width - 1).astype(int)
        rows = np.clip(np.rint([corner_y.min(), corner_y.max()]), 0, height - 1).astype(int)
        boxes[name] = (int(columns[0]), int(columns[1]), int(rows[0]), int(rows[1]))
    return boxes
