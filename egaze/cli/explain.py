"""`egaze explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_free
from egaze.cli import progress
from egaze.cli.completing import RUN
from egaze.cli.options import SeveralValues, split_option, study_option
from egaze.cli.table import Row, show
from egaze.cli.text import count_text, estimate_text

if TYPE_CHECKING:
    from egaze.explain.results import CaseMean


@click.command(cls=SeveralValues)
@click.argument("run", type=RUN)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="New folder.")
@click.option("--cases", multiple=True, metavar="ID...", help="These cases; * and ? are wildcards.")
@click.option("--all", "everything", is_flag=True, help="All cases of the split.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="N cases of the split, spread evenly over it.")
@split_option
@click.option(
    "--class",
    "class_name",
    default="predicted",
    show_default=True,
    metavar="NAME",
    help="The class whose evidence is shown: its name, predicted, or label.",
)
@click.option(
    "--method",
    default="grad-cam",
    show_default=True,
    type=click.Choice(["grad-cam", "grad-cam++"]),
    help="Method of the class map.",
)
@click.option(
    "--stride",
    default=32,
    show_default=True,
    type=click.IntRange(1),
    help="Stride of the encoder's feature map: 32, 16, 8, 4 or 2.",
)
@click.option(
    "--findings",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Folder of finding masks, CASE_ID.png, of the radiographs' size. [default: the study's regions]",
)
@click.option(
    "--tolerance-px",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 4096),
    help="Distance from the finding within which a peak still counts, in pixels of the model's input.",
)
@click.option(
    "--steps",
    default=32,
    show_default=True,
    type=click.IntRange(0, 4096),
    help="Steps of deletion and insertion, which take most of the time; 0 leaves them out.",
)
@click.option("--seed", type=click.IntRange(0), help="For a set: the seed whose runs explain. [default: its first]")
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
    """Explain the predictions of a run's model for some cases.

    Shows where the model's evidence for a class lies, together with predicted gaze, the reader's gaze and the finding;
    how well these agree; and whether the prediction depends on the evidence. In a set of runs with folds, each case is
    explained by the run that tests it.

    There is a folder per case with explanation.png (all pictures side by side), gaze.png, predicted.png and
    grad_cam.png. index.csv has the metrics of every case, explain.json their means, curves and all settings.

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
        raise click.UsageError("--seed is for a set of runs; this is a single run.")
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
        click.echo(f"  each explained by the run of seed {result.seed} that has it in its {split} split")
    show(_lines(result.means))
    if result.elsewhere:
        click.echo(f"  cases left out because they are in another split than {split}: {result.elsewhere}")
    if result.without_gaze:
        click.echo(f"  cases without gaze on the radiograph, its picture and its metrics: {result.without_gaze}")
    if result.without_finding:
        click.echo(f"  cases without a known finding, its outline and its metrics: {result.without_finding}")
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
    titles = [MAP_TITLES[name] for name in columns]
    lines: list[str] = [Row("  mean (95 % over patients)", titles, width=27, cell=24)]
    for key, title in METRIC_TITLES.items():
        cells = [means.get(f"{name}_{key}") for name in columns]
        if any(cells):
            texts = [estimate_text(None if cell is None else cell.estimate) for cell in cells]
            lines.append(Row(f"  {title}", texts, width=27, cell=24))
    if (chance := means.get("finding_area_frac")) is not None:
        lines.append(f"  the finding covers {chance.value:.3f} of the radiograph, which is chance for peak and energy")
    return lines
