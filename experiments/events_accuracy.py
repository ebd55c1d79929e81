"""How well fixations are found: on recordings that people labelled, and on samples whose fixations are known.

Data: the folder that EGAZE_REAL_DATA names, ../shared/data by default: `trackers/labelled_irf`, 30 s each of three
recordings at 1,000 Hz (Zemblys et al. 2018). pymovements and remodnav must be installed; egaze does not need them.

labelled_f1           of egaze's default method, the mean of the recordings
labelled_f1_least     the lowest of them
labelled_pymovements  the best of pymovements' methods, the mean of the recordings
labelled_remodnav     likewise of REMoDNaV's fixations
still_f1_least        of egaze's default method on known fixations without noise, the lowest of all rates
noisy_f1_least        likewise in noise of .5 degrees along each axis
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from record import arguments, finish, rounded

from egaze.gaze.events import FIXATION_METHODS, GazeSignal, detect_fixations, simulate_gaze
from egaze.metrics import event_agreement

DATA = Path(os.environ.get("EGAZE_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
RATES_HZ = (60, 90, 120, 250, 500, 1000)
NOISES_DEG = (0.0, 0.1, 0.25, 0.5)
SEEDS = 5
#: Smaller saccades and shorter fixations than those of 2 degrees and 150 ms.
HARD = {"least_saccade_deg": 1.0, "least_fixation_s": 0.1}

#: Onsets and durations of fixations.
Events = tuple[NDArray[np.float64], NDArray[np.float64]]


def labelled(folder: Path) -> dict[str, tuple[GazeSignal, Events]]:
    """Recordings in degrees with the fixations that a person labelled."""
    found = {}
    for path in sorted(folder.glob("lookAtPoint_EL_S*.npy")):
        rows = np.load(path, allow_pickle=False)
        edges = np.flatnonzero(np.diff((rows["evt"] == 1).astype(np.int8), prepend=0, append=0))
        ends_s = np.append(rows["t"], rows["t"][-1] + 0.001)[edges]
        events = ends_s[::2], ends_s[1::2] - ends_s[::2]
        found[path.stem.rpartition("_")[2]] = GazeSignal(rows["t"], rows["x"], rows["y"], (1, 1)), events
    return found


def ours(method: str, **settings: float) -> Callable[[GazeSignal], Events]:
    def find(signal: GazeSignal) -> Events:
        found = detect_fixations(signal, method, FIXATION_METHODS[method].settings(**settings))
        return found.onset_s, found.duration_s

    return find


def pymovements(method: str) -> Callable[[GazeSignal], Events]:
    """With its own defaults of I-DT, or those of its I-VT on least-squares velocities over 21 ms."""

    def find(signal: GazeSignal) -> Events:
        from pymovements.events import idt, ivt
        from pymovements.transforms.numpy import pos2vel

        positions, steps = np.stack([signal.x_px, signal.y_px], axis=1), np.arange(len(signal))
        if method == "idt":
            found = idt(positions, steps).frame
        else:
            velocities = pos2vel(positions, sampling_rate=1000, method="savitzky_golay", window_length=21, polyorder=2)
            found = ivt(velocities, steps, minimum_duration=60).frame
        onset, offset = found["onset"].to_numpy(), found["offset"].to_numpy()
        return signal.time_s[onset], (offset - onset + (method == "ivt")) / 1000

    return find


def remodnav(signal: GazeSignal) -> Events:
    """Its fixations, with its own defaults."""
    from remodnav.clf import EyegazeClassifier

    logging.getLogger("remodnav").setLevel(logging.ERROR)
    classifier = EyegazeClassifier(px2deg=1.0, sampling_rate=1000.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        events = classifier(classifier.preproc(np.rec.fromarrays([signal.x_px, signal.y_px], names="x,y")))
    spans = sorted((event["start_time"], event["end_time"]) for event in events if event["label"] == "FIXA")
    begins_s, ends_s = np.array(spans).T
    return begins_s + signal.time_s[0], ends_s - begins_s


#: What is compared on the labelled recordings, by the names of the table.
COMPARED: dict[str, Callable[[GazeSignal], Events]] = {
    "egaze adaptive, the default": ours("adaptive"),
    "egaze I-VT, as Tobii's filter: 30 deg/s, merged within .5 deg": ours("ivt"),
    "egaze I-VT, 20 deg/s, unmerged": ours("ivt", threshold_deg_s=20, merge_distance_deg=0),
    "egaze I-DT, 1 deg": ours("idt"),
    "pymovements I-VT, 20 deg/s": pymovements("ivt"),
    "pymovements I-DT, 1 deg": pymovements("idt"),
    "REMoDNaV": remodnav,
}


def on_labelled(recordings: dict[str, tuple[GazeSignal, Events]]) -> dict[str, dict[str, dict[str, float]]]:
    """Agreement by method and recording."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for name, find in COMPARED.items():
        for recording, (signal, events) in recordings.items():
            agreement = event_agreement(*events, *find(signal))
            table.setdefault(name, {})[recording] = {
                "f1": agreement.f1,
                "labelled": agreement.known,
                "found": agreement.found,
                "onset_error_ms": 1000 * agreement.onset_error_s,
                "end_error_ms": 1000 * agreement.end_error_s,
            }
    return table


def on_simulated(seeds: int) -> dict[str, dict[str, dict[str, float]]]:
    """The mean F1 by method, noise in degrees and rate in Hz."""
    cases = {method: (method, {}) for method in FIXATION_METHODS}
    cases["adaptive, hard"] = ("adaptive", HARD)
    return {
        name: {
            str(noise_deg): {
                str(rate_hz): simulated_f1(method, rate_hz, noise_deg, seeds, **made) for rate_hz in RATES_HZ
            }
            for noise_deg in NOISES_DEG
        }
        for name, (method, made) in cases.items()
    }


def simulated_f1(method: str, rate_hz: int, noise_deg: float, seeds: int, **made: float) -> float:
    scores = []
    for seed in range(seeds):
        gaze = simulate_gaze(rate_hz, noise_deg=noise_deg, fixations=200, seed=seed, **made)
        found = detect_fixations(gaze.signal, method)
        scores.append(event_agreement(gaze.onset_s, gaze.duration_s, found.onset_s, found.duration_s).f1)
    return float(np.mean(scores))


def mean_f1(of: dict[str, dict[str, float]]) -> float:
    return float(np.mean([item["f1"] for item in of.values()]))


def main() -> None:
    quick = arguments(__doc__).quick
    on_people = on_labelled(labelled(DATA / "trackers" / "labelled_irf"))
    simulated = on_simulated(1 if quick else SEEDS)
    default = on_people["egaze adaptive, the default"]
    headline = {
        "labelled_f1": rounded(mean_f1(default)),
        "labelled_f1_least": rounded(min(item["f1"] for item in default.values())),
        "labelled_pymovements": rounded(max(mean_f1(of) for name, of in on_people.items() if "pymovements" in name)),
        "labelled_remodnav": rounded(mean_f1(on_people["REMoDNaV"])),
        "still_f1_least": rounded(min(simulated["adaptive"]["0.0"].values())),
        "noisy_f1_least": rounded(min(simulated["adaptive"]["0.5"].values())),
    }
    details: dict[str, Any] = {"labelled": on_people, "simulated": simulated}
    finish("events_accuracy", headline, details, ["pymovements", "remodnav"], quick=quick)


if __name__ == "__main__":
    main()
