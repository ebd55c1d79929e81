"""`egaze evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_folder
from egaze.cli import progress
from egaze.cli.completing import RUN
from egaze.cli.independent import class_calibration_lines, independent_lines
from egaze.cli.options import split_option, study_option, threads_option
from egaze.cli.set_metrics import set_lines
from egaze.cli.table import Row, show
from egaze.cli.text import count_text, estimate_text, metric_text

if TYPE_CHECKING:
    from egaze.evaluation.gaze_results import MapAgreement, Scanpaths
    from egaze.evaluation.results import Calibration, Classification, Confusion, EvaluationResult, ReaderAgreement
    from egaze.metrics import Estimate
    from egaze.metrics.literature import Published


@click.command()
@click.argument("run", type=RUN)
@split_option
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results. [default: RUN/evaluation/SPLIT]")
@click.option(
    "--readers",
    type=click.Path(path_type=Path),
    metavar="READERS.csv",
    help="Table of several readers' labels (case_id, reader_id and a column for each class: 1, 0 or empty), to measure "
    "how well they agree with each other, and the model with them.",
)
@study_option
@threads_option
def command(
    run: Path, split: str, out: Path | None, readers: Path | None, study_path: Path | None, threads: int | None
) -> None:
    """Measure a run, or a set of runs, on one split of its study.

    \b
    Classes:   AUCs with 95 % intervals over patients, and the published ones on EGD-CXR's
               published splits; average precision; sensitivity and specificity at thresholds
               chosen on validation; calibration; the confusion matrix.
    Heatmaps:  agreement with gaze, compared with the centre-bias map and with other readers.
    Scanpaths: fixations, dwell time and coverage on radiographs and in regions.

    For a set of runs, each run is measured, then means over its seeds with intervals over seeds and patients.

    \b
    Example:
      egaze evaluate run
      egaze evaluate run --split validation
      egaze evaluate run --readers readers.csv
      egaze evaluate runs
    """
    require_folder(out or run / "evaluation" / split)
    from egaze.evaluation import evaluate, evaluate_set
    from egaze.training import is_run_set, open_run, open_run_set

    if is_run_set(run):
        if readers is not None:
            raise click.UsageError("--readers is for a single run: name one of the set's folders")
        with progress.bars() as update:
            evaluation = evaluate_set(
                open_run_set(run, study=study_path), split=split, out=out, threads=threads, progress=update
            )
        show(set_lines(evaluation.metrics))
        click.echo(f"written to {evaluation.path} and to each run's own folder")
        return
    with progress.bar("predicting") as update:
        opened = open_run(run, study=study_path)
        evaluation = evaluate(opened, split=split, out=out, readers=readers, threads=threads, progress=update)
    show(_lines(evaluation.metrics))
    click.echo(f"written to {evaluation.path}")


def _lines(result: EvaluationResult) -> list[str]:
    lines = [
        f"{result.split}: {count_text(result.cases, 'case')} of {count_text(result.patients, 'patient')}; "
        f"intervals: {result.intervals}"
    ]
    if result.optimistic:
        lines.append(
            f"chosen on {result.split}: the epoch was chosen on these radiographs, so the results are optimistic"
        )
    if result.synthetic:
        lines.append("synthetic data: these results say nothing about patients")
    if (classification := result.classification) is not None:
        lines += _areas(classification, result.published)
        lines += _operating_points(classification)
        lines += _calibration(classification.calibration) + class_calibration_lines(classification)
        lines += _confusion(classification.confusion)
    if result.readers is not None:
        lines += _readers(result.readers)
    if result.heatmap is not None:
        lines += _agreement(result.heatmap)
    if result.scanpath is not None:
        lines += _scanpaths(result.scanpath)
    return lines + [f"note: {line}" for line in result.warnings]


def _areas(classification: Classification, published: tuple[Published, ...]) -> list[str]:
    classes = classification.classes
    if classification.label_kind == "independent":
        return independent_lines(classification)
    if (of := classification.one_auc_class) is not None:
        lines: list[str] = [Row("AUC", [str(classification.one_auc_title)], width=34)]
        only = classes[of]
        for title, area in (("", only.auc), (", BCa", only.auc_bca), (", DeLong", only.auc_delong)):
            lines.append(Row(f"  this run{title}", [estimate_text(area)], width=34))
        lines.append(Row("average precision", list(classes), width=34))
        cells = [estimate_text(item.average_precision) for item in classes.values()]
        return [*lines, Row("  this run", cells, width=34)]

    def row(title: str, estimates: dict[str, Estimate | None], source: str = "") -> Row:
        cells = [estimate_text(estimates.get(name)) for name in ("macro", "micro", *classes)]
        return Row(f"  {title}", cells, width=34, note=source)

    c, named = classification, classes.items()
    return [
        Row("AUC", ["macro", "micro", *classes], width=34),
        row("this run", {"macro": c.macro_auc, "micro": c.micro_auc, **{name: item.auc for name, item in named}}),
        row("this run, BCa", {"macro": c.macro_auc_bca, **{name: item.auc_bca for name, item in named}}),
        row("this run, DeLong", {name: item.auc_delong for name, item in named}),
        *(row(paper.name, dict(paper.auc), paper.source) for paper in published),
        row(
            "average precision",
            {
                "macro": c.macro_average_precision,
                "micro": c.micro_average_precision,
                **{name: item.average_precision for name, item in named},
            },
        ),
    ]


def _operating_points(classification: Classification) -> list[str]:
    lines: list[str] = [Row("thresholds chosen on validation", ["threshold", "sensitivity", "specificity"], width=34)]
    for name, item in classification.classes.items():
        for point in item.operating_points or ():
            threshold = ", ".join(f"{threshold:.3f}" for threshold in point.thresholds)
            cells = [threshold, estimate_text(point.sensitivity), estimate_text(point.specificity)]
            lines.append(Row(f"  {name}, {point.name}", cells, width=34))
    return lines if len(lines) > 1 else []


def _calibration(calibration: Calibration | None) -> list[str]:
    if calibration is None:
        return []
    fitted = ", ".join(f"{temperature:.3f}" for temperature in calibration.temperatures if temperature is not None)
    states = [state for state in (calibration.before, calibration.after) if state is not None]
    lines: list[str] = [Row("calibration", ["as predicted", *([f"temperature {fitted}"] if fitted else [])], width=34)]
    for title, estimates in (
        ("Brier score (less is better)", [state.brier for state in states]),
        ("log loss, nats (less)", [state.log_loss for state in states]),
        (f"ECE, {calibration.bins} bins (less)", [state.expected_calibration_error for state in states]),
    ):
        lines.append(Row(f"  {title}", map(estimate_text, estimates), width=34))
    return lines


def _readers(agreement: ReaderAgreement) -> list[str]:
    title = f"kappa of {count_text(agreement.readers, 'reader')}"
    lines: list[str] = [Row(title, ["between readers", "model with readers"], width=34, note="the model's calls")]
    for name, item in agreement.classes.items():
        cells = [estimate_text(item.readers), estimate_text(item.model)]
        lines.append(Row(f"  {name} ({item.cases})", cells, width=34, note=item.model_calls or "-"))
    return lines


def _confusion(confusion: Confusion | None) -> list[str]:
    if confusion is None:
        return []
    lines: list[str] = [Row("label (rows) and prediction (columns)", confusion.classes, width=40, cell=14)]
    for name, radiographs in zip(confusion.classes, confusion.matrix, strict=True):
        lines.append(Row(f"  {name}", map(str, radiographs), width=40, cell=14))
    return lines


def _agreement(heatmap: MapAgreement) -> list[str]:
    target, ceiling = heatmap.target, heatmap.ceiling
    lines = [
        f"heatmaps and gaze: {count_text(heatmap.cases, 'case')}, {heatmap.size_px} px; readers' heatmaps of sigma "
        f"{heatmap.sigma_px:.1f} px ({target.sigma_frac} of the side), weight {target.weight}"
    ]
    if heatmap.trained_towards != "gaze":
        towards = "the egd target" if heatmap.trained_towards == "egd" else heatmap.trained_towards
        lines.append(f"  trained on {towards}; compared with {heatmap.target_kind}")
    titles = ["predicted", "centre bias", "difference", *([f"other readers ({ceiling.cases})"] if ceiling else [])]
    lines.append(Row("  metric (what is better)", titles, width=44, cell=27, note="against"))
    for name, metric in heatmap.definitions.items():
        estimates = [heatmap.predicted[name], heatmap.centre_bias[name], heatmap.over_centre_bias[name]]
        if ceiling:
            estimates.append(ceiling.readers[name])
        cells = [estimate_text(item, metric.digits) for item in estimates]
        lines.append(Row(f"  {metric_text(metric)}", cells, width=44, cell=27, note=heatmap.against(name)))
    return lines


def _scanpaths(scanpath: Scanpaths) -> list[str]:
    has_times = scanpath.dwell_s is not None
    dwell = f"dwell time {estimate_text(scanpath.dwell_s, 1)} s, " if has_times else ""
    lines = [
        f"scanpaths: {count_text(scanpath.cases, 'reading')}; fixations {estimate_text(scanpath.fixations, 1)}, "
        f"{dwell}coverage {estimate_text(scanpath.coverage_frac)}",
        f"  (coverage: {scanpath.coverage})",
    ]
    if relative := scanpath.cases_relative:
        lines.append(f"  (durations of {count_text(relative, 'reading')} are relative and not in the dwell times)")
    if scanpath.regions:
        times = ["dwell time, s"] if has_times else []
        titles = ["fixations", *times, "share of dwell", "share of radiograph", "first fixation, s", "coverage"]
        lines.append(Row("  in regions", titles, width=34))
    for name, region in scanpath.regions.items():
        cells = [estimate_text(region.fixations, 1), *([estimate_text(region.dwell_s, 2)] if has_times else [])]
        cells += [estimate_text(region.dwell_frac), estimate_text(region.area_frac)]
        cells += [estimate_text(region.first_fixation_s, 2), estimate_text(region.coverage_frac)]
        lines.append(Row(f"  {name} ({region.cases_fixated} of {region.cases})", cells, width=34))
    return lines
