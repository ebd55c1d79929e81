"""Saliency metrics as the MIT benchmark's MATLAB code reads, loop by loop, on maps whose values all differ."""

from __future__ import annotations

import math

EPS = 2.2204e-16


def similarity(map1, map2):
    total = 0.0
    for p, q in zip((map1 / map1.sum()).ravel(), (map2 / map2.sum()).ravel(), strict=True):
        total += min(p, q)
    return total


def information_gain(prediction, baseline, fixations):
    p, b = prediction / prediction.sum(), baseline / baseline.sum()
    return sum(math.log2(EPS + p[y, x]) - math.log2(EPS + b[y, x]) for x, y in fixations) / len(fixations)


def auc_judd(saliency, fixations):
    """Thresholds at the fixated pixels, from the highest; the i-th has i of them at or above it."""
    fixated = sorted((saliency[y, x] for x, y in set(fixations)), reverse=True)
    tp, fp = [0.0], [0.0]
    for i, threshold in enumerate(fixated, start=1):
        above = sum(value >= threshold for value in saliency.ravel())
        tp.append(i / len(fixated))
        fp.append((above - i) / (saliency.size - len(fixated)))
    return _trapezoid([*fp, 1.0], [*tp, 1.0])


def auc_borji(saliency, fixations, draws, step=0.1):
    """`draws` are lists of as many pixels (x, y) as there are fixations."""
    saliency = (saliency - saliency.min()) / (saliency.max() - saliency.min())
    at_fixations = [saliency[y, x] for x, y in fixations]
    areas = []
    for pixels in draws:
        at_random = [saliency[y, x] for x, y in pixels]
        thresholds = [k * step for k in range(int(max(at_fixations + at_random) / step + 1e-9) + 1)][::-1]
        tp = [sum(value >= threshold for value in at_fixations) / len(at_fixations) for threshold in thresholds]
        fp = [sum(value >= threshold for value in at_random) / len(at_random) for threshold in thresholds]
        areas.append(_trapezoid([0.0, *fp, 1.0], [0.0, *tp, 1.0]))
    return sum(areas) / len(areas)


def shuffled_auc(saliency, fixations, others):
    """The share of pairs of a fixation here and one elsewhere of which the first has the larger value."""
    won = 0.0
    for x, y in fixations:
        for other_x, other_y in others:
            here, there = saliency[y, x], saliency[other_y, other_x]
            won += 1.0 if here > there else 0.5 if here == there else 0.0
    return won / (len(fixations) * len(others))


def _trapezoid(x, y):
    return float(sum((x[i + 1] - x[i]) * (y[i + 1] + y[i]) / 2 for i in range(len(x) - 1)))
