"""Fixations found in samples, compared with pymovements, on one thread. Every result is checked before it is timed.

Ours always go from positions to fixations with their positions. Of pymovements' I-VT, 1,000,000 samples at 1,000 Hz:

ivt_vs_pymovements            time of `Gaze.pos2vel` by least squares and `Gaze.detect`, divided by ours
ivt_measured_vs_pymovements   with `Gaze.compute_event_properties` for the fixations' positions
ivt_arrays_vs_pymovements     of the functions on NumPy arrays that these call, without positions
idt_vs_pymovements            of its I-DT on NumPy arrays, without positions: 30,000 samples at 1,000 Hz
million_ms                    milliseconds of our slowest method for 1,000,000 samples
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from harness import Turns, arguments, finish, one_thread_for_rivals, per_call, rounded, take_turns

from egaze.gaze.events import FIXATION_METHODS, GazeSignal, IdtSettings, IvtSettings, detect_fixations, simulate_gaze

#: Neither bridges nor merges anything, as pymovements does not.
ALONE = {"merge_distance_deg": 0.0, "loss_margin_ms": 0.0, "max_gap_ms": 1.5}


def gaze(samples: int) -> GazeSignal:
    signal = simulate_gaze(1000, noise_deg=0.02, fixations=samples // 250).signal
    return GazeSignal(signal.time_s[:samples], signal.x_px[:samples], signal.y_px[:samples], (1.0, 1.0))


def ivt(signal: GazeSignal, quick: bool) -> Turns:
    """Time I-VT of the same definition: least-squares velocities over 21 samples, 30 degrees a second, 100 ms."""
    import pymovements
    from pymovements.events import ivt as their_ivt
    from pymovements.transforms.numpy import pos2vel

    positions, steps = np.stack([signal.x_px, signal.y_px], axis=1), np.arange(len(signal))
    experiment = pymovements.Experiment(1920, 1080, 53.3, 30.1, 56.5, "center", sampling_rate=1000)
    settings = IvtSettings(**ALONE, min_duration_ms=100, threshold_deg_s=30)

    def ours() -> Any:
        return detect_fixations(signal, "ivt", settings)

    def arrays() -> Any:
        velocities = pos2vel(positions, sampling_rate=1000, method="savitzky_golay", window_length=21, polyorder=2)
        return their_ivt(velocities, steps, minimum_duration=99, velocity_threshold=30.0).frame

    def found() -> Any:
        gaze = pymovements.gaze.from_numpy(time=steps, position=positions.T, experiment=experiment)
        began = time.perf_counter()
        gaze.pos2vel("savitzky_golay", window_length=21, degree=2)
        gaze.detect("ivt", minimum_duration=99, velocity_threshold=30.0)
        return gaze, began

    def finding() -> float:
        _, began = found()
        return time.perf_counter() - began

    def measuring() -> float:
        gaze, began = found()
        gaze.compute_event_properties([("location", {"position_column": "position"})])
        return time.perf_counter() - began

    begins = ours().begin[1:-1]
    np.testing.assert_array_equal(begins, arrays()["onset"].to_numpy()[1:-1])
    np.testing.assert_array_equal(begins, found()[0].events.frame["onset"].to_numpy()[1:-1])
    samplers = {"ours": per_call(ours), "arrays": per_call(arrays), "gaze": finding, "measured": measuring}
    return take_turns(samplers, 1 if quick else 7)


def idt(signal: GazeSignal, quick: bool) -> Turns:
    """Time I-DT of the same definition, but for the sample that ends a fixation: 1 degree, 100 ms."""
    from pymovements.events import idt as their_idt

    positions, steps = np.stack([signal.x_px, signal.y_px], axis=1), np.arange(len(signal))
    settings = IdtSettings(**ALONE, min_duration_ms=100, max_dispersion_deg=1)

    def ours() -> Any:
        return detect_fixations(signal, "idt", settings)

    def theirs() -> Any:
        return their_idt(positions, steps, minimum_duration=100, dispersion_threshold=1.0).frame

    assert np.abs(ours().begin - theirs()["onset"].to_numpy()).max() <= 1
    return take_turns({"ours": per_call(ours), "pymovements": per_call(theirs)}, 1 if quick else 5)


def methods(signal: GazeSignal, quick: bool) -> Turns:
    """Time each of our methods with its defaults."""
    calls = {method: per_call(lambda method=method: detect_fixations(signal, method)) for method in FIXATION_METHODS}
    return take_turns(calls, 3 if quick else 11)


def main() -> None:
    quick = arguments(__doc__).quick
    million = gaze(1_000_000)
    of_ivt, of_idt, of_methods = ivt(million, quick), idt(gaze(30_000), quick), methods(million, quick)
    headline = {
        "ivt_vs_pymovements": of_ivt.ratio("gaze", "ours"),
        "ivt_measured_vs_pymovements": of_ivt.ratio("measured", "ours"),
        "ivt_arrays_vs_pymovements": of_ivt.ratio("arrays", "ours"),
        "idt_vs_pymovements": of_idt.ratio("pymovements", "ours"),
        "million_ms": rounded(1000 * max(of_methods.median(method) for method in FIXATION_METHODS)),
    }
    details = {"ivt": of_ivt.details(), "idt": of_idt.details(), "methods": of_methods.details()}
    finish("events", headline, details, ["pymovements"], quick=quick)


if __name__ == "__main__":
    one_thread_for_rivals()
    main()
