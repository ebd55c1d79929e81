"""Exports encoders with random weights, one after another, and compares each file's predictions with the model's.

    python encoder_trial.py LIBRARY RESULTS [PATTERN]

Encoders of the catalogue are tried from the smallest to the largest, each in its own process with limits on time and
memory. For each, a line of JSON is appended to RESULTS: the encoder and its number of parameters, the largest
differences between the eager model's predictions and those of the file in Python and in C++ (through the C interface),
the processor time and the memory, and the failure, which is empty if there is none. Where a difference is above
TOLERANCE, `from_float64` tells how far all three are from the eager model in float64, and the file may be TOLERANCE
farther from it than twice the distance of the eager model in float32. Encoders that RESULTS lists without a failure are
skipped, so that a trial can be interrupted and continued; delete RESULTS to start from the beginning.
"""

from __future__ import annotations

import copy
import json
import os
import resource
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIZE_PX, IMAGES, TOLERANCE = 64, 3, 1e-5
MAX_MB, MAX_CPU_S = 22000, 1500


def main() -> None:
    library, results, *pattern = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import torch

    torch.set_num_threads(1)  # before any fork: threads are not inherited
    from egaze.models.catalogue import encoder_names, parameter_count

    path = Path(results)
    sizes = {name: parameter_count(name) for name in encoder_names(*pattern) if name not in passed(path)}
    trial = Trial(Path(library))
    for name in sorted(sizes, key=lambda name: (sizes[name], name)):
        line = {"encoder": name, "parameters": sizes[name], **in_own_process(trial, name)}
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def passed(results: Path) -> set[str]:
    """The encoders that a file of results has without a failure."""
    lines = results.read_text().splitlines() if results.exists() else []
    return {line["encoder"] for line in map(json.loads, lines) if not line["failure"]}


