"""The colour map: even, and readable without colour vision."""

import numpy as np
import pytest

from egaze.pictures.colours import PEAK_OPACITY, blend, heatmap_table, overlay_colours

# Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), of
# full severity, for linear RGB.
SIGHT = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def lightness(colours, sight):
    """CIE L* of (N, 3) sRGB, as seen."""
    srgb = colours / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    luminance = (linear @ np.transpose(sight)).clip(0, 1) @ [0.2126, 0.7152, 0.0722]
    return np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)


@pytest.mark.parametrize("sight", SIGHT)
def test_lightness_rises_evenly_also_without_colour_vision(sight):
    steps = np.diff(lightness(heatmap_table()[:, :3], SIGHT[sight])[::17])
    assert (steps > 2).all() and steps.max() < 2.2 * steps.mean()
    assert steps.sum() > 90


def test_a_heatmap_lets_the_radiograph_through():
    opacity = heatmap_table(PEAK_OPACITY)[:, 3] / 255
    assert opacity[0] == 0 and (np.diff(opacity) >= 0).all()
    assert opacity[-1] == pytest.approx(PEAK_OPACITY, abs=0.5 / 255)
    np.testing.assert_array_equal(overlay_colours()(np.arange(256), bytes=True), heatmap_table(PEAK_OPACITY))
    with pytest.raises(ValueError, match="read-only"):
        heatmap_table()[0] = 1


def test_blending_is_between_radiograph_and_colour():
    radiograph = np.full((1, 256), 100, np.uint8)
    blended = blend(radiograph, np.arange(256, dtype=np.uint8)[None])[0]
    assert blended[0].tolist() == [100, 100, 100]
    colour = heatmap_table()[-1, :3].astype(float)
    np.testing.assert_allclose(blended[-1], PEAK_OPACITY * colour + (1 - PEAK_OPACITY) * 100, atol=1)
    # A white radiograph under the peak is still told from a black one.
    dark, bright = (blend(np.full((1, 1), grey, np.uint8), np.full((1, 1), 255, np.uint8)) for grey in (0, 255))
    assert (bright.astype(int) - dark > 60).all()
