"""`egaze info`."""

from __future__ import annotations

import platform
from importlib.metadata import version

import click

from egaze.cli.completing import encoders


@click.command()
@click.option(
    "--encoders",
    metavar="[PATTERN]",
    is_flag=False,
    flag_value="*",
    shell_complete=encoders,
    help="List the encoders that a recipe may name instead; with PATTERN, the matching ones and their parameters.",
)
def command(encoders: str | None) -> None:
    """Show versions, devices, recipes and the file formats that can be read.

    \b
    Example:
      egaze info
      egaze info --encoders
      egaze info --encoders 'resnet*'
    """
    if encoders is not None:
        _list_encoders(encoders)
        return
    import torch
    from pydicom import uid
    from pydicom.pixels.decoders.base import get_decoder

    from egaze import _core
    from egaze.targets.control import GAZE
    from egaze.training.recipe_file import load_recipe, recipe_names

    click.echo(f"egaze {version('egaze')}, Python {platform.python_version()}, {platform.platform()}")
    for name in ("torch", "timm", "lightning-fabric", "numpy", "polars", "pydicom"):
        click.echo(f"  {name} {version(name)}")
    cuda = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    click.echo(f"devices: cpu ({torch.get_num_threads()} threads), cuda: {cuda}")
    click.echo(f"kernels: {_core.simd_level()} (of {', '.join(_core.simd_levels())})")
    click.echo("recipes:")
    width = max(map(len, recipe_names()))
    for name in recipe_names():
        click.echo(f"  {name:<{width}}  {load_recipe(name).description}")
    click.echo("controls of gaze, in recipes that learn from it:")
    click.echo(f"  control.gaze            {', '.join(GAZE)}")
    click.echo("  control.fixations_frac  above 0, up to 1")
    click.echo("radiographs: PNG and JPEG, .npy, DICOM uncompressed and:")
    for name, syntaxes in {
        "RLE": (uid.RLELossless,),
        "JPEG of 8 bits, lossy": (uid.JPEGBaseline8Bit,),
        "JPEG of 12 bits, lossy": (uid.JPEGExtended12Bit,),
        "JPEG lossless": (uid.JPEGLossless, uid.JPEGLosslessSV1),
        "JPEG-LS": (uid.JPEGLSLossless, uid.JPEGLSNearLossless),
        "JPEG 2000": (uid.JPEG2000Lossless, uid.JPEG2000),
    }.items():
        has = all(get_decoder(syntax).is_available for syntax in syntaxes)
        click.echo(f"  {name}: {'yes' if has else 'no decoder installed'}")


def _list_encoders(pattern: str) -> None:
    from egaze.models.catalogue import encoder_names, parameter_count

    for name in encoder_names(pattern):
        # Counting builds the model, which would be too slow for all encoders.
        count = "" if pattern == "*" else f"  {parameter_count(name) / 1e6:.1f} M parameters"
        click.echo(f"{name:<40}{count}" if count else name)
