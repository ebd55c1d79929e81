"""`egaze evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from egaze.cli import progress


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", default="test", show_default=True, type=click.Choice(["train", "validation", "test"]))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results. [default: RUN/evaluation/SPLIT]")
def command(run: Path, split: str, out: Path | None) -> None:
    """Measure a run: AUCs with 95 % intervals over patients, published figures beside, and the agreement of its
    maps with gaze beside the centre-bias map's.

    \b
    Example:
      egaze evaluate run
      egaze evaluate run --split validation
    """
    from egaze.assessment import evaluate
    from egaze.training import open_run

    with progress.bar("predicting") as update:
        assessment = evaluate(open_run(run), split=split, out=out, progress=update)
    for line in _lines(assessment.metrics):
        click.echo(line)
    click.echo(f"written to {assessment.path}")


def _lines(metrics: dict[str, Any]) -> list[str]:
    lines = [
        f"{metrics['split']}: {metrics['cases']} cases of {metrics['patients']} patients; "
        f"intervals: {metrics['intervals']}"
    ]
    if metrics["optimistic"]:
        lines.append(
            f"chosen on {metrics['split']}: the epoch was chosen on these films, so the figures are optimistic"
        )
    if metrics["synthetic"]:
        lines.append("synthetic data: these figures say nothing about patients")
    classification = metrics["classification"]
    if classification is None:
        lines.append("classification: fewer than two classes have a case here")
    else:
        names = list(classification["classes"])
        rows = [("this run", "", {"macro": classification["macro_auc"], **_class_aucs(classification)})]
        rows += [(paper["name"], paper["source"], paper["auc"]) for paper in metrics["published"]]
        lines.append("AUC" + " " * 31 + "".join(f"{name:>25}" for name in ["macro", *names]))
        for name, source, auc in rows:
            cells = "".join(f"{_text(auc.get(key)):>25}" for key in ["macro", *names])
            lines.append(f"  {name:<32}{cells}" + (f"  {source}" if source else ""))
        lines.append("  (published figures are of EGD-CXR; compare only with runs on it)")
    if (heatmap := metrics["heatmap"]) is not None:
        target = heatmap["target"]
        lines.append(
            f"heatmap against gaze: {heatmap['cases']} cases, {heatmap['size_px']} px, "
            f"sigma {target['sigma_frac']} of the side, weight {target['weight']}"
        )
        lines.append(f"  {'':<20}{'predicted':>25}{'centre bias':>25}{'difference':>26}")
        for key, name in (("cc", "CC (more is better)"), ("kld", "KL, nats (less)"), ("nss", "NSS (more)")):
            cells = f"{_text(heatmap[key]):>25}{_text(heatmap['centre_bias'][key]):>25}"
            lines.append(f"  {name:<20}{cells}{_text(heatmap['over_centre_bias'][key]):>26}")
    return lines


def _class_aucs(classification: dict[str, Any]) -> dict[str, Any]:
    return {name: item["auc"] for name, item in classification["classes"].items()}


def _text(figure: dict[str, float | None] | None) -> str:
    if figure is None or figure["value"] is None:
        return "-"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
