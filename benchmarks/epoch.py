"""What an epoch of training costs on the processor, as `egaze train` carries it out: a study of EGD-CXR's size, 1,083
radiographs, of which 80 % train and 10 % are measured on, with recipe joint, tf_efficientnet_b0 at 224x224, batches of
16, float32 and two threads; and how the cost grows with radiographs, size and heads.

epoch_s           seconds of that epoch, its measuring on validation included
radiographs_per_s radiographs trained on per second in it
waiting_frac      the fraction of the time in which training waited for the loader
peak_mb           the process's peak memory
load              the most processes that wanted to compute, on average over a minute, while it was measured; above the
                  number of processors, times are of a machine that did other work too

Every setting trains one epoch in a process of its own, on synthetic radiographs; its losses must be finite, and the
first epoch's must be what an untrained model's are. The details have, for all settings, the seconds and the memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from harness import arguments, finish, rounded
from loader import make_study

THREADS = 2


@dataclass(frozen=True)
class Setting:
    """One epoch."""

    radiographs: int = 1083
    side_px: int = 224
    recipe: str = "joint"
    precision: str = "fp32"
    encoder: str = "tf_efficientnet_b0"

    @property
    def name(self) -> str:
        return f"{self.recipe}_{self.precision}_{self.side_px}px_{self.radiographs}"


WHOLE = Setting()
QUARTER = replace(WHOLE, radiographs=271)
SETTINGS = (
    WHOLE,
    replace(WHOLE, radiographs=542),
    QUARTER,
    *(replace(QUARTER, side_px=side) for side in (128, 320, 448)),
    *(replace(QUARTER, recipe=recipe) for recipe in ("encoder-only", "class-generators", "egd-baseline")),
    replace(QUARTER, precision="bf16"),
)


def train(setting: Setting, study: Path, out: Path) -> dict[str, Any]:
    """Train an epoch in a process of its own, and return its log entry with the radiographs that it trained on."""
    # The baseline's targets belong to the whole radiograph, so they need no augmentation that moves it.
    words = ["--recipe", setting.recipe, "--precision", setting.precision, "--device", "cpu", "--seed", "0"]
    words += ["--threads", str(THREADS), "--compute-threads", str(THREADS)]
    overrides = {"stages.epochs": 1, "input_size_px": setting.side_px, "model.encoder": setting.encoder}
    overrides |= {"batch_size": 16, "model.weights": "none"}
    if setting.recipe == "egd-baseline":
        # As large against these radiographs as 150 px are against EGD-CXR's.
        overrides |= {"egd_sigma_px": max(1.0, 150 / 3056 * setting.side_px), "choose_on": "validation"}
        del overrides["model.encoder"]
    words += [word for key, value in overrides.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    command = [sys.executable, "-m", "egaze", "-q", "train", str(study), "--out", str(out), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{setting.name}: {done.stderr.strip().splitlines()[-1]}")
    entry: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    losses = {key: value for key, value in entry.items() if key.endswith("loss")}
    assert losses and all(isfinite(value) and 0 < value < 20 for value in losses.values()), (setting.name, losses)
    assert entry["radiographs_per_s"] > 0
    return entry


def measure(settings: tuple[Setting, ...], folder: Path) -> list[dict[str, Any]]:
    """Train an epoch of every setting, each study once."""
    rows, studies = [], {}
    for number, setting in enumerate(settings):
        what = (setting.radiographs, setting.side_px)
        if what not in studies:
            place = folder / f"study-{what[0]}-{what[1]}"
            place.mkdir()
            studies[what] = make_study(place, *what)
        study = studies[what]
        entry = train(setting, study.path, folder / f"run-{number}")
        trained = len(study.splits.indices("train"))
        row = {**asdict(setting), "trained": trained, "measured": len(study.splits.indices("validation"))}
        costs = ("seconds", "radiographs_per_s", "waiting_frac", "peak_memory_mb")
        rows.append({**row, **{name: entry[name] for name in costs}, "load": rounded(os.getloadavg()[0])})
        print(f"{setting.name}: {entry['seconds']:.1f} s, {entry['peak_memory_mb']:.0f} MB", flush=True)
    return rows


def headline(rows: list[dict[str, Any]]) -> dict[str, float]:
    whole = rows[0]
    return {
        "epoch_s": rounded(whole["seconds"]),
        "radiographs_per_s": rounded(whole["radiographs_per_s"]),
        "waiting_frac": whole["waiting_frac"],
        "peak_mb": rounded(whole["peak_memory_mb"]),
        "load": max(row["load"] for row in rows),
    }


def main() -> None:
    quick = arguments(__doc__).quick
    settings = SETTINGS
    if quick:
        small = Setting(radiographs=60, side_px=64, encoder="mobilenetv3_small_050")
        settings = (small, replace(small, recipe="encoder-only"))
    with tempfile.TemporaryDirectory() as name:
        rows = measure(settings, Path(name))
    finish("epoch", headline(rows), {"epochs": rows}, ["torch", "timm"], quick=quick)


if __name__ == "__main__":
    main()
