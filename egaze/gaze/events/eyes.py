"""One signal from two eyes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from egaze.errors import GazeError
from egaze.gaze.events.signal import GazeSignal

#: How two eyes become one signal.
EYE_RULES = {
    "average": "the mean of both; where one eye is lost, the other, moved by the median distance between them",
    "both": "the mean of both; lost where either eye is",
    "left": "the left eye",
    "right": "the right eye",
    "better": "the eye that is lost less often, the right one if both are lost equally often",
}


def combine_eyes(left: GazeSignal, right: GazeSignal, rule: str = "average") -> GazeSignal:
    """Combine the samples of two eyes into one signal.

    The two eyes of a recording seldom point at exactly the same place. Where only one of them is seen, its plain
    position would jump against the mean of both and end a fixation; the rule "average" moves it by half of the median
    distance of the eyes, which needs samples that have both.

    Args:
        left, right: samples of the same times and scale.
        rule: a key of `EYE_RULES`.

    Returns:
        As many samples as each eye has.

    Raises:
        GazeError: eyes of different times or scales, or an unknown rule.

    Example:
        >>> from egaze.gaze.events import GazeSignal, combine_eyes
        >>> nan, scale = float("nan"), (40, 40)
        >>> left = GazeSignal([0, 0.01, 0.02], [100, 102, 100], [50, 50, 50], scale)
        >>> right = GazeSignal([0, 0.01, 0.02], [110, 112, nan], [50, 50, nan], scale)
        >>> combine_eyes(left, right).x_px.tolist(), combine_eyes(left, right, "both").x_px.tolist()
        ([105.0, 107.0, 105.0], [105.0, 107.0, nan])
    """
    if rule not in EYE_RULES:
        raise GazeError(f"unknown rule for two eyes {rule!r}; known are {', '.join(EYE_RULES)}")
    if left.pixels_per_degree != right.pixels_per_degree:
        raise GazeError(f"eyes of different scales: {left.pixels_per_degree} and {right.pixels_per_degree}")
    if len(left) != len(right):
        raise GazeError(f"eyes of different lengths: {len(left)} and {len(right)} samples")
    if (differs := left.time_s != right.time_s).any():
        first = int(np.argmax(differs))
        raise GazeError(
            f"sample {first}: the eyes' times differ: {left.time_s[first]:.15g} and {right.time_s[first]:.15g} s"
        )
    if rule in ("left", "right"):
        return left if rule == "left" else right
    if rule == "better":
        return left if left.is_valid.sum() > right.is_valid.sum() else right
    seen = left.is_valid, right.is_valid
    combined: Callable[..., NDArray[np.float64]] = _filled if rule == "average" else _mean
    x_px, y_px = (combined(a, b, *seen) for a, b in ((left.x_px, right.x_px), (left.y_px, right.y_px)))
    return GazeSignal(left.time_s, x_px, y_px, left.pixels_per_degree)


def _mean(
    left_px: NDArray[np.float64],
    right_px: NDArray[np.float64],
    left_seen: NDArray[np.bool_],
    right_seen: NDArray[np.bool_],
) -> NDArray[np.float64]:
    both = left_seen & right_seen
    mean_px = np.full(len(left_px), np.nan)
    mean_px[both] = (left_px[both] + right_px[both]) / 2
    return mean_px


def _filled(
    left_px: NDArray[np.float64],
    right_px: NDArray[np.float64],
    left_seen: NDArray[np.bool_],
    right_seen: NDArray[np.bool_],
) -> NDArray[np.float64]:
    both = left_seen & right_seen
    half_px = float(np.median(right_px[both] - left_px[both])) / 2 if both.any() else 0.0
    mean_px = _mean(left_px, right_px, left_seen, right_seen)
    only_left, only_right = left_seen & ~right_seen, right_seen & ~left_seen
    mean_px[only_left] = left_px[only_left] + half_px
    mean_px[only_right] = right_px[only_right] - half_px
    return mean_px
