"""`egaze prepare`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from egaze.cli import progress
from egaze.sources import EgdCxr, Reflacx, Source, Table


class _Prepare(click.Group):
    """Sources follow each other as sub-commands; the study's own options may stand before or after them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for option in self.params for name in option.opts if name != "--help"}
        first, rest = [], []
        words = iter(args)
        for word in words:
            name, equals, _ = word.partition("=")
            if name in own:
                first += [word] if equals else [word, *([value] if (value := next(words, None)) is not None else [])]
            else:
                rest.append(word)
        if {"-h", "--help"} & set(rest[1:]) and not first:
            first = ["--out", "STUDY"]  # a source's help needs no study
        return super().parse_args(ctx, first + rest)


@click.group(
    cls=_Prepare,
    chain=True,
    no_args_is_help=True,
    subcommand_metavar="SOURCE [ARGS]... [SOURCE [ARGS]...]...",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="STUDY", help="The study's new folder.")
@click.option(
    "--size", "size_px", default=224, show_default=True, type=click.IntRange(16, 4096), help="Side of the images in px."
)
@click.option(
    "--fit",
    default="stretch",
    show_default=True,
    type=click.Choice(["stretch", "letterbox"]),
    help="How a film is placed on the square.",
)
@click.option(
    "--presentation",
    default="voi",
    show_default=True,
    type=click.Choice(["voi", "raw-max", "equalize"]),
    help="voi: as the film asks to be shown; raw-max: as the EGD-CXR baseline; equalize: as MIMIC-CXR-JPG.",
)
@click.option("--workers", type=click.IntRange(1), help="Threads that read films. [default: all processors]")
@click.option("--seed", default=42, show_default=True, help="Of the 8:1:1 split by patient.")
def command(**_: Any) -> None:
    """Read films and gaze once and write a study: images, cases, fixations and a split by patient.

    Several sources make one study; each head then learns from the cases that have an answer for it.

    \b
    Example:
      egaze prepare egd-cxr --gaze egd-cxr-1.0.0 --images mimic-cxr-2.0.0 --out study
      egaze prepare table films/cases.csv table scenes/cases.csv --fixations scenes/fixations.csv --out mixed
    """


@command.command("egd-cxr")
@click.option("--gaze", required=True, type=click.Path(path_type=Path), help="Folder of master_sheet.csv.")
@click.option("--images", required=True, type=click.Path(path_type=Path), help="Folder of MIMIC-CXR's files/.")
@click.option(
    "--gaze-table",
    default="fixations",
    show_default=True,
    type=click.Choice(["fixations", "eye-gaze"]),
    help="fixations: fixations.csv, weighted by duration; eye-gaze: the 60 Hz samples of eye_gaze.csv.",
)
@click.option("--recalibrate", is_flag=True, help="Shift each session's gaze by what its calibration cards show.")
def egd_cxr(gaze: Path, images: Path, gaze_table: str, recalibrate: bool) -> Source:
    """EGD-CXR 1.0.0 from PhysioNet, with MIMIC-CXR's DICOM films.

    Of the whole master sheet (1,083 images of 1,038 patients) the published splits are counted and compared.

    \b
    Example:
      egaze prepare egd-cxr --gaze egd-cxr-1.0.0 --images mimic-cxr-2.0.0 --out study
    """
    from egaze.study.published import published_split_report

    source = EgdCxr(gaze, images, gaze_table=gaze_table, recalibrate=recalibrate)
    for line in published_split_report(source):
        click.echo(line)
    return source


@command.command("reflacx")
@click.option("--gaze", required=True, type=click.Path(path_type=Path), help="Folder of main_data/.")
@click.option("--images", required=True, type=click.Path(path_type=Path), help="Folder of MIMIC-CXR's files/.")
@click.option(
    "--phase", "phases", multiple=True, type=click.IntRange(1, 3), help="Again for each phase.  [default: all]"
)
@click.option(
    "--readers",
    default="apart",
    show_default=True,
    type=click.Choice(["apart", "merged"]),
    help="apart: a case a reading; merged: a case a film, with the gaze of all its readers.",
)
@click.option(
    "--certainty",
    default=3,
    show_default=True,
    type=click.IntRange(1, 5),
    help="From when on a finding counts: 1 unlikely, 2 less likely, 3 possible, 4 probable, 5 above 90 %.",
)
def reflacx(gaze: Path, images: Path, phases: tuple[int, ...], readers: str, certainty: int) -> Source:
    """REFLACX 1.0.0 from PhysioNet, with MIMIC-CXR's films, DICOM or JPG.

    Findings become the classes normal, chf and pneumonia, or none of them.

    \b
    Example:
      egaze prepare reflacx --gaze reflacx-1.0.0 --images mimic-cxr-2.0.0 --phase 3 --out study
    """
    return Reflacx(gaze, images, phases=phases or (1, 2, 3), readers=readers, certainty=certainty)


@command.command("table")
@click.argument("cases", type=click.Path(path_type=Path), metavar="CASES.csv")
@click.option("--fixations", type=click.Path(path_type=Path), help="Table of fixations, when there is gaze.")
@click.option("--classes", help="The classes in order, with commas between. [default: the labels found, sorted]")
def table(cases: Path, fixations: Path | None, classes: str | None) -> Source:
    """A table of one's own: case_id, image, patient_id, and optionally label, split, reader_id.

    \b
    Example:
      egaze prepare table cases.csv --fixations fixations.csv --classes normal,chf --out study
    """
    names = None if classes is None else [name.strip() for name in classes.split(",") if name.strip()]
    return Table(cases, fixations, names)


@command.result_callback()
def prepare(sources: list[Source], *, out: Path, workers: int | None, **options: Any) -> None:
    from egaze.study import prepare_study

    with progress.bar("reading films") as update:
        study = prepare_study(sources, out, workers=workers or os.cpu_count() or 1, progress=update, **options)
    counts = study.manifest["counts"]
    click.echo(
        f"{out}: {counts['cases']} cases of {counts['patients']} patients, {counts['with_label']} with a label, "
        f"{counts['with_gaze']} with gaze ({counts['fixations']} fixations)"
    )
    for source in study.manifest["sources"]:
        for reason, count in source["hygiene"].items():
            click.echo(f"  {source['key']}: {reason.replace('_', ' ')}: {count}")
