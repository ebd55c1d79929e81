"""`egaze prepare`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from copy import copy
from difflib import get_close_matches
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egaze.cli import progress
from egaze.cli.hygiene import hygiene_lines, note_lines, relative_line
from egaze.cli.options import workers_option
from egaze.cli.text import count_text
from egaze.registry import Registry
from egaze.sources import EgdCxr, GazeSearch, Reflacx, SiimGaze, Source, Table

if TYPE_CHECKING:
    from egaze.study import LeftOut

SHOWN_LEFT_OUT = 20


_HELP = ("-h", "--help")


#: Commands that return a `Source`; other packages bring them as `egaze.sources`.
SOURCES: Registry[click.Command] = Registry(
    "egaze.sources", "source", {}, fits=lambda item: isinstance(item, click.Command)
)


class _Prepare(click.Group):
    """Sources follow each other as sub-commands; options stand in any order, the study's own among them too."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *SOURCES]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return self._source(name) if name in self.commands or name in SOURCES else None

    def _source(self, name: str) -> click.Command:
        if name in self.commands:
            return self.commands[name]
        command = copy(SOURCES[name])
        command.name = name
        return command

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
            elif word in self.commands or word in SOURCES:
                # Click reads a chained command's options before its arguments only.
                sorted_args += options + arguments
                source, options, arguments = self._source(word), [word], []
            elif taken := _option(source, word, words):
                options += taken
            elif word in _HELP:
                options.append(word)
            elif word.startswith("-") and len(word) > 1:
                raise _no_such_option(source, self, word, ctx)
            else:
                arguments.append(word)
        sorted_args += options + arguments
        named = {word.partition("=")[0] for word in own}
        if source is not self and "--out" not in named and not {*_HELP, "--list-radiographs"} & set(sorted_args):
            raise click.UsageError("Missing option '--out'.", ctx=ctx)
        return super().parse_args(ctx, own + sorted_args)


def _no_such_option(source: click.Command, group: _Prepare, word: str, ctx: click.Context) -> click.UsageError:
    """With what was surely meant, if anything: an option of the source, one of the study's own, or another source's."""
    name = word.partition("=")[0]
    for owner in (source, group):
        if near := _near(name, owner):
            return click.NoSuchOption(name, possibilities=near, ctx=ctx)
    for other in group.commands.values():
        if other is not source and (near := _near(name, other)):
            return click.NoSuchOption(
                name, f"No such option {name!r}; the source {other.name} has {near[0]!r}", ctx=ctx
            )
    return click.NoSuchOption(name, ctx=ctx)


def _near(name: str, owner: click.Command) -> list[str]:
    """Options that are spelt nearly so, or begin so."""
    known = [opt for option in owner.params if isinstance(option, click.Option) for opt in option.opts]
    begun = [option for option in known if len(name) > 4 and option.startswith(name)]
    # Without the hyphens, which all have in common.
    spelt = get_close_matches(name.strip("-"), [option.strip("-") for option in known], cutoff=0.75)
    return list(dict.fromkeys([*begun, *(f"--{option}" for option in spelt)]))


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
@click.option("--out", type=click.Path(path_type=Path), metavar="STUDY", help="The study's new folder.  [required]")
@click.option(
    "--size", "size_px", default=224, show_default=True, type=click.IntRange(16, 4096), help="Side of the images in px."
)
@click.option(
    "--fit",
    default="stretch",
    show_default=True,
    type=click.Choice(["stretch", "letterbox"]),
    help="How a radiograph is placed on the square.",
)
@click.option(
    "--presentation",
    default="voi",
    show_default=True,
    type=click.Choice(["voi", "raw-max", "equalize"]),
    help="voi: as the radiograph asks to be shown; raw-max: as the EGD-CXR baseline; equalize: as MIMIC-CXR-JPG.",
)
@workers_option("read radiographs")
@click.option(
    "--strict", is_flag=True, help="A radiograph that cannot be read is an error, told when all have been tried."
)
@click.option("--seed", default=42, show_default=True, type=click.IntRange(0), help="Of the 8:1:1 split by patient.")
@click.option(
    "--trust-gaze",
    is_flag=True,
    help="Take gaze as it stands also where it lies off its radiograph, or looks like fractions or milliseconds.",
)
def command(out: Path | None, **_: Any) -> None:
    """Read radiographs and gaze once and write a study: images, cases, fixations and a split by patient.

    Several sources make one study; each head then learns from the cases that have an answer for it. A radiograph that
    cannot be read is left out and listed at the end. What was interrupted goes on with the same command.

    \b
    Example:
      egaze prepare egd-cxr --gaze egd-cxr-1.0.0 --images mimic-cxr-2.0.0 --out study
      egaze prepare table cases.csv --fixations fixations.csv --out study
      egaze prepare table radiographs/cases.csv table scenes/cases.csv --fixations scenes/fixations.csv --out mixed
    """
    if out is not None:
        from egaze.study.prepare import study_place

        study_place(out)  # told before tables are read, which takes minutes


