"""Cases of a study explained one after the other: maps, what they are compared with, and the numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egaze.errors import EgazeError, StudyError
from egaze.explain.faithfulness import Faithfulness, class_probabilities, faithfulness, random_order
from egaze.explain.measures import Numbers, with_finding, with_gaze
from egaze.loading import Batch, DeviceLoader
from egaze.models import METHODS, grad_cam, to_image_size
from egaze.pictures.case_gaze import CaseGaze, HeatmapOptions, read_case
from egaze.study import Study
from egaze.study.findings import finding_mask
from egaze.training import Run

#: Not classes: the one that the model thinks likeliest, and the case's own (the likeliest where it has none).
PREDICTED, LABEL = "predicted", "label"

_BATCH_SIZE = 16


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """What is explained and how.

    Attributes:
        class_name: the class whose evidence is shown, "predicted" or "label".
        method: of the class's map, one of METHODS.
        stride: of the encoder's feature map.
        findings: a folder of finding masks in place of the study's regions; see `finding_mask`.
        tolerance_px: of the pointing game, in pixels of the model's input.
        steps: of deletion and insertion; 0 leaves them out, which are most of the work.

    Raises:
        EgazeError: an unknown method, or a number out of range.
    """

    class_name: str = PREDICTED
    method: str = METHODS[0]
    stride: int = 32
    findings: Path | None = None
    tolerance_px: float = 0.0
    steps: int = 32

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise EgazeError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if not 0 <= self.tolerance_px <= 4096:
            raise EgazeError(f"tolerance must be 0 to 4096 px, got {self.tolerance_px}")
        if not 0 <= self.steps <= 4096:
            raise EgazeError(f"steps must be 0 to 4096, got {self.steps}")
        if self.findings is not None and not self.findings.is_dir():
            raise EgazeError(f"{self.findings}: no such folder of finding masks")

    def class_index(self, class_names: tuple[str, ...]) -> int | None:
        """The class's place, None where it differs by case. Raises StudyError when there is no such class."""
        if self.class_name in class_names:
            return class_names.index(self.class_name)
        if self.class_name not in (PREDICTED, LABEL):
            raise StudyError(f"there is no class {self.class_name!r}; the classes are {', '.join(class_names)}")
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """One case explained. Maps are (size, size) on the canvas that the model sees.

    Attributes:
        case_index: its place in the study.
        case_gaze: the radiograph and the reader's gaze on that canvas.
        class_probs: (C,) float32.
        class_index: the class whose evidence is shown.
        maps: "grad_cam" in logits, at least 0, and "predicted" in [0, 1] where the model has a heatmap head.
        gaze: the reader's heatmap in seconds, relative durations, or fixations, per pixel; None without a fixation on
            the radiograph.
        finding: bool, or None.
        curves: deletion and insertion of each map and of "random" order; empty where they were left out.
        numbers: all figures of the case by name.
        deleted_to: grey in the place of deleted pixels, the mean that the model subtracts.
    """

    case_index: int
    case_gaze: CaseGaze
    class_probs: NDArray[np.float32]
    class_index: int
    maps: dict[str, NDArray[np.float32]]
    gaze: NDArray[np.float32] | None
    finding: NDArray[np.bool_] | None
    curves: dict[str, Faithfulness]
    numbers: Numbers
    deleted_to: float


def explain_cases(run: Run, study: Study, cases: NDArray[np.int64], options: ExplainOptions) -> Iterator[Explanation]:
    """Explain cases in their order by a run's best model, a few at a time in memory.

    Args:
        run: whose model it is. A predicted heatmap that no stage of its recipe trained is left out.
        study: the run's.
        cases: (K,) places in it, one at least.
        options: what is explained.

    Raises:
        RunError: there is no checkpoint.
        EgazeError: a stride that the encoder has not, or more steps than pixels.
        StudyError: no such class; a finding mask that does not fit its radiograph.
        RadiographError: a finding mask that cannot be read.
    """
    model, recipe = run.load_model(), run.recipe
    target, size_px, class_probs = recipe.heatmap, recipe.input_size_px, recipe.stages[-1].class_probs
    always = options.class_index(study.class_names)
    shown = HeatmapOptions.of(target, size_px)
    loader = DeviceLoader(
        study, cases, batch_size=_BATCH_SIZE, size_px=size_px, target=None, threads=os.cpu_count() or 1
    )
    for batch in loader:
        with torch.inference_mode():
            answer = model.predictions(model(batch.image), class_probs)
            probs = answer.class_probs
        class_index = _chosen(options.class_name, always, probs, batch)
        evidence = grad_cam(model, batch.image, class_index, stride=options.stride, method=options.method)
        maps = {"grad_cam": to_image_size(evidence, (size_px, size_px))}
        if model.heatmap_head and recipe.trains_heatmap:
            maps["predicted"] = answer.heatmap[:, 0]
        for place, case_index in enumerate(batch.case_index.tolist()):
            radiograph = slice(place, place + 1)
            curves = {}
            if options.steps:
                orders = {**maps, "random": random_order(batch.image)}
                curves = {
                    name: faithfulness(
                        class_probabilities(model, class_probs),
                        batch.image[radiograph],
                        values[radiograph],
                        class_index[radiograph],
                        steps=options.steps,
                        deleted_to=model.mean,
                    )
                    for name, values in orders.items()
                }
            case_gaze = read_case(study, case_index, shown)
            finding = finding_mask(study, case_index, size_px, case_gaze.label, folder=options.findings)
            own = {name: values[place].numpy() for name, values in maps.items()}
            gaze = case_gaze.heatmap() if case_gaze.on_radiograph.any() else None
            yield Explanation(
                case_index=case_index,
                case_gaze=case_gaze,
                class_probs=probs[place].numpy(),
                class_index=int(class_index[place]),
                maps=own,
                gaze=gaze,
                finding=finding,
                curves=curves,
                numbers=_numbers(own, gaze, case_gaze, finding, curves, options.tolerance_px),
                deleted_to=model.mean,
            )


def _chosen(name: str, always: int | None, probs: Tensor, batch: Batch) -> Tensor:
    likeliest = probs.argmax(dim=1)
    if always is not None:
        return torch.full_like(likeliest, always)
    return torch.where(batch.has_label, batch.label, likeliest) if name == LABEL else likeliest


def _numbers(
    maps: dict[str, NDArray[np.float32]],
    gaze: NDArray[np.float32] | None,
    case_gaze: CaseGaze,
    finding: NDArray[np.bool_] | None,
    curves: dict[str, Faithfulness],
    tolerance_px: float,
) -> Numbers:
    numbers: Numbers = {}
    if gaze is not None:
        numbers |= with_gaze(maps, gaze, case_gaze.fixations)
    if finding is not None:
        # Gaze stands beside the maps: what a radiologist's own eyes score.
        numbers |= with_finding(maps if gaze is None else {**maps, "gaze": gaze}, finding, tolerance_px)
    for name, curve in curves.items():
        numbers[f"{name}_deletion_area"] = float(curve.deletion_area)
        numbers[f"{name}_insertion_area"] = float(curve.insertion_area)
    return numbers
