"""A view of an image and of its fixations by definition, in float64."""

from __future__ import annotations

import numpy as np


def bilinear(image, x, y):
    """The image's values at image pixels (x, y), arrays of any shape; black outside."""
    padded = np.pad(np.asarray(image, dtype=np.float64), 1)
    height, width = padded.shape
    x, y = np.clip(x + 1.0, 0, width - 1), np.clip(y + 1.0, 0, height - 1)
    j, i = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    fx, fy = x - j, y - i
    upper = (1 - fx) * padded[i, j] + fx * padded[i, j + 1]
    lower = (1 - fx) * padded[i + 1, j] + fx * padded[i + 1, j + 1]
    return (1 - fy) * upper + fy * lower


def warp(image, to_image, shape, samples=1):
    """The view of `shape`, each pixel the mean of samples x samples points spread evenly over it."""
    height, width = shape
    inside = (np.arange(samples) + 0.5) / samples - 0.5
    y = (np.arange(height)[:, None] + inside).reshape(-1, 1)
    x = (np.arange(width)[:, None] + inside).reshape(1, -1)
    (xx, xy, x0), (yx, yy, y0) = np.asarray(to_image, dtype=np.float64)
    fine = bilinear(image, xx * x + xy * y + x0, yx * x + yy * y + y0)
    return fine.reshape(height, samples, width, samples).mean(axis=(1, 3))


def heatmap(spots, to_image, shape, shown=None):
    """What an infinitely fine heatmap of the image shows in a view, as a density of the view; nothing is cut off but
    what was not shown, `shown` being rows of x_min, y_min, x_max, y_max on the image."""
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float64)
    (xx, xy, x0), (yx, yy, y0) = np.asarray(to_image, dtype=np.float64)
    x_image, y_image = xx * x + xy * y + x0, yx * x + yy * y + y0
    total = np.zeros(shape)
    for place, (spot_x, spot_y, weight, sigma_x, sigma_y) in enumerate(np.asarray(spots, dtype=np.float64)):
        exponent = ((x_image - spot_x) / sigma_x) ** 2 + ((y_image - spot_y) / sigma_y) ** 2
        one = weight / (2 * np.pi * sigma_x * sigma_y) * np.exp(-0.5 * exponent)
        if shown is not None:
            x_min, y_min, x_max, y_max = shown[place]
            one[(x_image < x_min) | (x_image >= x_max) | (y_image < y_min) | (y_image >= y_max)] = 0
        total += one
    return total * abs(xx * yy - xy * yx)


def expose(image, gain, bias, gamma):
    """Contrast and brightness, then gamma, of values in [0, 1]."""
    return np.clip(gain * image + bias, 0.0, 1.0) ** gamma


def noise(pixels, key):
    """The kernel's near-normal numbers of unit variance at these pixel numbers, one at a time in Python's integers."""
    mask = 0xFFFFFFFF
    low, high = key & mask, key >> 32
    numbers = []
    for pixel in pixels:
        word = pixel ^ low
        word = ((word ^ (word >> 16)) * 0x7FEB352D & mask) ^ high
        word = (word ^ (word >> 15)) * 0x846CA68B & mask
        one = word ^ (word >> 16)
        other = (one ^ high) * 0xC2B2AE35 & mask
        other ^= other >> 15
        numbers.append(sum(one.to_bytes(4, "little")) + sum(other.to_bytes(4, "little")) - 1020)
    return np.array(numbers) / np.sqrt(8 * (256**2 - 1) / 12)
