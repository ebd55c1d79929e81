"""`egaze evaluate`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from egaze.atomic import require_folder
from egaze.cli import progress
from egaze.cli.figure_text import count_text, figure_text
from egaze.cli.run_study import study_option
from egaze.cli.set_figures import set_lines


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", default="test", show_default=True, type=click.Choice(["train", "validation", "test"]))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results. [default: RUN/evaluation/SPLIT]")
@study_option
def command(run: Path, split: str, out: Path | None, study_path: Path | None) -> None:
    """Measure a run on one side of its study.

    The classes: AUCs with 95 % intervals over patients (beside them, on the published splits of EGD-CXR, the published
    figures), average precision, sensitivity
    and specificity at thresholds that validation chose, calibration, and what was taken for what. The maps: agreement
    with gaze beside the centre-bias map's and other readers'. The readers: their scanpaths on films and in regions.
    A set of runs: each, and the mean over its seeds with intervals over seeds and patients.

    \b
    Example:
      egaze evaluate run
      egaze evaluate run --split validation
      egaze evaluate runs
    """
    require_folder(out or run / "evaluation" / split)
    from egaze.evaluation import evaluate, evaluate_set
    from egaze.training import is_run_set, open_run, open_run_set

    if is_run_set(run):
        with progress.bars() as update:
            evaluation = evaluate_set(open_run_set(run, study=study_path), split=split, out=out, progress=update)
        for line in set_lines(evaluation.metrics):
            click.echo(line)
        click.echo(f"written to {evaluation.path}, and each run's own")
        return
    with progress.bar("predicting") as update:
        evaluation = evaluate(open_run(run, study=study_path), split=split, out=out, progress=update)
    for line in _lines(evaluation.metrics):
        click.echo(line)
    click.echo(f"written to {evaluation.path}")


def _lines(metrics: dict[str, Any]) -> list[str]:
    lines = [
        f"{metrics['split']}: {count_text(metrics['cases'], 'case')} of {count_text(metrics['patients'], 'patient')}; "
        f"intervals: {metrics['intervals']}"
    ]
    if metrics["optimistic"]:
        lines.append(
            f"chosen on {metrics['split']}: the epoch was chosen on these films, so the figures are optimistic"
        )
    if metrics["synthetic"]:
        lines.append("synthetic data: these figures say nothing about patients")
    if (classification := metrics["classification"]) is not None:
        lines += _areas(classification, metrics["published"])
        lines += _operating_points(classification)
        lines += _calibration(classification["calibration"])
        lines += _confusion(classification["confusion"])
    if (heatmap := metrics["heatmap"]) is not None:
        lines += _agreement(heatmap)
    if (scanpath := metrics["scanpath"]) is not None:
        lines += _scanpaths(scanpath)
    return lines + [f"note: {line}" for line in metrics["warnings"]]


def _areas(classification: dict[str, Any], published: list[dict[str, Any]]) -> list[str]:
    from egaze.evaluation.figures import one_auc

    classes = classification["classes"]
    names = ["macro", "micro", *classes]
    if (of := one_auc(classes)) is not None:
        lines = [_row("AUC", [f"{' against '.join(classes)}"], width=34)]
        for title, key in (("this run", "auc"), ("this run, BCa", "auc_bca"), ("this run, DeLong", "auc_delong")):
            lines.append(_row(f"  {title}", [figure_text(classes[of][key])], width=34))
        lines.append(_row("average precision", list(classes), width=34))
        cells = [figure_text(item["average_precision"]) for item in classes.values()]
        return [*lines, _row("  this run", cells, width=34)]

    def row(title: str, key: str) -> tuple[str, str, dict[str, Any]]:
        pooled = {average: classification.get(f"{average}_{key}") for average in ("macro", "micro")}
        return title, "", {**pooled, **{name: item[key] for name, item in classes.items()}}

    rows = [row("this run", "auc"), row("this run, BCa", "auc_bca")]
    rows.append(("this run, DeLong", "", {name: item["auc_delong"] for name, item in classes.items()}))
    rows += [(paper["name"], paper["source"], paper["auc"]) for paper in published]
    rows.append(row("average precision", "average_precision"))
    lines = [_row("AUC", names, width=34)]
    for name, source, figures in rows:
        cells = [figure_text(figures.get(key)) for key in names]
        lines.append(_row(f"  {name}", cells, width=34) + (f"  {source}" if source else ""))
    return lines


def _operating_points(classification: dict[str, Any]) -> list[str]:
    lines = [_row("thresholds that validation chose", ["threshold", "sensitivity", "specificity"], width=34)]
    for name, item in classification["classes"].items():
        for point in item["operating_points"] or ():
            cells = [f"{point['threshold']:.3f}", figure_text(point["sensitivity"]), figure_text(point["specificity"])]
            lines.append(_row(f"  {name}, {point['name']}", cells, width=34))
    return lines if len(lines) > 1 else []


def _calibration(calibration: dict[str, Any]) -> list[str]:
    temperature = calibration["temperature"]
    scaled = "" if temperature is None else f"temperature {temperature:.3f}"
    lines = [_row("calibration", ["as predicted", *([scaled] if scaled else [])], width=34)]
    for key, name in (
        ("brier", "Brier score (less is better)"),
        ("log_loss", "log loss, nats (less)"),
        ("expected_calibration_error", f"ECE, {calibration['bins']} bins (less)"),
    ):
        cells = [figure_text(calibration[side][key]) for side in ("before", "after") if calibration[side] is not None]
        lines.append(_row(f"  {name}", cells, width=34))
    return lines


def _confusion(confusion: dict[str, Any]) -> list[str]:
    lines = [_row("films of a class, by the most probable", confusion["classes"], width=40, cell=14)]
    for name, films in zip(confusion["classes"], confusion["matrix"], strict=True):
        lines.append(_row(f"  {name}", map(str, films), width=40, cell=14))
    return lines


def _agreement(heatmap: dict[str, Any]) -> list[str]:
    target, ceiling = heatmap["target"], heatmap["ceiling"]
    lines = [
        f"maps against gaze: {count_text(heatmap['cases'], 'case')}, {heatmap['size_px']} px; heatmap of sigma "
        f"{heatmap['sigma_px']:.1f} px ({target['sigma_frac']} of the side), weight {target['weight']}"
    ]
    if heatmap["trained_towards"] != "gaze":
        lines.append(
            f"  trained towards {heatmap['trained_towards']}'s picture; compared with {heatmap['target_kind']}"
        )
    titles = ["predicted", "centre bias", "difference", *([f"other readers ({ceiling['cases']})"] if ceiling else [])]
    lines.append(_row("", titles, width=44, cell=27) + "  against")
    for key, metric in heatmap["definitions"].items():
        unit = f", {metric['unit']}" if metric["unit"] else ""
        cells = [figure_text(part[key]) for part in (heatmap, heatmap["centre_bias"], heatmap["over_centre_bias"])]
        if ceiling:
            cells.append(figure_text(ceiling[key]))
        better = "more" if metric["more_is_better"] else "less"
        lines.append(_row(f"  {metric['name']}{unit} ({better})", cells, width=44, cell=27) + f"  {metric['against']}")
    return lines


def _scanpaths(scanpath: dict[str, Any]) -> list[str]:
    has_times = scanpath["dwell_s"] is not None
    dwell = f"dwell time {figure_text(scanpath['dwell_s'], 1)} s, " if has_times else ""
    lines = [
        f"scanpaths: {count_text(scanpath['cases'], 'reading')}; fixations {figure_text(scanpath['fixations'], 1)}, "
        f"{dwell}coverage {figure_text(scanpath['coverage_frac'])}",
        f"  (coverage: {scanpath['coverage']})",
    ]
    if relative := scanpath["cases_relative"]:
        lines.append(f"  (durations of {count_text(relative, 'reading')} are relative: no dwell time is of them)")
    if scanpath["regions"]:
        times = ["dwell time, s"] if has_times else []
        titles = ["fixations", *times, "share of dwell", "share of film", "first fixation, s", "coverage"]
        lines.append(_row("  in regions", titles, width=34))
    for name, region in scanpath["regions"].items():
        cells = [figure_text(region["fixations"], 1), *([figure_text(region["dwell_s"], 2)] if has_times else [])]
        cells += [figure_text(region[key]) for key in ("dwell_frac", "area_frac")]
        cells += [figure_text(region["first_fixation_s"], 2), figure_text(region["coverage_frac"])]
        lines.append(_row(f"  {name} ({region['cases_fixated']} of {region['cases']})", cells, width=34))
    return lines


def _row(title: str, cells: Iterable[str], *, width: int, cell: int = 25) -> str:
    return f"{title:<{width}}" + "".join(f"{text:>{cell}}" for text in cells)
