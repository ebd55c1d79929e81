"""`egaze explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_free
from egaze.cli import progress
from egaze.cli.options import SeveralValues, split_option, study_option
from egaze.cli.text import count_text, estimate_text

if TYPE_CHECKING:
    from egaze.explain.results import CaseMean


@click.command(cls=SeveralValues)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="New folder.")
@click.option("--cases", multiple=True, metavar="ID...", help="These cases; * and ? stand for any text.")
@click.option("--all", "everything", is_flag=True, help="All cases of the split.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="N cases of the side, spread evenly over it.")
@split_option
@click.option(
    "--class",
    "class_name",
    default="predicted",
    show_default=True,
    metavar="NAME",
    help="Whose evidence is shown: a class, predicted, or label.",
)
@click.option(
    "--method", default="grad-cam", show_default=True, type=click.Choice(["grad-cam", "grad-cam++"]), help="Of the map."
)
@click.option(
    "--stride", default=32, show_default=True, type=click.IntRange(1), help="Of the encoder's stage: 32, 16, 8, 4, 2."
)
@click.option(
    "--findings",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Finding masks, CASE_ID.png in the radiographs' size. [default: the study's ellipses]",
)
@click.option(
    "--tolerance-px",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 4096),
    help="How far from a finding a peak still counts, in pixels of the model's input.",
)
@click.option(
    "--steps",
    default=32,
    show_default=True,
    type=click.IntRange(0, 4096),
    help="Of deletion and insertion; 0 leaves them out, which take most of the time.",
)
@click.option("--seed", type=click.IntRange(0), help="Of a set: whose runs explain. [default: its first]")
@study_option
def command(
    run: Path,
    study_path: Path | None,
    out: Path,
    cases: tuple[str, ...],
    everything: bool,
    limit: int | None,
    split: str,
    class_name: str,
    method: str,
    stride: int,
    findings: Path | None,
    tolerance_px: float,
    steps: int,
    seed: int | None,
) -> None:
    """Show why a run's model said what it said of radiographs: where its evidence for a class lies, beside the gaze
    that it predicts, the reader's gaze and the finding; how far they agree; and whether the answer goes with them. In a
    set of runs with folds each case is explained by the run that tests it.

    Of each case a folder with explanation.png (all side by side), gaze.png, predicted.png and grad_cam.png. index.csv
    has every case's numbers, explain.json their means, curves and how all was made.

    \b
    Example:
      egaze explain run --cases case-00012 case-00031 --out why
      egaze explain run --all --class label --method grad-cam++ --findings masks --out why
    """
    if sum((bool(cases), everything, limit is not None)) != 1:
        raise click.UsageError("Give one of --cases, --all and --limit.")
    require_free(out)
    from egaze.explain import ExplainOptions, explain
    from egaze.training import is_run_set, open_run, open_run_set

    is_set = is_run_set(run)
    if seed is not None and not is_set:
        raise click.UsageError("--seed is of a set of runs; this is a single run.")
    source = open_run_set(run, study=study_path) if is_set else open_run(run, study=study_path)
    with progress.bar("explaining") as update:
        result = explain(
            source,
            out,
            split=split,
            cases=cases,
            limit=limit,
            seed=seed,
            options=ExplainOptions(class_name, method, stride, findings, tolerance_px, steps),
            progress=update,
        )
    click.echo(f"{out}: {count_text(result.cases, 'case')}, listed in {out / 'index.csv'}")
    if is_set:
        click.echo(f"  each explained by the run of seed {result.seed} whose {split} split it is on")
    for line in _lines(result.means):
        click.echo(line)
    if result.elsewhere:
        click.echo(f"  cases in another split than {split} left out: {result.elsewhere}")
    if result.without_gaze:
        click.echo(
            f"  cases without gaze on the radiograph, and so without its picture and numbers: {result.without_gaze}"
        )
    if result.without_finding:
        click.echo(f"  cases without a known finding, and so without its outline and numbers: {result.without_finding}")
    for line in result.warnings:
        click.echo(f"  note: {line}")
    if result.synthetic:
        click.echo("  synthetic data")


def _lines(means: dict[str, CaseMean]) -> list[str]:
    """Format the means as a table with one row per metric and one column per map."""
    from egaze.explain.metrics import MAP_TITLES, METRIC_TITLES

    columns = [name for name in MAP_TITLES if any(metric.startswith(f"{name}_") for metric in means)]
    if not columns:
        return []
    lines = [f"  {'mean (95 % over patients)':<25}" + "".join(f"{MAP_TITLES[name]:>24}" for name in columns)]
    for key, title in METRIC_TITLES.items():
        cells = [means.get(f"{name}_{key}") for name in columns]
        if any(cells):
            texts = [estimate_text(None if cell is None else cell.estimate) for cell in cells]
            lines.append(f"  {title:<25}" + "".join(f"{text:>24}" for text in texts))
    if (chance := means.get("finding_area_frac")) is not None:
        lines.append(f"  the finding covers {chance.value:.3f} of the radiograph, which is chance for peak and energy")
    return lines