def in_own_process(trial: Trial, name: str) -> dict[str, Any]:
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        limit_resources()
        with os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(trial.outcome(name)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status, used = os.wait4(process, 0)
    outcome = {"cpu_s": round(used.ru_utime + used.ru_stime, 1), "max_mb": used.ru_maxrss >> 10}
    if status == 0:
        return {**json.loads(said), **outcome}
    ended = signal.Signals(status & 0x7F).name if status & 0x7F else f"exit code {status >> 8}"
    return {"failure": f"the process ended by {ended}", **outcome}


def limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (MAX_MB << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def random_images(count: int, seed: int) -> Any:
    """(count, SIZE_PX, SIZE_PX) float32 in [0, 1] that differ in coarse structures, as radiographs do.

    Images of noise alone look the same to an encoder's last layers, which would then multiply rounding errors.
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    images = 0.1 * generator.random((count, SIZE_PX, SIZE_PX))
    for cells, share in ((2, 0.4), (4, 0.3), (16, 0.2)):
        squares = generator.random((count, cells, cells))
        images += share * squares.repeat(SIZE_PX // cells, 1).repeat(SIZE_PX // cells, 2)
    return images.astype(np.float32)


class Trial:
    """Imports before any fork what the forked processes need."""

    def __init__(self, library: Path) -> None:
        import numpy as np
        import torch
        from deploy import c_library

        from egaze import deploy
        from egaze.imaging import to_input
        from egaze.models import DualHeadUNet
        from egaze.training import load_recipe
        from egaze.training.run import Run

        self.np, self.torch, self.c_library, self.deploy, self.to_input = np, torch, c_library, deploy, to_input
        self.model_class, self.load_recipe = DualHeadUNet, load_recipe
        self.library = c_library.CLibrary(library)
        images = random_images(IMAGES, seed=0)
        self.pixels = (images * 65535).astype(np.uint16)

        @dataclass(frozen=True)
        class Untrained(Run):
            model: DualHeadUNet | None = None

            def load_model(self) -> DualHeadUNet:
                return copy.deepcopy(self.model)

        self.run_class = Untrained

    def outcome(self, name: str) -> dict[str, Any]:
        try:
            differences = self._differences(name)
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            return {"failure": f"{type(error).__name__}: {lines[0]}"[:500]}
        exact = differences.get("from_float64")
        allowed = TOLERANCE + 2 * exact["eager"] if exact else TOLERANCE
        too_large = [engine for engine in ("python", "c") if not (exact or differences)[engine] <= allowed]
        return {
            **differences,
            "failure": f"{' and '.join(too_large)} differ by more than {allowed:.3g}" if too_large else "",
        }

    def _differences(self, name: str) -> dict[str, Any]:
        np = self.np
        model = self._random_model(name)
        facts = {
            "class_names": ["normal", "chf", "pneumonia"],
            "presentation": "voi",
            "fit": "stretch",
            "image_size_px": SIZE_PX,
            "training_split_sha256": "0" * 64,
        }
        recipe = self.load_recipe("joint", (f"input_size_px={SIZE_PX}", f"model.encoder={name}"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.pt"
            self.deploy.export_torchscript(self.run_class(Path(folder), recipe, facts, model=model), path)
            in_python = self.deploy.Predictor(path, threads=1)
            predictions = [in_python.predict(pixels) for pixels in self.pixels]
            canvas = in_python.spec.canvas
            del in_python
            in_c = self.c_library.CPredictor(self.library, path, device=None, threads=1, precision=0)
            c_probs, c_heatmaps = in_c.predict(*map(self.c_library.radiograph_of, self.pixels))
            in_c.close()
        images = [self.to_input(canvas.place(pixels), (SIZE_PX, SIZE_PX)) for pixels in self.pixels]
        probs, heatmaps = self._eager(model, images)

        of_engines = {
            "python": [np.stack([getattr(each, name) for each in predictions]) for name in ("class_probs", "heatmap")],
            "c": [c_probs, c_heatmaps],
        }

        def largest_differences(from_probs: Any, from_heatmaps: Any) -> dict[str, float]:
            return {
                engine: max(float(np.abs(probs - from_probs).max()), float(np.abs(heatmaps - from_heatmaps).max()))
                for engine, (probs, heatmaps) in of_engines.items()
            }

        differences: dict[str, Any] = {
            **largest_differences(probs, heatmaps),
            # How much predictions differ between images. If they do not, agreement says little.
            "probs_spread": float(np.ptp(probs, axis=0).max()),
            "heatmap_spread": float(np.ptp(heatmaps, axis=0).max()),
        }
        if not max(differences["python"], differences["c"]) <= TOLERANCE:
            # Some encoders multiply rounding errors: then the model in float32 is itself as far from it in float64.
            of_engines["eager"] = [probs, heatmaps]
            differences["from_float64"] = largest_differences(*self._eager(model.double(), images))
        return differences

    def _eager(self, model: Any, images: list[Any]) -> tuple[Any, Any]:
        """The class probabilities and the heatmaps of the model itself, image by image, in the type of its weights."""
        torch, dtype = self.torch, next(model.parameters()).dtype
        with torch.no_grad():
            eager = [model.predictions(model(torch.from_numpy(image)[None, None].to(dtype))) for image in images]
        concatenate = self.np.concatenate
        return (
            concatenate([each.class_probs.numpy() for each in eager]),
            concatenate([each.heatmap[:, 0].numpy() for each in eager]),
        )

    def _random_model(self, name: str) -> Any:
        """A model in which each layer has an influence: timm begins many with scales of 0 or 1e-6.

        Batch normalisation gets the scale of what it is given, so that features neither vanish nor grow, but not the
        mean: layers of an untrained model whose mean is subtracted multiply rounding errors.
        """
        torch = self.torch
        torch.manual_seed(0)
        model = self.model_class(name).eval()

        def set_statistics(norm: Any, inputs: tuple[Any]) -> None:
            scale = inputs[0].square().mean().sqrt()
            norm.running_mean.normal_(0, 0.2).mul_(scale)
            norm.running_var.uniform_(0.5, 2).mul_(scale.square())

        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.numel() == max(parameter.shape, default=1):
                    parameter.add_(0.2 * torch.randn_like(parameter))
            norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
            hooks = [norm.register_forward_pre_hook(set_statistics) for norm in norms]
            if norms:
                model(torch.from_numpy(random_images(2, seed=1))[:, None])
            for hook in hooks:
                hook.remove()
        return model


if __name__ == "__main__":
    main()
