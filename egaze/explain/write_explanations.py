"""Writing explanations: a folder of pictures for each case, and tables of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy.typing import NDArray

from egaze.atomic import new_directory
from egaze.explain.cases import ExplainOptions, Explanation, explain_cases
from egaze.explain.drawing import draw_layer, draw_panels, layers_of
from egaze.explain.faithfulness import BLUR_SIGMA_FRAC
from egaze.explain.results import CaseMean, ExplanationResult
from egaze.metrics import mean_ci
from egaze.metrics.estimate import noting
from egaze.pictures.output_names import safe_names
from egaze.progress import Progress
from egaze.serialize import JsonObject, write_json
from egaze.study import Study
from egaze.training import Run

INDEX, FACTS, PANELS = "index.csv", "explain.json", "explanation.png"
FORMAT_VERSION = 3
RESAMPLES = 10_000

_DPI = 150


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A run and the (K,) cases that it explains."""

    run: Run
    cases: NDArray[np.int64]


def write_explanations(
    parts: Sequence[Part],
    study: Study,
    out: Path,
    options: ExplainOptions,
    *,
    split: str,
    elsewhere: int = 0,
    names_runs: bool = False,
    progress: Progress | None = None,
) -> ExplanationResult:
    """Write the folder that `egaze.explain.explain` describes.

    Args:
        parts: one or more parts of the same recipe and study, each with at least one case.
        study: the study of all parts.
        out: the new folder.
        options: what is explained, and how.
        split: the split that the cases are in.
        elsewhere: number of requested cases that are in another split.
        names_runs: whether index.csv has a column with the run that explains each case.
        progress: called with the cases done and the number of cases.
    """
    recipe = parts[0].run.recipe
    cases = np.concatenate([part.cases for part in parts])
    names = safe_names([study.case_ids[index] for index in cases], taken=(INDEX, FACTS))
    rows: list[JsonObject] = []
    curves: dict[str, list[NDArray[np.float32]]] = {}
    with new_directory(out) as folder:
        explanations = (
            (part.run.path.name, explained)
            for part in parts
            for explained in explain_cases(part.run, study, part.cases, options)
        )
        for name, (run, explained) in zip(names, explanations, strict=True):
            files = _write_case(explained, folder / name, options, study.class_names)
            rows.append(_row(study, explained, split, name, files) | ({"run": run} if names_runs else {}))
            for kind, curve in explained.curves.items():
                for way, values in (("deletion", curve.deletion), ("insertion", curve.insertion)):
                    curves.setdefault(f"{kind}_{way}", []).append(values[0].numpy())
            if progress is not None:
                progress(len(rows), len(cases))
        columns = list(dict.fromkeys(name for row in rows for name in row))
        table = pl.DataFrame({name: [row.get(name) for row in rows] for name in columns})
        table.write_csv(folder / INDEX, float_precision=6)
        notes: list[str] = []
        if recipe.model.heatmap_head and not recipe.trains_heatmap:
            notes.append("no stage of the recipe trained the heatmap head, so its heatmaps are left out")
        with noting(notes, "means"):
            means = _means(table, study.patients[cases])
        result = ExplanationResult(
            egaze_version=version("egaze"),
            recipe=recipe.name,
            encoder=recipe.model.encoder,
            seed=parts[0].run.facts["seed"],
            split=split,
            study_sha256=study.digest(),
            synthetic=study.is_synthetic,
            cases=len(rows),
            elsewhere=elsewhere,
            without_gaze=sum(row["gaze"] is None for row in rows),
            without_finding=sum("finding_area_frac" not in row for row in rows),
            class_name=options.class_name,
            method=options.method,
            stride=options.stride,
            size_px=recipe.input_size_px,
            gaze_target=recipe.heatmap.target,
            finding_from="regions" if options.findings is None else "masks",
            tolerance_px=options.tolerance_px,
            steps=options.steps,
            deleted_to=explained.deleted_to,
            blur_sigma_px=BLUR_SIGMA_FRAC * recipe.input_size_px,
            intervals=f"95 %, bootstrap over patients, {RESAMPLES} resamples",
            warnings=tuple(notes),
            means=means,
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
    # No date and no versions, so that the same run gives the same bytes.
    figure.savefig(path, dpi=_DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
    return path.name


def _row(study: Study, explained: Explanation, split: str, name: str, files: Mapping[str, str]) -> JsonObject:
    facts = study.cases.row(explained.case_index, named=True)
    probs = dict(zip(study.class_names, explained.class_probs.tolist(), strict=True))
    return {
        "case_id": facts["case_id"],
        "label": facts["label"],
        "reader_id": facts["reader_id"],
        "split": split,
        "predicted_class": study.class_names[int(explained.class_probs.argmax())],
        "explained_class": study.class_names[explained.class_index],
        **{f"prob_{name}": prob for name, prob in probs.items()},
        **explained.metrics,
        **{kind: f"{name}/{files[kind]}" if kind in files else None for kind in _PICTURES},
    }


_PICTURES = ("explanation", "gaze", "predicted", "grad_cam")


def _means(table: pl.DataFrame, patients: NDArray[np.int64]) -> dict[str, CaseMean]:
    """Average every metric over the cases that have it, with an interval over patients."""
    means = {}
    for name in table.columns:
        if not name.startswith("prob_") and table[name].dtype == pl.Float64:
            has = table[name].is_not_null().to_numpy()
            mean = mean_ci(table[name].drop_nulls().to_numpy(), patients[has], resamples=RESAMPLES)
            means[name] = CaseMean(int(has.sum()), mean.value, mean.low, mean.high)
    return means


def _mean_curves(
    curves: Mapping[str, Sequence[NDArray[np.float32]]], steps: int
) -> dict[str, tuple[float, ...]] | None:
    if not curves:
        return None
    means = {name: tuple(np.mean(parts, axis=0).round(6).tolist()) for name, parts in curves.items()}
    return {"share": tuple(np.linspace(0, 1, steps + 1).round(6).tolist()), **means}
