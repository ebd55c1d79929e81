"""One phantom radiograph: body, breath and signs combined, exposed, and resampled to the grid of the radiograph."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from egaze.sources.synthetic import devices, disease, organs, skeleton, vessels
from egaze.sources.synthetic.anatomy import Body, Chest
from egaze.sources.synthetic.attenuation import (
    ORIGIN_X_CM,
    ORIGIN_Y_CM,
    PIXELS_PER_CM,
    Attenuation,
    blur,
    cloud,
    resize_field,
)

WHITE = 4095  # 12 bits stored
_LUNG_DENSITY_LOSS = 0.74  # air-filled lung against water
_LONG_SIDE_CM = 42.5  # 3056 pixels of 0.139 mm


@dataclass(frozen=True, slots=True)
class Pose:
    """The position of the patient and the exposure, drawn for each radiograph."""

    dome_y_cm: tuple[float, float]
    axial_shift_cm: float
    tilt_deg: float
    zoom: float
    centre_cm: tuple[float, float]
    arm_spread_deg: tuple[float, float]
    exposure: float
    contrast: float
    flatten: float
    noise: float
    marker: bool
    collimation: tuple[float, float, float, float]  # left, top, right and bottom border as fractions of the radiograph


@dataclass(frozen=True, slots=True)
class Phantom:
    """A phantom radiograph and its origin.

    `pixels` (H, W) uint16 in 0..4095, MONOCHROME2 sense; `finding` (H, W) bool.
    """

    pixels: np.ndarray = field(repr=False)
    finding: np.ndarray = field(repr=False)
    chest: Chest
    signs: disease.Signs
    to_radiograph: np.ndarray  # (2, 3): x_px, y_px = to_radiograph @ (x_cm, y_cm, 1)

    def place(self, x_cm: np.ndarray, y_cm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centimetres in the body's frame to pixels of this radiograph."""
        x_cm, y_cm = np.asarray(x_cm, np.float64), np.asarray(y_cm, np.float64)
        a = self.to_radiograph
        return a[0, 0] * x_cm + a[0, 1] * y_cm + a[0, 2], a[1, 0] * x_cm + a[1, 1] * y_cm + a[1, 2]


def draw_pose(rng: np.random.Generator, body: Body, portrait: bool) -> Pose:
    """Draw the position, breath and exposure of one radiograph."""
    breath = float(np.clip(rng.normal(9.6, 1.15), 6.8, 12.4)) * body.size
    left_lower = float(np.clip(rng.normal(1.1, 0.5), -0.3, 2.6))
    closed = rng.random(4) < 0.12
    zoom = float(np.clip(rng.normal(1.0, 0.05), 0.92, 1.14))
    return Pose(
        dome_y_cm=(breath, breath + left_lower),
        axial_shift_cm=float(rng.normal(0, 0.45)),
        tilt_deg=float(np.clip(rng.normal(0, 1.6), -4.5, 4.5)),
        zoom=zoom if portrait else zoom * 0.97,
        centre_cm=(
            float(np.clip(rng.normal(0, 0.7), -1.6, 1.6)),
            float(np.clip(rng.normal(1.0 if portrait else 0.4, 0.8), -0.8, 2.4)),
        ),
        arm_spread_deg=tuple(np.clip(rng.normal(20, 9, 2), 4, 45).tolist()),
        exposure=float(rng.normal(0, 0.7)),
        contrast=float(np.clip(rng.normal(1.0, 0.13), 0.7, 1.35)),
        flatten=float(rng.uniform(0.25, 0.55)),
        noise=float(rng.uniform(0.6, 1.5)),
        marker=bool(rng.random() < 0.85),
        collimation=tuple(np.where(closed, rng.uniform(0.01, 0.05, 4), 0.0).tolist()),
    )


def make_phantom(
    body: Body, pose: Pose, signs: disease.Signs, shape: tuple[int, int], seeds: np.random.SeedSequence
) -> Phantom:
    """Make the radiograph of one body with its signs, of shape (H, W) = `shape`.

    `seeds` seeds textures and noise. Only the noise depends on the size of the radiograph.
    """
    texture, grain, hardware = (np.random.default_rng(child) for child in seeds.spawn(3))
    chest = stand(body, pose, signs)
    canvas, mask = _attenuation(chest, pose, signs, texture)
    devices.add_devices(canvas, chest, hardware)
    to_radiograph = _placement(pose, shape)
    pixels = _expose(canvas.attenuation, pose, to_radiograph, shape, grain)
    devices.add_marker(pixels, pose.marker, hardware)
    finding = _resample(mask.astype(np.float32), to_radiograph, shape, Image.Resampling.BILINEAR) > 0.5
    stored = np.clip(np.rint(pixels * WHITE), 0, WHITE).astype(np.uint16)
    return Phantom(stored, finding, chest, signs, to_radiograph)


def stand(body: Body, pose: Pose, signs: disease.Signs) -> Chest:
    """The chest as this radiograph shows it."""
    # In a shallow breath the heart lies more horizontally and looks wider without disease.
    shallow = 1 + 0.028 * (9.6 * body.size - pose.dome_y_cm[0])
    return Chest(
        body=body,
        dome_y_cm=pose.dome_y_cm,
        axial_shift_cm=pose.axial_shift_cm,
        heart_width=signs.heart_width * shallow,
        upper_width=signs.upper_width * (1 + 0.5 * (shallow - 1)),
        fluid_cm=signs.fluid_cm,
    )


