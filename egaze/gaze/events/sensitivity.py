"""How much the fixations depend on each setting of their method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from egaze.errors import GazeError, RecipeError
from egaze.gaze.events.methods import DEFAULT_METHOD, FIXATION_METHODS, detect_fixations
from egaze.gaze.events.settings import CommonSettings
from egaze.gaze.events.signal import GazeSignal


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What one method finds with one setting changed.

    Attributes:
        setting: the name of the setting; empty for the settings as they are.
        factor: of its value.
        value: of the setting; NaN for the settings as they are.
        fixations: how many there are.
        dwell_s: the sum of their durations.
        median_duration_s: NaN if there is no fixation.
        refused: why the value is out of range; then the numbers are 0 and NaN. Otherwise empty.
    """

    setting: str
    factor: float
    value: float
    fixations: int
    dwell_s: float
    median_duration_s: float
    refused: str = ""


def settings_sensitivity(
    signal: GazeSignal,
    method: str | None = None,
    settings: CommonSettings | None = None,
    *,
    factors: Sequence[float] = (0.5, 2.0),
    threads: int = 1,
) -> tuple[Sensitivity, ...]:
    """Find fixations with each setting at half and at double its value.

    Args:
        signal: the samples.
        method, settings, threads: as for `detect_fixations`.
        factors: of each setting, above 0.

    Returns:
        The settings as they are, then one row per setting and factor. A setting of 0 is left out, as is
        `blink_max_ms`, which changes no fixation.

    Raises:
        GazeError: as `detect_fixations` for the settings as they are, or a factor that is not above 0.

    Example:
        >>> import numpy as np
        >>> from egaze.gaze.events import GazeSignal, settings_sensitivity
        >>> time_s = np.arange(300) / 300
        >>> signal = GazeSignal(time_s, np.where(time_s < 0.9, 4.0, 9.0), np.zeros(300), (1, 1))
        >>> rows = settings_sensitivity(signal, "idt")
        >>> [(row.value, row.fixations) for row in rows if row.setting == "min_duration_ms"]
        [(50.0, 2), (200.0, 1)]
    """
    if not all(0 < factor < np.inf for factor in factors):
        raise GazeError(f"factors must be above 0, got {list(factors)}")
    name = DEFAULT_METHOD if method is None else method
    if settings is None and name in FIXATION_METHODS:
        settings = FIXATION_METHODS[name].settings()

    def row(changed: CommonSettings | None, setting: str, factor: float, value: float) -> Sensitivity:
        found = detect_fixations(signal, name, changed, threads=threads)
        median_s = float(np.median(found.duration_s)) if len(found) else np.nan
        return Sensitivity(setting, factor, value, len(found), found.dwell_s, median_s)

    rows = [row(settings, "", 1.0, np.nan)]
    assert settings is not None  # of an unknown method detect_fixations has complained
    for setting, usual in asdict(settings).items():
        if setting == "blink_max_ms" or not isinstance(usual, float) or usual == 0:
            continue
        for factor in factors:
            value = usual * factor
            try:
                rows.append(row(replace(settings, **{setting: value}), setting, factor, value))
            except (RecipeError, GazeError) as error:
                rows.append(Sensitivity(setting, factor, value, 0, np.nan, np.nan, str(error)))
    return tuple(rows)
