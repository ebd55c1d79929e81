"""The command line: each command parses its arguments, calls the library and prints the result."""

from __future__ import annotations

import io
import logging
import os
import sys

# OpenMP threads that spin while they wait slow training down severely when anything else uses the processors. The
# variable must be set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click

from egaze.cli.lazy_group import LazyGroup
from egaze.errors import EgazeError

#: Commands with their help; a command's module, and torch with it, is imported only when the command is used.
COMMANDS = {
    "synthesize": "Write a synthetic twin of EGD-CXR or REFLACX: phantom radiographs, gaze and tables.",
    "new-table": "Write templates of cases.csv and fixations.csv for your own data.",
    "gaze": "Read the exports of your own eye tracker, and measure a study's gaze.",
    "prepare": "Read radiographs and gaze once and write a study for training.",
    "study": "Show, verify or split a prepared study.",
    "heatmaps": "Draw a study's gaze: heatmaps, overlays, scanpaths, animations.",
    "train": "Train the dual-head U-Net on a study: once, with several seeds, or in cross-validation.",
    "tune": "Search for a better recipe: trials on training and validation, shared by any number of workers.",
    "runs": "Show several runs together, finished or not: a table, and their curves in one picture.",
    "evaluate": "Measure a run: AUCs with intervals, and agreement of its heatmaps with gaze.",
    "compare": "Compare two runs or sets of runs on the same radiographs.",
    "explain": "Show where a model's evidence lies: Grad-CAM with gaze and findings, in pictures and metrics.",
    "report": "Write the report of a run as one HTML file.",
    "export": "Write a run's model as one file of TorchScript or ONNX.",
    "share": "Write a run's model into a folder for others, or to a model hub.",
    "fetch": "Make a model file of a folder that somebody shared.",
    "check": "Check an exported model file without running it, and show its spec.",
    "predict": "Predict radiographs with an exported model.",
    "pacs": "Predict a study in a DICOMweb archive, and store the results there.",
    "demo": "Run everything on synthetic radiographs, from tables to an exported model.",
    "info": "Show versions, extras, devices, readable file formats and recipes, for reports of faults.",
    "completion": "Print what lets bash, zsh or fish complete commands, options, studies, runs and recipes.",
    "cmake-prefix": "Print the folder for CMAKE_PREFIX_PATH that find_package(egaze) needs.",
}


class _Commands(LazyGroup):
    module_prefix = "egaze.cli."
    commands_help = COMMANDS


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="egaze", prog_name="egaze")
@click.option("-v", "--verbose", count=True, help="Log more; given twice, everything.")
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors only, without progress bars.")
@click.pass_context
def cli(ctx: click.Context, verbose: int, quiet: bool) -> None:
    """Chest radiographs and radiologists' eye gaze: prepare, train, evaluate, report, export.

    Research software, not a medical device.

    \b
    Example:
      egaze synthesize phantoms --cases 60
      egaze prepare egd-cxr --gaze phantoms/gaze --images phantoms/images --out study
      egaze train study --out run --recipe joint
      egaze evaluate run
      egaze report run
    """
    level = logging.ERROR if quiet else [logging.WARNING, logging.INFO, logging.DEBUG][min(verbose, 2)]
    logging.basicConfig(level=level, stream=sys.stderr, format="%(name)s: %(message)s")
    ctx.obj = {"quiet": quiet}


def main() -> None:
    """Run the `egaze` program. Exit codes: 0 success, 1 failure with one line on stderr, 2 wrong usage."""
    # File names may have characters that stdout's encoding lacks; they are printed as escapes, as on stderr.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if "_EGAZE_COMPLETE" in os.environ:
        from egaze.cli.completion import use_own_scripts

        use_own_scripts()
    try:
        cli(prog_name="egaze", complete_var="_EGAZE_COMPLETE", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("egaze: interrupted", file=sys.stderr)
        sys.exit(1)
    except EgazeError as error:
        print(f"egaze: error: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of stdout has closed it, as in `egaze ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        logging.getLogger("egaze").debug("traceback", exc_info=True)
        named = "" if error.filename is None else f"{error.filename}: "
        print(f"egaze: error: {named}{error.strerror or error}", file=sys.stderr)
        sys.exit(1)
