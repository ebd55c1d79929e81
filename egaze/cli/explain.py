"""`egaze explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from numpy.typing import NDArray

from egaze.atomic import require_free
from egaze.cli import progress
from egaze.cli.figure_text import figure_text
from egaze.cli.run_study import study_option
from egaze.cli.several import SeveralValues
from egaze.errors import RunError

if TYPE_CHECKING:
    from egaze.explain.results import CaseMean
    from egaze.study import Study

# Measures and what they are called; more is better unless it says less.
_WITH_GAZE = (("gaze_cc", "CC with gaze"), ("gaze_sim", "SIM with gaze"), ("gaze_nss", "NSS at fixations"))
_WITH_FINDING = (
    ("pointing", "peak in finding"),
    ("iou", "IoU at area match"),
    ("energy_inside", "energy in finding"),
)
_FAITHFUL = (("deletion_area", "deletion area (less)"), ("insertion_area", "insertion area (more)"))
_COLUMNS = {"grad_cam": "Grad-CAM", "predicted": "predicted gaze", "gaze": "reader's gaze", "random": "random order"}


@click.command(cls=SeveralValues)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="New folder.")
@click.option("--cases", multiple=True, metavar="ID...", help="These cases; * and ? stand for any text.")
@click.option("--all", "everything", is_flag=True, help="All cases of the side.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="N cases of the side, spread evenly over it.")
@click.option("--split", default="test", show_default=True, type=click.Choice(["train", "validation", "test"]))
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
    help="Finding masks, CASE_ID.png in the films' size. [default: the study's ellipses]",
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
    """Show why a run's model said what it said of films: where its evidence for a class lies, beside the gaze that it
    predicts, the reader's gaze and the finding; how far they agree; and whether the answer goes with them. In a set of
    runs with folds each case is explained by the run that tests it.

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
    from egaze.explain.cases import ExplainOptions
    from egaze.explain.write import write_explanations
    from egaze.report.answers import runs_of_seed
    from egaze.study.choose import choose_cases, spread
    from egaze.training import is_run_set, open_run, open_run_set

    is_set = is_run_set(run)
    if seed is not None and not is_set:
        raise click.UsageError("--seed is of a set of runs; this is a single run.")
    runs = runs_of_seed(open_run_set(run, study=study_path), seed) if is_set else [open_run(run, study=study_path)]
    if len(runs) > 1 and split == "train":
        raise RunError(f"{run}: folds train on each other's cases; explain a single run's")
    opened = runs[0]
    opened.require_classifier("so there is no evidence for a class to show")
    study = opened.open_study()
    of_runs = [_on_side(member.open_study(), cases, split) for member in runs]
    chosen = np.unique(np.concatenate(of_runs))
    if not len(chosen):
        chosen = choose_cases(study, cases, split)
    elsewhere = len(choose_cases(study, cases)) - len(chosen) if cases else 0
    explained = chosen if limit is None else spread(chosen, limit)
    parts = [
        (member.path.name, member.load_model(), its)
        for member, own in zip(runs, of_runs, strict=True)
        if len(its := np.intersect1d(explained, own))
    ]
    with progress.bar("explaining") as update:
        summary = write_explanations(
            parts[0][1],
            study,
            out,
            explained,
            target=opened.recipe.heatmap,
            size_px=opened.recipe.input_size_px,
            options=ExplainOptions(class_name, method, stride, findings, tolerance_px, steps),
            class_probs=opened.recipe.stages[-1].class_probs,
            has_heatmap=opened.recipe.trains_heatmap,
            about={"recipe": opened.recipe.name, "encoder": opened.recipe.model.encoder, "split": split},
            answered_by=parts if is_set else (),
            progress=update,
        )
    click.echo(f"{out}: {summary.cases} case{'' if summary.cases == 1 else 's'}, listed in {out / 'index.csv'}")
    if is_set:
        click.echo(f"  each explained by the run of seed {opened.facts['seed']} whose {split} side it is on")
    for line in _lines(summary.figures):
        click.echo(line)
    if elsewhere:
        click.echo(f"  cases on another side than {split} left out: {elsewhere}")
    if summary.without_gaze:
        click.echo(f"  cases without gaze on the film, and so without its picture and numbers: {summary.without_gaze}")
    if summary.without_finding:
        click.echo(
            f"  cases without a known finding, and so without its outline and numbers: {summary.without_finding}"
        )
    for line in summary.warnings:
        click.echo(f"  note: {line}")
    if opened.recipe.model.heatmap_head and not opened.recipe.trains_heatmap:
        click.echo("  note: no stage of the recipe trained the heatmap head, so its map is left out")
    if study.is_synthetic:
        click.echo("  synthetic data")


def _on_side(study: Study, cases: tuple[str, ...], split: str) -> NDArray[np.int64]:
    """The chosen cases of a fold's side, of which there may be none."""
    from egaze.study.choose import choose_cases

    return np.intersect1d(choose_cases(study, cases), study.split.indices(split))


def _lines(figures: dict[str, CaseMean]) -> list[str]:
    """A table of means: a row a measure, a column a map."""
    columns = [name for name in _COLUMNS if any(figure.startswith(f"{name}_") for figure in figures)]
    if not columns:
        return []
    lines = [f"  {'mean (95 % over patients)':<25}" + "".join(f"{_COLUMNS[name]:>24}" for name in columns)]
    for key, title in (*_WITH_GAZE, *_WITH_FINDING, *_FAITHFUL):
        cells = [figures.get(f"{name}_{key}") for name in columns]
        if any(cells):
            texts = [figure_text(cell and cell.estimate) for cell in cells]
            lines.append(f"  {title:<25}" + "".join(f"{text:>24}" for text in texts))
    if (chance := figures.get("finding_area_frac")) is not None:
        lines.append(f"  the finding covers {chance.value:.3f} of the film: chance's score for peak and energy")
    return lines
