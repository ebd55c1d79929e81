"""Resizing by its definition, one output pixel at a time in float64."""

from __future__ import annotations

import numpy as np


def resize(image, shape, filter):
    """(H, W) to float64 of `shape`, not rounded."""
    image = np.asarray(image, dtype=np.float64)
    rows = [_weights(image.shape[0], shape[0], i, filter) for i in range(shape[0])]
    columns = [_weights(image.shape[1], shape[1], j, filter) for j in range(shape[1])]
    return np.array([[row @ image @ column for column in columns] for row in rows])


def _weights(size, out, index, filter):
    scale = size / out
    weights = np.zeros(size)
    for j in range(size):
        if filter == "area":
            weights[j] = max(0.0, min((index + 1) * scale, j + 1) - max(index * scale, j))
        elif filter == "bilinear":
            support = max(scale, 1.0)
            weights[j] = max(0.0, 1.0 - abs(j + 0.5 - (index + 0.5) * scale) / support)
        else:
            weights[j] = float(j == int((index + 0.5) * scale))
    return weights / weights.sum()
