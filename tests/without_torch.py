"""Prints what the installed egaze and its tests require, but for what is or needs torch: one requirement a line."""

from importlib.metadata import requires

from packaging.requirements import Requirement

NEEDS_TORCH = {"lightning-fabric", "segmentation-models-pytorch", "timm", "torch", "torchvision"}
#: Of the extra `test`, what the tests of kernels, sources and study use.
TESTING = {"hypothesis", "pyjpegls", "pytest"}

for requirement in map(Requirement, requires("egaze")):
    extra = requirement.marker is not None and "extra" in str(requirement.marker)
    wanted = requirement.name in TESTING if extra else requirement.name not in NEEDS_TORCH
    if wanted and (requirement.marker is None or requirement.marker.evaluate({"extra": "test"})):
        print(f"{requirement.name}{requirement.specifier}")