_list_radiographs = click.option(
    "--list-radiographs",
    is_flag=True,
    help="Only print the radiographs that the tables need, to download them: a path a line.",
)


@command.command("egd-cxr")
@click.option("--gaze", required=True, type=click.Path(path_type=Path), help="Folder of master_sheet.csv.")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of MIMIC-CXR's files/.  [required]")
@_list_radiographs
@click.option(
    "--gaze-table",
    default="fixations",
    show_default=True,
    type=click.Choice(["fixations", "eye-gaze"]),
    help="fixations: fixations.csv, weighted by duration; eye-gaze: the 60 Hz samples of eye_gaze.csv.",
)
@click.option("--recalibrate", is_flag=True, help="Shift each session's gaze by what its calibration cards show.")
def egd_cxr(
    gaze: Path, images: Path | None, list_radiographs: bool, gaze_table: str, recalibrate: bool
) -> Source | list[str]:
    """EGD-CXR 1.0.0 from PhysioNet, with MIMIC-CXR's DICOM radiographs.

    Of the whole master sheet (1,083 images of 1,038 patients) the published splits are count_text and compared.

    \b
    Example:
      egaze prepare egd-cxr --gaze egd-cxr-1.0.0 --list-radiographs > radiographs.txt
      egaze prepare egd-cxr --gaze egd-cxr-1.0.0 --images mimic-cxr-2.0.0 --out study
    """
    from egaze.sources import egd_cxr
    from egaze.study.published_splits import published_split_report

    if list_radiographs:
        return egd_cxr.list_radiographs(gaze)
    source = EgdCxr(gaze, _required(images, "--images"), gaze_table=gaze_table, recalibrate=recalibrate)
    if not progress.is_quiet():
        for line in published_split_report(source):
            click.echo(line)
    return source


@command.command("reflacx")
@click.option("--gaze", required=True, type=click.Path(path_type=Path), help="Folder of main_data/.")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of MIMIC-CXR's files/.  [required]")
@_list_radiographs
@click.option(
    "--phase", "phases", multiple=True, type=click.IntRange(1, 3), help="Again for each phase.  [default: all]"
)
@click.option(
    "--readers",
    default="apart",
    show_default=True,
    type=click.Choice(["apart", "merged"]),
    help="apart: a case a reading; merged: a case a radiograph, with the gaze of all its readers.",
)
@click.option(
    "--certainty",
    default=3,
    show_default=True,
    type=click.IntRange(1, 5),
    help="From when on a finding counts: 1 unlikely, 2 less likely, 3 possible, 4 probable, 5 above 90 %.",
)
def reflacx(
    gaze: Path, images: Path | None, list_radiographs: bool, phases: tuple[int, ...], readers: str, certainty: int
) -> Source | list[str]:
    """REFLACX 1.0.0 from PhysioNet, with MIMIC-CXR's radiographs, DICOM or JPG.

    Findings become the classes normal, chf and pneumonia, or none of them.

    \b
    Example:
      egaze prepare reflacx --gaze reflacx-1.0.0 --list-radiographs > radiographs.txt
      egaze prepare reflacx --gaze reflacx-1.0.0 --images mimic-cxr-2.0.0 --phase 3 --out study
    """
    from egaze.sources import reflacx

    phases = phases or reflacx.PHASES
    if list_radiographs:
        return reflacx.list_radiographs(gaze, phases)
    return Reflacx(gaze, _required(images, "--images"), phases=phases, readers=readers, certainty=certainty)


