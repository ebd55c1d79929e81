"""Options that several commands share, and types of options."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from egaze.cli.completing import STUDY

if TYPE_CHECKING:
    from egaze.cluster import Cluster
    from egaze.deploy import ModelLimits

_LONGEST_RANGE = 10_000

Command = TypeVar("Command", bound=Callable[..., object])


class Option(Protocol):
    """What `click.option` returns: a decorator of commands."""

    def __call__(self, command: Command, /) -> Command: ...


SPLITS = ("train", "validation", "test")

#: --split of a command that uses one split.
split_option = click.option(
    "--split", default="test", show_default=True, type=click.Choice(SPLITS), help="The split whose cases are used."
)

#: --study of a command that opens a run's study.
study_option = click.option(
    "--study",
    "study_path",
    type=STUDY,
    metavar="STUDY",
    help="The run's study, if it has moved since training.",
)

#: --device of a command that runs a model.
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu", "cuda"]),
    help="Device of the model; auto uses CUDA if it is available.",
)

#: --threads of a command that computes on the processor.
threads_option = click.option(
    "--threads", type=click.IntRange(1), help="Number of threads. [default: one per processor]"
)


def workers_option(what: str) -> Option:
    """Make --workers of a command that works in several processes; `what` says what they do."""
    return click.option(
        "--workers", type=click.IntRange(1), help=f"Number of processes that {what}. [default: one per processor]"
    )


def _answering(context: click.Context, option: click.Parameter, address: str | None) -> str | None:
    """Check the cluster before anything else, which may take minutes."""
    if address is not None and not context.resilient_parsing:
        from egaze.cluster import require_cluster

        require_cluster(address)
    return address


def ray_option(what: str) -> Option:
    """Make --ray of a command that a cluster can carry out; `what` says what it does there."""
    return click.option(
        "--ray",
        "ray_address",
        metavar="HOST:PORT",
        callback=_answering,
        help=f"{what} on the Ray cluster whose head is there, to the same result. All its machines must share the "
        "folders (docs/scale.md).",
    )


@contextmanager
def connected(ray_address: str | None) -> Iterator[Cluster | None]:
    """Yield the cluster that --ray names, or None."""
    if ray_address is None:
        yield None
        return
    from egaze.cluster import open_cluster

    with open_cluster(ray_address) as cluster:
        yield cluster


def precision_option(precisions: Sequence[str], what: str) -> Option:
    """Make --precision of a command; `what` says what computes in it."""
    choice = click.Choice(precisions)
    return click.option("--precision", default="fp32", show_default=True, type=choice, help=f"Precision of {what}.")


def limit_option(default: int, what: str) -> Option:
    """Make --limit of a command that shows some of many; `what` says what it limits."""
    count = click.IntRange(0)
    return click.option("--limit", default=default, show_default=True, type=count, help=f"Largest number of {what}.")


def _model_limits(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> ModelLimits | None:
    if context.resilient_parsing:  # the shell only asks how the line may go on
        return None
    from egaze.deploy import ModelLimits

    known = [field.name for field in fields(ModelLimits)]
    given: dict[str, int | str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise click.BadParameter(f"expected NAME=VALUE with one of {', '.join(known)}, got {text!r}")
        if name in given:
            raise click.BadParameter(f"{name} is given twice")
        given[name] = int(value) if re.fullmatch("[0-9]{1,19}", value) else value
    try:
        return ModelLimits(**given)  # type: ignore[arg-type]  # it refuses what is not a number
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


#: --model-limit of a command that checks a model file.
model_limit_option = click.option(
    "--model-limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_model_limits,
    help="Replace a limit on the model's program. NAME is nodes (operators, default 20000), nesting (nested calls, "
    "64), bytes_at_work (memory for one image without the weights, 4294967296) or multiplications (for one image, "
    "8000000000000). Can be repeated.",
)


class SeveralValues(click.Command):
    """A command whose options with `multiple=True` take all arguments up to the next option: `--cases a b c`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        several = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        spread: list[str] = []
        option = None
        for place, word in enumerate(args):
            if word == "--":
                spread += args[place:]
                break
            if word.startswith("-") and len(word) > 1:
                option = word if word in several else None
                spread.append(word)
            elif option is not None and spread[-1] != option:
                spread += [option, word]
            else:
                spread.append(word)
        return super().parse_args(ctx, spread)


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """Whole numbers and inclusive ranges, such as "0,1,2" or "0-4", as a tuple in the given order."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        numbers: list[int] = []
        for part in value.split(","):
            found = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part, re.ASCII)
            if found is None:
                self.fail(f"expected numbers such as 0,1,2 or 0-4, got {value!r}", param, ctx)
            first, last = int(found[1]), int(found[2] or found[1])
            if not first <= last < first + _LONGEST_RANGE:
                self.fail(f"{part.strip()} is not a range of at most {_LONGEST_RANGE} numbers", param, ctx)
            numbers += range(first, last + 1)
        if len(set(numbers)) != len(numbers):
            self.fail(f"{value!r} contains a number twice", param, ctx)
        return tuple(numbers)
