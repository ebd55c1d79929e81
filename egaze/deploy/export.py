"""A run's best model as one TorchScript file."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from egaze.atomic import write_file
from egaze.deploy import torchscript
from egaze.deploy.spec import FORMAT_VERSION, SPEC_NAME, ModelSpec, archive_digest
from egaze.models import DualHeadUNet
from egaze.training.run import Run


class ExportedModel(nn.Module):
    """What the file's forward does: logits become answers."""

    def __init__(self, model: DualHeadUNet, class_probs: str = "softmax") -> None:
        super().__init__()
        self.model = model
        self.class_probs = class_probs

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, H, W) float32 in [0, 1] to (N, C) probabilities and the (N, 1, H, W) heatmap in [0, 1]."""
        answer = self.model.answer(self.model(image), self.class_probs)
        return answer.class_probs, answer.heatmap


def export_torchscript(run: Run, path: Path) -> ModelSpec:
    """Write a run's best model as a TorchScript archive with its spec; the file is replaced whole.

    `forward(image)` takes (N, 1, H, W) float32 in [0, 1] and gives (N, C) class probabilities and the
    (N, 1, H, W) heatmap in [0, 1] (zeros from a model without a heatmap head); normalisation is inside.

    Raises:
        RunError: the run has no checkpoint yet.
        EgazeError: the file cannot be written.
    """
    class_probs = run.recipe.stages[-1].class_probs
    members = _members(torchscript.script(ExportedModel(run.load_model(), class_probs)))
    spec = ModelSpec(
        format_version=FORMAT_VERSION,
        egaze_version=version("egaze"),
        torch_version=torch.__version__.partition("+")[0],
        recipe=run.recipe.name,
        precision="fp32",
        presentation=run.facts["presentation"],
        fit=run.facts["fit"],
        input_height_px=run.recipe.input_size_px,
        input_width_px=run.recipe.input_size_px,
        class_names=run.class_names,
        heatmap_head=run.recipe.model.heatmap_head,
        training_split_sha256=run.facts["training_split_sha256"],
        model_sha256="",
        class_probs=class_probs,
    )

    def write(partial: Path) -> None:
        nonlocal spec
        _write_archive(partial, members)
        spec = replace(spec, model_sha256=archive_digest(partial))
        content = json.dumps(asdict(spec), indent=2).encode()
        _write_archive(partial, {**members, f"extra/{SPEC_NAME}": content})

    write_file(Path(path), write)
    return spec


def _members(archive: bytes) -> dict[str, bytes]:
    """The members that running needs, by their names without the top folder. The debug tables are left out: they
    hold the paths of the machine that exported."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {
            name.partition("/")[2]: opened.read(name) for name in opened.namelist() if not name.endswith(".debug_pkl")
        }


def _write_archive(path: Path, members: dict[str, bytes]) -> None:
    """A zip file as torch writes it, in a fixed order and with a fixed date, so that the same members give the
    same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(f"egaze/{name}", date_time=(1980, 1, 1, 0, 0, 0)), members[name])
