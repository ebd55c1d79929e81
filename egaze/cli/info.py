"""`egaze info`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from egaze.cli import progress
from egaze.cli.completing import encoders as encoders_offered


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the facts about the installation as one JSON object.")
@click.option(
    "--encoders",
    metavar="[PATTERN]",
    is_flag=False,
    flag_value="*",
    shell_complete=encoders_offered,
    help="List the encoders that a recipe may name instead; with PATTERN, the matching ones and their parameters.",
)
def command(as_json: bool, encoders: str | None) -> None:
    """Show versions, extras, devices, the compiled module, the file formats that can be read, and recipes.

    This is what a report of a fault needs. No path, no name of a user or a machine and no value of an environment
    variable is in it.

    \b
    Example:
      egaze info
      egaze info --json
      egaze info --encoders
      egaze info --encoders 'resnet*'
    """
    if encoders is not None:
        if as_json:
            raise click.UsageError("--json is about the installation and --encoders about encoders: choose one")
        _list_encoders(encoders)
        return
    from egaze.cli.installation import installation

    with progress.waiting("importing torch"):
        facts = installation()
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for line in (*_installation_lines(facts), *_recipe_lines()):
        click.echo(line)


def _installation_lines(facts: dict[str, Any]) -> Iterator[str]:
    yield f"egaze {facts['egaze']}, {facts['python']}, {facts['system']}"
    yield "packages:"
    for name, version in facts["packages"].items():
        yield f"  {name} {version or 'is missing'}"
    yield "extras (pip install 'egaze[NAME]'):"
    for extra, packages in facts["extras"].items():
        missing = [name for name, version in packages.items() if version is None]
        there = ", ".join(f"{name} {version}" for name, version in packages.items() if version is not None)
        lacks = f"{'; ' if there else ''}without {', '.join(missing)}" if missing else ""
        yield f"  {extra}: {there}{lacks}"
    devices = facts["devices"]
    if "error" in devices:
        yield f"devices: {devices['error']}"
    else:
        cuda = ", ".join(devices["cuda"]) or "none"
        built = f"CUDA {devices['cuda_of_torch']}" if devices["cuda_of_torch"] else "no CUDA"
        cpu = f"cpu ({facts['processors']} processors, {devices['cpu_threads']} threads)"
        yield f"devices: {cpu}, cuda: {cuda} (torch for {built})"
    compiled = facts["compiled_module"]
    yield f"compiled module: {compiled['compiler']}"
    yield f"  kernels: {compiled['simd']} (of {', '.join(compiled['simd_levels'])})"
    yield from _radiograph_lines(facts["radiographs"])
    runner = facts["egaze_run"]
    if runner is None:
        yield "egaze-run: not on the PATH"
    else:
        yield f"egaze-run: {runner.get('error') or ', '.join([runner['version'], *_formats(runner)])}"
    if facts["environment"]:
        yield f"set in the environment: {', '.join(facts['environment'])}"


def _formats(runner: dict[str, str]) -> list[str]:
    return [f"{name} {said}" for name, said in runner.items() if name != "version"]


def _radiograph_lines(facts: dict[str, Any]) -> Iterator[str]:
    libraries = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
    yield f"radiographs: PNG and JPEG ({libraries}), .npy, and"
    if "error" in facts:
        yield f"  no DICOM: {facts['error']}"
        return
    yield "  DICOM, uncompressed: yes"
    for name, has in facts["dicom"].items():
        yield f"  DICOM, {name}: {'yes' if has else 'no decoder installed'}"


def _recipe_lines() -> Iterator[str]:
    try:
        from egaze.targets.control import GAZE
        from egaze.training.recipe_file import load_recipe, recipe_names
    except ImportError as error:
        yield f"recipes: cannot be imported ({type(error).__name__})"
        return
    yield "recipes:"
    width = max(map(len, recipe_names()))
    for name in recipe_names():
        yield f"  {name:<{width}}  {load_recipe(name).description}"
    yield "controls of gaze, in recipes that learn from it:"
    yield f"  control.gaze            {', '.join(GAZE)}"
    yield "  control.fixations_frac  above 0, up to 1"


def _list_encoders(pattern: str) -> None:
    from egaze.models.catalogue import encoder_names, parameter_count

    for name in encoder_names(pattern):
        # Counting builds the model, which would be too slow for all encoders.
        count = "" if pattern == "*" else f"  {parameter_count(name) / 1e6:.1f} M parameters"
        click.echo(f"{name:<40}{count}" if count else name)