@command.command("siim-gaze")
@click.option("--gaze", required=True, type=click.Path(path_type=Path), help="cxr_gaze_data.json.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder of the radiographs, DICOM, PNG or JPEG, each named by its SOPInstanceUID, at any depth.  [required]",
)
@click.option(
    "--masks", type=click.Path(path_type=Path), help="train-rle.csv, with the outlines of pneumothoraces.  [required]"
)
@_list_radiographs
def siim_gaze(gaze: Path, images: Path | None, masks: Path | None, list_radiographs: bool) -> Source | list[str]:
    """Radiologists' gaze on radiographs of SIIM-ACR Pneumothorax, which need no credential.

    The classes are normal (no pneumothorax is outlined) and pneumothorax, whose outlines come as regions. Durations are
    relative. Patients are unknown: each radiograph stands as one. docs/real-gaze.md says where the files are from.

    \b
    Example:
      egaze prepare siim-gaze --gaze cxr_gaze_data.json --list-radiographs > radiographs.txt
      egaze prepare siim-gaze --gaze cxr_gaze_data.json --images dicom-images-train \\
        --masks train-rle.csv --out study
    """
    from egaze.sources import siim_gaze

    if list_radiographs:
        return siim_gaze.list_radiographs(gaze)
    source = SiimGaze(gaze, _required(images, "--images"), _required(masks, "--masks"))
    if not progress.is_quiet():
        for line in source.notes:
            click.echo(line)
    return source


@command.command("gazesearch")
@click.option("--gaze", required=True, type=click.Path(path_type=Path), help="The JSON of scanpaths.")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of MIMIC-CXR's files/.  [required]")
@_list_radiographs
def gazesearch(gaze: Path, images: Path | None, list_radiographs: bool) -> Source | list[str]:
    """GazeSearch: radiologists' scanpaths for a finding each, with MIMIC-CXR's radiographs, DICOM or JPG.

    A case is a scanpath, its class the finding that was sought and found. Durations are relative: their unit is nowhere
    said. The layout is that of the authors' code; egaze has not been run on the file itself.

    \b
    Example:
      egaze prepare gazesearch --gaze scanpaths.json --list-radiographs > radiographs.txt
      egaze prepare gazesearch --gaze scanpaths.json --images mimic-cxr-jpg-2.1.0 --out study
    """
    from egaze.sources import gazesearch

    if list_radiographs:
        return gazesearch.list_radiographs(gaze)
    source = GazeSearch(gaze, _required(images, "--images"))
    if not progress.is_quiet():
        for line in source.notes:
            click.echo(line)
    return source


@command.command("table")
@click.argument("cases", type=click.Path(path_type=Path), metavar="CASES.csv")
@click.option("--fixations", type=click.Path(path_type=Path), help="Table of fixations, when there is gaze.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    metavar="ROOT",
    help="Where the radiographs lie. [default: beside CASES.csv]",
)
@click.option("--classes", help="The classes in order, with commas between. [default: the labels found, sorted]")
def table(cases: Path, fixations: Path | None, images: Path | None, classes: str | None) -> Source:
    """A table of one's own; `egaze new-table` writes one to start from.

    \b
    CASES.csv, a row a radiograph (or a reading of it):
      case_id     its name, once
      image       the radiograph's path below ROOT, or an absolute one in it
      patient_id  whose radiograph it is: no patient is in two splits
      label       optional: its class; empty or NA: none
      split       optional: train, validation or test
      reader_id   optional: who read it
      radiograph_width_px, radiograph_height_px
                  optional: the radiograph's size when gaze was recorded, if resized since

    \b
    FIXATIONS.csv, a row a fixation:
      case_id     of CASES.csv
      x_px, y_px  pixels of the radiograph; 0, 0 is the centre of its top left pixel
      duration_s  seconds, or in its place duration_relative: numbers in proportion
                  to them, such as counts of samples, never shown as time
      onset_s     optional: seconds since the radiograph appeared
      pixels_per_degree
                  optional: pixels of the radiograph per degree of visual angle

    \b
    Example:
      case_id,image,patient_id,label        case_id,x_px,y_px,duration_s
      radiograph-1,radiographs/1.dcm,patient-1,normal   radiograph-1,812.5,1034,0.25
      egaze prepare table cases.csv --fixations fixations.csv --classes normal,chf --out study
      egaze prepare table cases.csv --images /data/radiographs --out study
    """
    names = None if classes is None else [name.strip() for name in classes.split(",") if name.strip()]
    return Table(cases, fixations, names, images=images)


