"""`write_explanations`: pictures and numbers of a model's explanations, a folder a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy.typing import NDArray

from egaze.atomic import new_directory, require_free
from egaze.explain.cases import ExplainOptions, Explanation, explain_cases
from egaze.explain.drawing import draw_layer, draw_panels, layers_of
from egaze.explain.faithfulness import BLUR_SIGMA_FRAC
from egaze.explain.results import CaseMean, ExplanationResult
from egaze.loading import HeatmapTarget
from egaze.metrics import mean_ci
from egaze.metrics.notes import noting
from egaze.models import DualHeadUNet
from egaze.pictures.names import safe_names
from egaze.serialize import write_json
from egaze.study import Study
from egaze.study.split import SIDES

INDEX, FACTS, PANELS = "index.csv", "explain.json", "explanation.png"
FORMAT_VERSION = 2
RESAMPLES = 10_000

_DPI = 150


def write_explanations(
    model: DualHeadUNet,
    study: Study,
    out: Path,
    cases: NDArray[np.int64],
    *,
    target: HeatmapTarget,
    size_px: int,
    options: ExplainOptions | None = None,
    class_probs: str = "softmax",
    has_heatmap: bool = True,
    about: Mapping[str, str] | None = None,
    answered_by: Sequence[tuple[str, DualHeadUNet, NDArray[np.int64]]] = (),
    progress: Callable[[int, int], None] | None = None,
) -> ExplanationResult:
    """Write a folder a case with explanation.png (all side by side), gaze.png, predicted.png and grad_cam.png, then
    index.csv with every case's numbers and explain.json with their means and how all of it was made.

    The folder exists whole or not at all. A case lacks the pictures and numbers of what it has not.

    Args:
        model, study, cases, target, size_px, options, class_probs, has_heatmap: as `explain_cases`.
        out: a new folder.
        about: of the model and its cases "recipe", "encoder" and "split", where they are known.
        answered_by: of a set of runs, (name, model, cases) of each that explains some; they stand in for `model`, which
            is then any of them, their cases together are `cases`, and index.csv says of each case which it was.
        progress: called with (cases done, cases in all).

    Raises:
        EgazeError: as `explain_cases`; or `out` is there and not empty, or cannot be written.
    """
    options = options or ExplainOptions()
    out = Path(out)
    require_free(out)
    options.class_index(study.class_names)
    if answered_by:
        cases = np.concatenate([its_cases for _, _, its_cases in answered_by])
    names = safe_names([study.case_ids[index] for index in cases], taken=(INDEX, FACTS))
    rows: list[dict[str, Any]] = []
    curves: dict[str, list[NDArray[np.float32]]] = {}
    with new_directory(out) as folder:
        explanations = (
            (run, explained)
            for run, its_model, its_cases in answered_by or (("", model, cases),)
            for explained in explain_cases(
                its_model,
                study,
                its_cases,
                target=target,
                size_px=size_px,
                options=options,
                class_probs=class_probs,
                has_heatmap=has_heatmap,
            )
        )
        for name, (run, explained) in zip(names, explanations, strict=True):
            files = _write_case(explained, folder / name, options, study.class_names)
            rows.append(_row(study, explained, name, files) | ({"run": run} if run else {}))
            for kind, curve in explained.curves.items():
                for way in ("deletion", "insertion"):
                    curves.setdefault(f"{kind}_{way}", []).append(getattr(curve, way)[0].numpy())
            if progress is not None:
                progress(len(rows), len(cases))
        columns = list(dict.fromkeys(name for row in rows for name in row))
        table = pl.DataFrame({name: [row.get(name) for row in rows] for name in columns})
        table.write_csv(folder / INDEX, float_precision=6)
        notes: list[str] = []
        with noting(notes, "means"):
            figures = _figures(table, study.patients[cases])
        known = about or {}
        result = ExplanationResult(
            egaze_version=version("egaze"),
            recipe=known.get("recipe"),
            encoder=known.get("encoder"),
            split=known.get("split"),
            study_sha256=study.digest(),
            synthetic=study.is_synthetic,
            cases=len(rows),
            without_gaze=sum(row["gaze"] is None for row in rows),
            without_finding=sum("finding_area_frac" not in row for row in rows),
            class_name=options.class_name,
            method=options.method,
            stride=options.stride,
            size_px=size_px,
            gaze_target=target,
            finding_from="regions" if options.findings is None else "masks",
            tolerance_px=options.tolerance_px,
            steps=options.steps,
            deleted_to=model.mean,
            blur_sigma_px=BLUR_SIGMA_FRAC * size_px,
            intervals=f"95 %, bootstrap over patients, {RESAMPLES} resamples",
            warnings=tuple(notes),
            figures=figures,
            curves=_mean_curves(curves, options.steps),
        )
        write_json(folder / FACTS, FORMAT_VERSION, result)
    return result


def _write_case(
    explained: Explanation, folder: Path, options: ExplainOptions, class_names: tuple[str, ...]
) -> dict[str, str]:
    folder.mkdir(parents=True)
    layers = layers_of(explained, options, class_names)
    files = {"explanation": _save(draw_panels(explained, layers, class_names), folder / PANELS)}
    for layer in layers:
        files[layer.name] = _save(draw_layer(explained, layer, class_names), folder / f"{layer.name}.png")
    return files


def _save(figure: Figure, path: Path) -> str:
    # Neither date nor versions: the same run gives the same bytes.
    figure.savefig(path, dpi=_DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
    return path.name


def _row(study: Study, explained: Explanation, name: str, files: Mapping[str, str]) -> dict[str, Any]:
    facts = study.cases.row(explained.case_index, named=True)
    probs = dict(zip(study.class_names, explained.class_probs.tolist(), strict=True))
    return {
        "case_id": facts["case_id"],
        "label": facts["label"],
        "reader_id": facts["reader_id"],
        "split": SIDES[study.split.sides[explained.case_index]],
        "predicted_class": study.class_names[int(explained.class_probs.argmax())],
        "explained_class": study.class_names[explained.class_index],
        **{f"prob_{name}": prob for name, prob in probs.items()},
        **explained.numbers,
        **{kind: f"{name}/{files[kind]}" if kind in files else None for kind in _PICTURES},
    }


_PICTURES = ("explanation", "gaze", "predicted", "grad_cam")


def _figures(table: pl.DataFrame, patients: NDArray[np.int64]) -> dict[str, CaseMean]:
    """The mean of every number over the cases that have it, with an interval over patients."""
    figures = {}
    for name in table.columns:
        if not name.startswith("prob_") and table[name].dtype == pl.Float64:
            has = table[name].is_not_null().to_numpy()
            mean = mean_ci(table[name].drop_nulls().to_numpy(), patients[has], resamples=RESAMPLES)
            figures[name] = CaseMean(int(has.sum()), mean.value, mean.low, mean.high)
    return figures


def _mean_curves(
    curves: Mapping[str, Sequence[NDArray[np.float32]]], steps: int
) -> dict[str, tuple[float, ...]] | None:
    if not curves:
        return None
    means = {name: tuple(np.mean(parts, axis=0).round(6).tolist()) for name, parts in curves.items()}
    return {"share": tuple(np.linspace(0, 1, steps + 1).round(6).tolist()), **means}
