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
from egaze.cli.completing import STUDY
from egaze.cli.hygiene import hygiene_lines, no_images_line, note_lines, quality_lines, relative_line
from egaze.cli.labels import label_lines
from egaze.cli.options import connected, ray_option, workers_option
from egaze.cli.sources import OWN, SOURCES
from egaze.cli.text import count_text

if TYPE_CHECKING:
    from egaze.sources import Source
    from egaze.study import LeftOut

SHOWN_LEFT_OUT = 20
# Repeated here rather than imported, so that --help does not load NumPy; a test compares the two.
_UNCERTAIN = ("ignore", "one", "zero", "soft")

_HELP = ("-h", "--help")


class _Prepare(click.Group):
    """A chain of sources as subcommands. Their options and the study's own may be given in any order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SOURCES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in SOURCES:
            return None
        source = _source(name)
        if ctx.resilient_parsing:  # for the shell, which completes the study's options after a source too
            source.params = [*source.params, *self.params]
        return source

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        own: list[str] = []
        options: list[str] = []
        arguments: list[str] = []
        sorted_args: list[str] = []
        source: click.Command = self
        words = iter(args)
        for word in words:
            if taken := _option(self, word, words):
                own += taken
            elif word in SOURCES:
                # Click takes the options of a chained command only before its arguments.
                sorted_args += options + arguments
                source, options, arguments = _source(word), [word], []
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


def _source(name: str) -> click.Command:
    command = copy(SOURCES[name])
    command.name = name  # an entry point's name counts, not that of its function
    return command


def _no_such_option(source: click.Command, group: _Prepare, word: str, ctx: click.Context) -> click.UsageError:
    """Make an error that suggests a similar option: of the source, of the study, or of another source."""
    name = word.partition("=")[0]
    for owner in (source, group):
        if near := _near(name, owner):
            return click.NoSuchOption(name, possibilities=near, ctx=ctx)
    for other in OWN:
        if other.name != source.name and (near := _near(name, other)):
            message = f"No such option {name!r}; the source {other.name} has {near[0]!r}"
            return click.NoSuchOption(name, message, ctx=ctx)
    return click.NoSuchOption(name, ctx=ctx)


def _near(name: str, owner: click.Command) -> list[str]:
    """List the options that begin with `name` or are spelt similarly."""
    known = [opt for option in owner.params if isinstance(option, click.Option) for opt in option.opts]
    begun = [option for option in known if len(name) > 4 and option.startswith(name)]
    # Compared without hyphens, which all options have.
    spelt = get_close_matches(name.strip("-"), [option.strip("-") for option in known], cutoff=0.75)
    return list(dict.fromkeys([*begun, *(f"--{option}" for option in spelt)]))


def _option(owner: click.Command, word: str, words: Iterator[str]) -> list[str]:
    """Return the word and its values if it is an option of the command, else an empty list."""
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
@click.option("--out", type=STUDY, metavar="STUDY", help="New folder for the study.  [required]")
@click.option(
    "--size", "size_px", default=224, show_default=True, type=click.IntRange(16, 4096), help="Side of the images in px."
)
@click.option(
    "--fit",
    default="stretch",
    show_default=True,
    type=click.Choice(["stretch", "letterbox"]),
    help="How a radiograph is placed on the square canvas.",
)
@click.option(
    "--presentation",
    default="voi",
    show_default=True,
    type=click.Choice(["voi", "raw-max", "equalize"]),
    help="voi: as the DICOM header prescribes; raw-max: as in the EGD-CXR baseline; equalize: as in MIMIC-CXR-JPG.",
)
@workers_option("read radiographs")
@ray_option("Read the radiographs")
@click.option("--strict", is_flag=True, help="Fail if a radiograph cannot be read, after all have been tried.")
@click.option("--seed", default=42, show_default=True, type=click.IntRange(0), help="Seed of the 8:1:1 splits.")
@click.option(
    "--uncertain",
    default="ignore",
    show_default=True,
    type=click.Choice(_UNCERTAIN),
    help="What an uncertain label teaches, where labels are independent: nothing, that the class is present (one), "
    "that it is absent (zero), or its certainty. The study keeps the certainties.",
)
@click.option(
    "--trust-gaze",
    is_flag=True,
    help="Accept gaze that lies off its radiograph, or that looks like fractions or milliseconds.",
)
def command(out: Path | None, **_: Any) -> None:
    """Read radiographs and gaze once and write a study: images, cases, fixations and splits by patient.

    Several sources can be combined in one study; each head then learns from the cases that have a target for it. A
    radiograph that cannot be read is left out and listed at the end. If the command is interrupted, the same command
    continues where it stopped. Where a source has --no-images, gaze can be prepared without its radiographs, to be
    measured and drawn.

    \b
    Example:
      egaze prepare egd-cxr --gaze egd-cxr-1.0.0 --images mimic-cxr-2.0.0 --out study
      egaze prepare table cases.csv --fixations fixations.csv --out study
      egaze prepare table cases.csv --labels findings.csv --uncertain soft --out study
      egaze prepare egd-cxr --gaze egd-cxr-1.0.0 --images mimic-cxr-2.0.0 --out study --ray head:6379
      egaze prepare table radiographs/cases.csv table scenes/cases.csv --fixations scenes/fixations.csv --out mixed
    """
    if out is not None:
        from egaze.study.prepare import study_place

        study_place(out)  # checked before tables are read, which takes minutes


@command.result_callback()
def prepare(
    sources: list[Source | list[str]],
    *,
    out: Path | None,
    workers: int | None,
    ray_address: str | None,
    strict: bool,
    **options: Any,
) -> None:
    from egaze.study import prepare_study

    datasets = [source for source in sources if not isinstance(source, list)]
    if lists := [radiographs for radiographs in sources if isinstance(radiographs, list)]:
        if datasets:
            raise click.UsageError("--list-radiographs prepares nothing: use it with every source, or with none")
        for radiograph in dict.fromkeys(chain.from_iterable(lists)):
            click.echo(radiograph)
        return
    assert out is not None  # checked by `_Prepare`
    with connected(ray_address) as cluster, progress.bar("reading radiographs") as update:
        study = prepare_study(
            datasets,
            out,
            workers=workers or os.cpu_count() or 1,
            cluster=cluster,
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
    if not study.has_images:
        click.echo(f"  {no_images_line(study)}")
    if relative := relative_line(study):
        click.echo(f"  {relative}")
    if factors := gaze["scale_factors"]:
        low, high = factors
        by = f"{low:.3g}" if high - low < 0.005 * high else f"{low:.3g} to {high:.3g}"
        what = "gaze was recorded: gaze and regions" if counts["with_gaze"] else "regions were drawn: those"
        click.echo(
            f"  radiographs were resized since {what} of {count_text(gaze['scaled'], 'case')} are scaled by {by}"
        )
    if gaze["trusted"]:
        click.echo(f"  gaze that looks wrong was accepted (--trust-gaze): {count_text(gaze['trusted'], 'case')}")
    if progress.is_quiet():
        return
    for line in label_lines(study):
        click.echo(f"  {line}")
    for line in note_lines(study.cases["voi"]):
        click.echo(f"  {line}")
    for source in study.manifest["sources"]:
        for line in hygiene_lines(source):
            click.echo(f"  {line}")
    for line in quality_lines(study):
        click.echo(f"  {line}")


def _say(text: str) -> None:
    if not progress.is_quiet():
        click.echo(f"egaze: {text}", err=True)


def _list_left_out(left_out: Sequence[LeftOut], *, strict: bool) -> None:
    """Print cases that were left out with the paths of their radiographs, which are written to no file."""
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