@command.result_callback()
def prepare(
    sources: list[Source | list[str]], *, out: Path | None, workers: int | None, strict: bool, **options: Any
) -> None:
    from egaze.study import prepare_study

    datasets = [source for source in sources if not isinstance(source, list)]
    if lists := [radiographs for radiographs in sources if isinstance(radiographs, list)]:
        if datasets:
            raise click.UsageError("--list-radiographs prepares nothing: give it to every source, or to none")
        for radiograph in dict.fromkeys(chain.from_iterable(lists)):
            click.echo(radiograph)
        return
    assert out is not None  # `_Prepare` has seen to it
    with progress.bar("reading radiographs") as update:
        study = prepare_study(
            datasets,
            out,
            workers=workers or os.cpu_count() or 1,
            progress=update,
            say=_say,
            strict=strict,
            on_left_out=partial(_list_left_out, strict=strict),
            **options,
        )
    counts, gaze = study.manifest["counts"], study.manifest["gaze"]
    click.echo(
        f"{out}: {count_text(counts['cases'], 'case')} of {count_text(counts['patients'], 'patient')}, "
        f"{counts['with_label']} with a label, {counts['with_gaze']} with gaze "
        f"({count_text(counts['fixations'], 'fixation')}), {count_text(counts['regions'], 'region')}, "
        f"{count_text(counts['phrases'], 'phrase')}"
    )
    if relative := relative_line(study):
        click.echo(f"  {relative}")
    if factors := gaze["scale_factors"]:
        low, high = factors
        by = f"{low:.3g}" if high - low < 0.005 * high else f"{low:.3g} to {high:.3g}"
        click.echo(
            f"  radiographs were resized: gaze and regions of {count_text(gaze['scaled'], 'case')} are scaled by {by}"
        )
    if gaze["trusted"]:
        click.echo(
            f"  gaze that looks wrong is taken as it stands (--trust-gaze): {count_text(gaze['trusted'], 'case')}"
        )
    if progress.is_quiet():
        return
    if classes := counts["classes"]:
        unlabelled = counts["cases"] - counts["with_label"]
        without = f"; {unlabelled} without a label" if unlabelled else ""
        click.echo(f"  classes: {', '.join(f'{count} {name}' for name, count in classes.items())}{without}")
    for line in note_lines(study.cases["voi"]):
        click.echo(f"  {line}")
    for source in study.manifest["sources"]:
        for line in hygiene_lines(source):
            click.echo(f"  {line}")


def _required(value: Path | None, option: str) -> Path:
    """Raise click's usage error for an option that only --list-radiographs does without."""
    if value is None:
        raise click.UsageError(f"Missing option '{option}'.", ctx=click.get_current_context())
    return value


def _say(text: str) -> None:
    if not progress.is_quiet():
        click.echo(f"egaze: {text}", err=True)


def _list_left_out(left_out: Sequence[LeftOut], *, strict: bool) -> None:
    """The paths are for who has to mend the radiographs; they stay on the terminal and are written nowhere."""
    cases = count_text(len(left_out), "case")
    if len(left_out) == 1:
        said = f"{cases} {'has' if strict else 'is left out, which has'} a radiograph that cannot be read:"
    else:
        said = f"{cases} {'have' if strict else 'are left out, which have'} radiographs that cannot be read:"
    click.echo(f"egaze: {said}", err=True)
    for item in left_out[:SHOWN_LEFT_OUT]:
        click.echo(f"  {item.case_id}: {item.message}", err=True)
    if (more := len(left_out) - SHOWN_LEFT_OUT) > 0:
        where = "" if strict else "; the study's study.json lists all, without paths"
        click.echo(f"  and {more} more{where}", err=True)
