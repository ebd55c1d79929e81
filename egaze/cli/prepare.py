"""`egaze prepare`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egaze.cli import progress
from egaze.cli.hygiene import hygiene_lines
from egaze.sources import EgdCxr, Reflacx, Source, Table

if TYPE_CHECKING:
    from egaze.study import LeftOut

SHOWN_LEFT_OUT = 20


_HELP = ("-h", "--help")


class _Prepare(click.Group):
    """Sources follow each other as sub-commands; options stand in any order, the study's own among them too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own: list[str] = []
        options: list[str] = []
        arguments: list[str] = []
        sorted_args: list[str] = []
        source: click.Command = self
        words = iter(args)
        for word in words:
            if taken := _option(self, word, words):
                own += taken
            elif word in self.commands:
                # Click reads a chained command's options before its arguments only.
                sorted_args += options + arguments
                source, options, arguments = self.commands[word], [word], []
            elif taken := _option(source, word, words):
                options += taken
            elif word in _HELP:
                options.append(word)
            else:
                arguments.append(word)
        sorted_args += options + arguments
        if source is not self and set(_HELP) & set(sorted_args) and not own:
            own = ["--out", "STUDY"]  # a source's help needs no study
        return super().parse_args(ctx, own + sorted_args)


def _option(owner: click.Command, word: str, words: Iterator[str]) -> list[str]:
    """The word with its values if it is an option of the command, else nothing."""
    name, equals, _ = word.partition("=")
    for option in owner.params:
        if isinstance(option, click.Option) and name in option.opts:
            return [word] if equals or option.is_flag else [word, *islice(words, option.nargs)]
    return []


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
@click.option("--workers", type=click.IntRange(1), help="Processes that read films. [default: one a processor]")
@click.option("--strict", is_flag=True, help="A film that cannot be read is an error, told when all have been tried.")
@click.option("--seed", default=42, show_default=True, help="Of the 8:1:1 split by patient.")
def command(**_: Any) -> None:
    """Read films and gaze once and write a study: images, cases, fixations and a split by patient.

    Several sources make one study; each head then learns from the cases that have an answer for it. A film that
    cannot be read is left out and listed at the end. What was interrupted goes on with the same command.

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
def prepare(sources: list[Source], *, out: Path, workers: int | None, strict: bool, **options: Any) -> None:
    from egaze.study import prepare_study

    with progress.bar("reading films") as update:
        study = prepare_study(
            sources,
            out,
            workers=workers or os.cpu_count() or 1,
            progress=update,
            say=_say,
            strict=strict,
            on_left_out=partial(_list_left_out, strict=strict),
            **options,
        )
    counts = study.manifest["counts"]
    click.echo(
        f"{out}: {counts['cases']} cases of {counts['patients']} patients, {counts['with_label']} with a label, "
        f"{counts['with_gaze']} with gaze ({counts['fixations']} fixations), {counts['regions']} regions, "
        f"{counts['phrases']} phrases"
    )
    for source in study.manifest["sources"]:
        for line in hygiene_lines(source):
            click.echo(f"  {line}")


def _say(text: str) -> None:
    click.echo(f"egaze: {text}", err=True)


def _list_left_out(left_out: Sequence[LeftOut], *, strict: bool) -> None:
    """The paths are for who has to mend the films; they stay on the terminal and are written nowhere."""
    _say(f"{len(left_out)} cases {'have' if strict else 'are left out, which have'} films that cannot be read:")
    for item in left_out[:SHOWN_LEFT_OUT]:
        click.echo(f"  {item.case_id}: {item.message}", err=True)
    if (more := len(left_out) - SHOWN_LEFT_OUT) > 0:
        where = "" if strict else "; the study's study.json lists all, without paths"
        click.echo(f"  and {more} more{where}", err=True)
