"""Explaining cases of a study: their class maps, what these are compared with, and the metrics."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from egaze.errors import EgazeError, StudyError
from egaze.explain.faithfulness import Faithfulness, class_probabilities, faithfulness, random_order
from egaze.explain.metrics import CaseMetrics, finding_metrics, gaze_metrics
from egaze.loading import Batch, DeviceLoader
from egaze.models import METHODS, grad_cam, to_image_size
from egaze.pictures.case_gaze import CaseGaze, HeatmapOptions, read_case
from egaze.study import Study
from egaze.study.findings import finding_mask
from egaze.training import Run

#: Choices besides a class: the most probable class, and the case's label (of several present classes the most probable
#: of them; the most probable class if it has none).
PREDICTED, LABEL = "predicted", "label"

_BATCH_SIZE = 16
# Smaller, because gradients keep every layer of a batch in memory.
_EVIDENCE_BATCH_SIZE = 4


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """What is explained, and how.

    Attributes:
        class_name: the class whose evidence is shown; or "predicted", or "label".
        method: how the class map is computed, one of METHODS.
        stride: stride of the encoder's feature map.
        findings: a folder of finding masks that replace the study's regions; see `finding_mask`.
        tolerance_px: tolerance of the pointing game, in pixels of the model's input.
        steps: number of steps of deletion and insertion; 0 leaves them out, which saves most of the time.

    Raises:
        EgazeError: the method is unknown, or a number is out of range.
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
            raise EgazeError(f"tolerance_px must be 0 to 4096, got {self.tolerance_px}")
        if not 0 <= self.steps <= 4096:
            raise EgazeError(f"steps must be 0 to 4096, got {self.steps}")
        if self.findings is not None and not self.findings.is_dir():
            raise EgazeError(f"{self.findings}: no such folder of finding masks")

    def class_index(self, class_names: tuple[str, ...]) -> int | None:
        """Return the class's index; None if it depends on the case. Raises StudyError if there is no such class."""
        if self.class_name in class_names:
            return class_names.index(self.class_name)
        if self.class_name not in (PREDICTED, LABEL):
            raise StudyError(f"there is no class {self.class_name!r}; the classes are {', '.join(class_names)}")
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The explanation of one case. Maps are (size, size) arrays on the canvas that the model sees.

    Attributes:
        case_index: index of the case in the study.
        case_gaze: the image and the reader's gaze on the canvas.
        class_probs: (C,) float32.
        class_index: the class whose evidence is shown.
        maps: "grad_cam" in logits, not negative; and "predicted" in [0, 1] if the model has a trained heatmap head.
        gaze: the reader's heatmap in seconds, relative durations or fixations per pixel; None if no fixation lies on
            the radiograph.
        finding: bool mask; None if the finding is unknown.
        curves: deletion and insertion for each map and for "random" order; empty if they were left out.
        metrics: all metrics of the case by name.
        deleted_to: grey value that replaces deleted pixels: the mean that the model subtracts.
    """

    case_index: int
    case_gaze: CaseGaze
    class_probs: NDArray[np.float32]
    class_index: int
    maps: dict[str, NDArray[np.float32]]
    gaze: NDArray[np.float32] | None
    finding: NDArray[np.bool_] | None
    curves: dict[str, Faithfulness]
    metrics: CaseMetrics
    deleted_to: float


def explain_cases(run: Run, study: Study, cases: NDArray[np.int64], options: ExplainOptions) -> Iterator[Explanation]:
    """Explain cases in order with a run's best model, holding a few at a time in memory.

    Args:
        run: the run. Its predicted heatmap is left out if no stage of the recipe trained the heatmap head.
        study: the run's study.
        cases: (K,) indices into the study, at least one.
        options: what is explained, and how.

    Raises:
        RunError: no epoch of the run is finished.
        EgazeError: the encoder has no such stride, or there are more steps than pixels.
        StudyError: there is no such class, or a finding mask does not fit its radiograph.
        RadiographError: a finding mask cannot be read.
    """
    model, recipe = run.load_model(), run.recipe
    target, size_px, class_probs = recipe.heatmap, recipe.input_size_px, run.class_probs
    always = options.class_index(study.class_names)
    shown = HeatmapOptions.of(target, size_px)
    loader = DeviceLoader(
        study, cases, batch_size=_BATCH_SIZE, size_px=size_px, target=None, threads=os.cpu_count() or 1
    )
    for batch in loader:
        with torch.inference_mode():
            predicted = model.predictions(model(batch.image), class_probs)
            probs = predicted.class_probs
        class_index = _chosen(options.class_name, always, probs, batch)
        evidence = grad_cam(model, batch.image, class_index, stride=options.stride, method=options.method)
        maps = {"grad_cam": to_image_size(evidence, (size_px, size_px))}
        if model.heatmap_head and recipe.trains_heatmap:
            maps["predicted"] = predicted.heatmap[:, 0]
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
            # Of several findings, the one whose evidence is shown.
            shown_class = study.class_names[int(class_index[place])]
            of_class = case_gaze.label if batch.label_kind == "exclusive" else shown_class
            finding = finding_mask(study, case_index, size_px, of_class, folder=options.findings)
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
                metrics=_metrics(own, gaze, case_gaze, finding, curves, options.tolerance_px),
                deleted_to=model.mean,
            )


def evidence_maps(
    run: Run, study: Study, cases: NDArray[np.int64], progress: Callable[[int], None] | None = None
) -> NDArray[np.float32]:
    """Compute only the class maps: Grad-CAM of each case's most probable class, by the run's best model.

    Args:
        run: the run.
        study: the run's study.
        cases: (K,) indices into the study, at least one.
        progress: called with the number of cases done.

    Returns:
        (K, h, w) float32 in logits, not negative, at the resolution of the encoder's coarsest feature map.

    Raises:
        RunError: no epoch of the run is finished, or the weights do not fit the run's recipe.
    """
    model, recipe = run.load_model(), run.recipe
    loader = DeviceLoader(
        study,
        cases,
        batch_size=_EVIDENCE_BATCH_SIZE,
        size_px=recipe.input_size_px,
        target=None,
        threads=os.cpu_count() or 1,
    )
    found: list[NDArray[np.float32]] = []
    for batch in loader:
        found.extend(grad_cam(model, batch.image).numpy())
        if progress:
            progress(len(found))
    return np.stack(found)


@torch.inference_mode()
def predicted_class_heatmaps(
    run: Run, study: Study, cases: NDArray[np.int64], size_px: int, progress: Callable[[int], None] | None = None
) -> NDArray[np.float16]:
    """Predict the heatmap of each class, by the best model of a run whose model has one per class.

    Args:
        run, study, cases, progress: as for `evidence_maps`.
        size_px: side of the heatmaps, to which they are averaged.

    Returns:
        (K, C, size, size) float16 in [0, 1].

    Raises:
        RunError: as `evidence_maps`.
    """
    model = run.load_model()
    loader = DeviceLoader(
        study,
        cases,
        batch_size=_BATCH_SIZE,
        size_px=run.recipe.input_size_px,
        target=None,
        threads=os.cpu_count() or 1,
    )
    found: list[NDArray[np.float16]] = []
    for batch in loader:
        heatmaps = model(batch.image).heatmap_logits.float().sigmoid()
        found.extend(functional.adaptive_avg_pool2d(heatmaps, size_px).half().numpy())
        if progress:
            progress(len(found))
    return np.stack(found)


def _chosen(name: str, always: int | None, probs: Tensor, batch: Batch) -> Tensor:
    predicted = probs.argmax(dim=1)
    if always is not None:
        return torch.full_like(predicted, always)
    if name != LABEL:
        return predicted
    if batch.label_kind == "exclusive":
        own = batch.label
    else:
        own = torch.where(batch.present_classes, probs, -1).argmax(dim=1)
    return torch.where(batch.shows_class, own, predicted)


def _metrics(
    maps: dict[str, NDArray[np.float32]],
    gaze: NDArray[np.float32] | None,
    case_gaze: CaseGaze,
    finding: NDArray[np.bool_] | None,
    curves: dict[str, Faithfulness],
    tolerance_px: float,
) -> CaseMetrics:
    metrics: CaseMetrics = {}
    if gaze is not None:
        metrics |= gaze_metrics(maps, gaze, case_gaze.fixations)
    if finding is not None:
        # The reader's own gaze is measured too, for comparison.
        metrics |= finding_metrics(maps if gaze is None else {**maps, "gaze": gaze}, finding, tolerance_px)
    for name, curve in curves.items():
        metrics[f"{name}_deletion_area"] = float(curve.deletion_area)
        metrics[f"{name}_insertion_area"] = float(curve.insertion_area)
    return metrics
