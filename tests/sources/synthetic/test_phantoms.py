"""The radiographs: DICOM as real ones are, and pictures in which the signs can be measured."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from egaze.sources.synthetic.anatomy import Body, draw_body
from egaze.sources.synthetic.disease import CHF, CLASSES, NORMAL, PNEUMONIA, Signs, draw_signs
from egaze.sources.synthetic.phantom import Phantom, Pose, draw_pose, make_phantom, stand


@pytest.fixture(scope="module")
def headers(twin) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in twin.radiographs]


def test_twelve_bits_in_sixteen_and_no_clock(headers: list[pydicom.Dataset]) -> None:
    for radiograph in headers:
        assert (
            radiograph.BitsAllocated,
            radiograph.BitsStored,
            radiograph.HighBit,
            radiograph.PixelRepresentation,
        ) == (
            16,
            12,
            11,
            0,
        )
        pixels = radiograph.pixel_array
        assert pixels.dtype == np.uint16
        assert pixels.shape == (radiograph.Rows, radiograph.Columns)
        assert 1000 < int(pixels.max()) - int(pixels.min()) <= 4095
        assert pixels.max() <= 4095
        assert radiograph.SOPInstanceUID.startswith("2.25.")
        assert radiograph.SOPInstanceUID.is_valid
        assert radiograph.StudyInstanceUID.is_valid
        assert "Phantom" in str(radiograph.PatientName)
        assert radiograph.ViewPosition == "PA"
    assert len({radiograph.SOPInstanceUID for radiograph in headers}) == len(headers)


def test_presentations_and_sizes_are_mixed(headers: list[pydicom.Dataset]) -> None:
    kinds = [radiograph.PhotometricInterpretation for radiograph in headers]
    assert set(kinds) == {"MONOCHROME1", "MONOCHROME2"}
    assert kinds.count("MONOCHROME1") < len(kinds) / 4
    windows = [np.size(radiograph.WindowCenter) if "WindowCenter" in radiograph else 0 for radiograph in headers]
    assert set(windows) == {0, 1, 2}
    assert any(radiograph.Columns > radiograph.Rows for radiograph in headers)
    assert any(radiograph.Rows % 2 or radiograph.Columns % 2 for radiograph in headers)
    assert max(max(radiograph.Rows, radiograph.Columns) for radiograph in headers) == 256


def test_the_background_is_dark_once_inversion_and_window_are_undone(headers: list[pydicom.Dataset]) -> None:
    for radiograph in headers:
        pixels = radiograph.pixel_array.astype(float)
        if "WindowCenter" in radiograph:
            center, width = (
                float(np.atleast_1d(radiograph[name].value)[0]) for name in ("WindowCenter", "WindowWidth")
            )
            pixels = np.clip((pixels - center) / width + 0.5, 0, 1)
        else:
            pixels = pixels / 4095
        if radiograph.PhotometricInterpretation == "MONOCHROME1":
            pixels = 1 - pixels
        height, width_px = pixels.shape
        corners = np.r_[
            pixels[: height // 12, : width_px // 10].ravel(),
            pixels[: height // 12, -width_px // 10 :].ravel(),
        ]
        middle = pixels[height // 3 : 2 * height // 3, 9 * width_px // 20 : 11 * width_px // 20]
        assert np.median(corners) < 0.25
        assert np.median(middle) > np.median(corners) + 0.3


def person(label: str, index: int) -> tuple[Body, Pose, Signs, np.random.SeedSequence]:
    body_seed, pose_seed, signs_seed, radiograph_seed = np.random.SeedSequence([3, index]).spawn(4)
    body = draw_body(np.random.default_rng(body_seed))
    pose = draw_pose(np.random.default_rng(pose_seed), body, True)
    return body, pose, draw_signs(np.random.default_rng(signs_seed), label, 0.5), radiograph_seed


def radiograph_of(label: str, index: int) -> Phantom:
    body, pose, signs, seeds = person(label, index)
    return make_phantom(body, pose, signs, (192, 160), seeds)


def test_failing_hearts_are_wider_but_overlap_with_normal_ones() -> None:
    ratios = {
        label: np.array([stand(*person(label, index)[:3]).heart_ratio() for index in range(200)])
        for label in (NORMAL, CHF)
    }
    assert 0.40 < ratios[NORMAL].mean() < 0.50
    assert ratios[CHF].mean() > ratios[NORMAL].mean() + 0.04
    assert ratios[NORMAL].max() > ratios[CHF].min()


def test_an_opacity_is_brighter_than_the_same_lung_without_it() -> None:
    differences = []
    for index in range(4):
        sick, well = radiograph_of(PNEUMONIA, index), radiograph_of(NORMAL, index)
        inside = sick.finding
        assert inside.any()
        differences.append(sick.pixels[inside].mean() - well.pixels[inside].mean())
    assert np.mean(differences) > 100


def test_difficulty_makes_signs_fainter() -> None:
    fills, hearts = [], []
    for difficulty in (0.0, 0.5, 1.0):
        rngs = [np.random.default_rng(seed) for seed in range(60)]
        fills.append(np.mean([draw_signs(rng, PNEUMONIA, difficulty).opacity.fill for rng in rngs]))
        rngs = [np.random.default_rng(seed) for seed in range(60)]
        hearts.append(np.mean([draw_signs(rng, CHF, difficulty).heart_width for rng in rngs]))
    assert fills[0] > fills[1] > fills[2] > 0
    assert hearts[0] > hearts[1] > hearts[2] > 1


def test_only_normal_radiographs_have_no_finding() -> None:
    for label in CLASSES:
        assert radiograph_of(label, 1).finding.any() == (label != NORMAL)


def test_a_pneumonia_may_lie_anywhere() -> None:
    rng = np.random.default_rng(0)
    places = np.array([(o.x_cm, o.y_cm) for o in (draw_signs(rng, PNEUMONIA, 0.5).opacity for _ in range(300))])
    assert 0.4 < (places[:, 0] < 0).mean() < 0.6
    assert (places[:, 1] < -4).mean() > 0.1
    assert (places[:, 1] > 5).mean() > 0.1
