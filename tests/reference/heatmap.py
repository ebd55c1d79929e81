"""The heatmap's definition, pixel by pixel in float64."""

from __future__ import annotations

import math

import numpy as np


def heatmap(spots, shape, *, boundary, kernel, truncate, shown=None):
    """`spots` are rows of x, y, weight, sigma_x, sigma_y, `shown` of x_min, y_min, x_max, y_max or None; returns
    (H, W) float64."""
    height, width = shape
    total = np.zeros(shape)
    for place, (x, y, weight, sigma_x, sigma_y) in enumerate(np.asarray(spots, dtype=np.float64)):
        rows = _axis(y, sigma_y, height, boundary, kernel, truncate)
        columns = _axis(x, sigma_x, width, boundary, kernel, truncate)
        for i in range(height):
            for j in range(width):
                if shown is not None:
                    x_min, y_min, x_max, y_max = shown[place]
                    if not (x_min <= j < x_max and y_min <= i < y_max):
                        continue
                total[i, j] += weight * rows[i] * columns[j]
    return total


def _axis(centre, sigma, size, boundary, kernel, truncate):
    values = [0.0] * size
    if kernel == "scipy":
        nearest = math.floor(centre + 0.5)
        if not 0 <= nearest < size:
            return values
        radius = int(truncate * sigma + 0.5)
        taps = {d: math.exp(-0.5 * (d / sigma) ** 2) for d in range(-radius, radius + 1)}
        mass = sum(taps.values())
        placed = {nearest + d: tap / mass for d, tap in taps.items()}
    else:
        if boundary == "reflect" and not -0.5 <= centre < size - 0.5:
            return values
        reach = truncate * sigma
        density = 1.0 / (sigma * math.sqrt(2.0 * math.pi))
        first, last = math.floor(centre - reach) - 1, math.ceil(centre + reach) + 1
        placed = {
            i: density * math.exp(-0.5 * ((i - centre) / sigma) ** 2)
            for i in range(first, last + 1)
            if abs(i - centre) <= reach
        }
    for i, value in placed.items():
        if 0 <= i < size:
            values[i] += value
        elif boundary == "reflect":
            # Walk back and forth between the edges until the position lies on the image.
            while not 0 <= i < size:
                i = -1 - i if i < 0 else 2 * size - 1 - i
            values[i] += value
    return values