def _attenuation(
    chest: Chest, pose: Pose, signs: disease.Signs, rng: np.random.Generator
) -> tuple[Attenuation, np.ndarray]:
    """The canvas with the whole body, and the mask of the signs."""
    canvas = Attenuation.blank()
    total = canvas.attenuation
    total += organs.trunk(canvas, chest.body)
    air = organs.lung_air(canvas, chest)
    heart, displaced = organs.mediastinum(canvas, chest)
    air *= 1 - displaced
    haze = disease.perihilar_haze(canvas, chest, signs, rng)
    extent = haze
    filled = haze + disease.crowded_bases(canvas, chest, signs)
    if signs.opacity is not None:
        opacity, extent = disease.consolidation(canvas, disease.settle(signs.opacity, chest), rng)
        filled = filled + opacity
    # Lung is never homogeneous: lobules, small airways, dependent density.
    mottle = 0.03 * cloud(rng, canvas.shape, 12, 5)
    depends = 0.05 * np.clip((canvas.y_cm - 2) / 10, -1, 1)
    total -= _LUNG_DENSITY_LOSS * air * np.clip(1 - filled - mottle - depends, 0.02, 1.15)
    total += heart + organs.aorta(canvas, chest)
    in_lung = np.clip(air / 4.0, 0, 1)
    blood = vessels.pulmonary_vessels(canvas, chest, rng, signs.upper_vessels, signs.vessels)
    blood += vessels.hilar_knots(canvas, chest, rng, signs.vessels)
    # Vessels are not visible inside opacities.
    total += in_lung * (blood * np.clip(1 - 0.9 * filled, 0, 1))
    total += in_lung * (disease.plates(canvas, chest, signs, rng) + disease.septal_lines(canvas, chest, signs, rng))
    total += organs.breasts(canvas, chest.body, rng)
    total -= 0.9 * organs.airways(canvas, chest)
    total -= 0.75 * organs.bowel_gas(canvas, chest, rng)
    bones = skeleton.skeleton(canvas, chest, rng, pose.arm_spread_deg)
    total += bones
    np.maximum(total, organs.arms(canvas, chest.body, pose.arm_spread_deg) + bones, out=total)
    # Muscle and fat have a texture of their own.
    total += 0.25 * cloud(rng, canvas.shape, 8, 4) * np.clip(total / 8, 0, 1)
    np.maximum(total, 0, out=total)
    return canvas, disease.finding_mask(canvas, chest, signs, extent, air)


def _placement(pose: Pose, shape: tuple[int, int]) -> np.ndarray:
    height, width = shape
    scale = pose.zoom * max(shape) / _LONG_SIDE_CM
    angle = np.deg2rad(pose.tilt_deg)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.concatenate([turn, (middle - turn @ np.array(pose.centre_cm))[:, None]], axis=1)


def _resample(
    layer: np.ndarray, to_radiograph: np.ndarray, shape: tuple[int, int], how: Image.Resampling
) -> np.ndarray:
    """Resample a layer of the canvas to the grid of the radiograph."""
    inverse = np.linalg.inv(to_radiograph[:, :2])
    # PIL needs the transform from output to input, in its corner-based pixel coordinates.
    start = inverse @ (np.array([-0.5, -0.5]) - to_radiograph[:, 2])
    origin = np.array([ORIGIN_X_CM, ORIGIN_Y_CM])
    step = inverse * PIXELS_PER_CM
    offset = (start + origin) * PIXELS_PER_CM
    image = Image.fromarray(np.ascontiguousarray(layer, np.float32))
    coefficients = (step[0, 0], step[0, 1], offset[0], step[1, 0], step[1, 1], offset[1])
    out = image.transform((shape[1], shape[0]), Image.Transform.AFFINE, coefficients, resample=how)
    return np.asarray(out, np.float32)


def _expose(
    attenuation: np.ndarray, pose: Pose, to_radiograph: np.ndarray, shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """From attenuation to grey in [0, 1]: scatter, processing, noise and the collimator."""
    # Digital systems compress the range between lung and abdomen and keep the detail.
    broad = blur(attenuation, 3.6 * PIXELS_PER_CM)
    detail = np.clip(attenuation - blur(attenuation, 0.45 * PIXELS_PER_CM), -0.9, 0.9)
    body = np.clip(attenuation / 6.0, 0, 1)
    processed = attenuation - pose.flatten * body * (broad - 12.0) + 0.45 * detail
    radiograph = _resample(processed, to_radiograph, shape, Image.Resampling.BICUBIC)
    radiograph = radiograph - np.float32(13.0 + pose.exposure)
    radiograph *= np.where(radiograph > 0, np.float32(0.68), np.float32(1)) * np.float32(pose.contrast / 3.5)
    grey = 1 / (1 + np.exp(-radiograph))
    # Quantum noise grows with attenuation; the detector blurs part of it.
    fine = rng.standard_normal(shape, np.float32)
    coarse_shape = (max(2, shape[0] // 2), max(2, shape[1] // 2))
    coarse = resize_field(rng.standard_normal(coarse_shape, np.float32), shape)
    grey += np.float32(0.006 * pose.noise) * (0.6 * fine + 0.8 * coarse) * (0.4 + 1.2 * grey)
    floor = 0.01 + 0.01 * rng.random()
    grey = floor + (1 - floor - 0.02) * grey
    return _collimate(grey.astype(np.float32), pose, floor)


def _collimate(grey: np.ndarray, pose: Pose, floor: float) -> np.ndarray:
    height, width = grey.shape
    left, top, right, bottom = pose.collimation
    grey[: round(top * height)] = floor
    grey[height - round(bottom * height) :] = floor
    grey[:, : round(left * width)] = floor
    grey[:, width - round(right * width) :] = floor
    return grey
