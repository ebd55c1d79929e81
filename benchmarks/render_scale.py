"""The tables of docs/scale.md, from the stored results of benchmarks/scale.py."""

from __future__ import annotations

from typing import Any

RADIOGRAPHS = 377_110  # of MIMIC-CXR
_KINDS = {
    "dicom": "DICOM, 12 of 16 bits, uncompressed",
    "jpeg2000": "DICOM, JPEG 2000 without loss",
    "jpeg": "JPEG of 8 bits",
}
#: Assumptions that the reader replaces: processors of a machine, MB/s of the storage, price of a processor's hour.
PROCESSORS, STORAGE_MB_PER_S, PRICE = 16, 1000.0, 0.05
_MACHINES = (1, 4, 16, 64)
# From which share of the processors on a machine was at work for others.
_LOADED = 0.3


def cost_table(result: dict[str, Any]) -> str:
    """Format the cost of each stage for each kind of file, and what a cluster adds."""
    details, run = result["details"], result["runs"][-1]
    lines = [
        "| 3056x2544, ms of one processor | MB | read | decode | place at 224 px | model | prepare | predict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, text in _KINDS.items():
        stages = details["stages"][kind]
        cells = [_ms(stages[f"{name}_s"]) for name in ("read", "decode", "place", "infer")]
        sums = [_ms(_seconds(stages, what)) for what in ("prepare", "predict")]
        lines.append(f"| {text} | {stages['mb']:.1f} | {' | '.join(cells + sums)} |")
    machine, headline = run["machine"], run["headline"]
    lines += [
        "",
        f"Measured on {machine['processors']} processors of {machine['processor']}, torch "
        f"{machine['versions']['torch']}, Ray {machine['versions']['ray']}, files in the page cache (`python "
        f"benchmarks/scale.py`, {run['date']}). A whole run of the first kind takes {_ms(headline['prepare_s'])} ms "
        f"per radiograph to prepare and {_ms(headline['predict_s'])} ms to predict. The time on a local cluster is "
        f"{headline['prepare_ray']:.2f} times that of as many local processes to prepare, and to predict, per "
        f"processor, {headline['predict_ray']:.2f} times that of one process of one thread.",
    ]
    load = details["load_before"] / machine["processors"]
    if load > _LOADED:
        lines.append(
            f"**Other programs were at work on that machine (load {details['load_before']:.1f} on "
            f"{machine['processors']} processors), so these figures are too high and not for comparison.**"
        )
    return "\n".join(lines)


def machines_table(result: dict[str, Any]) -> str:
    """Format hours and price for all radiographs by number of machines, by the formula of docs/scale.md."""
    lines = [
        f"Assumed, for you to replace: machines of {PROCESSORS} processors like the measured ones, a storage of "
        f"{STORAGE_MB_PER_S:,.0f} MB/s for all machines together, and ${PRICE:.2f} for a processor's hour.",
        "",
        "| hours, price | " + " | ".join(f"{machines} machine{'s' * (machines > 1)}" for machines in _MACHINES) + " |",
        "|---|" + "---|" * len(_MACHINES),
    ]
    for what in ("prepare", "predict"):
        for kind, text in _KINDS.items():
            stages = result["details"]["stages"][kind]
            cells = [_machines_cell(_seconds(stages, what), stages["mb"], machines) for machines in _MACHINES]
            lines.append(f"| {what}: {text} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", "In *italics* the storage, not the processors, decides the time."])


def _machines_cell(seconds: float, mb: float, machines: int) -> str:
    compute_s = RADIOGRAPHS * seconds / (machines * PROCESSORS)
    storage_s = RADIOGRAPHS * mb / STORAGE_MB_PER_S
    hours = max(compute_s, storage_s) / 3600
    said = f"{hours:.2g} h, ${machines * PROCESSORS * hours * PRICE:.2g}"
    return f"*{said}*" if storage_s > compute_s else said


def _seconds(stages: dict[str, float], what: str) -> float:
    """Seconds of one processor that a radiograph takes, beside waiting for its file."""
    return stages["decode_s"] + stages["place_s"] + (stages["infer_s"] if what == "predict" else 0.0)


def _ms(seconds: float) -> str:
    ms = 1000 * seconds
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.2g}"
