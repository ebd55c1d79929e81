"""Heatmap targets: what gaze becomes for training, evaluation and pictures."""

from egaze.targets.centre_bias import centre_bias
from egaze.targets.control import ControlledTarget, GazeControl
from egaze.targets.egd import EgdHeatmap, egd_target
from egaze.targets.fixation_heatmap import KERNEL, WEIGHTS, FixationHeatmap, KernelOptions
from egaze.targets.target import BatchGaze, BatchTarget, HeatmapTarget, no_gaze

__all__ = [
    "KERNEL",
    "WEIGHTS",
    "BatchGaze",
    "BatchTarget",
    "ControlledTarget",
    "EgdHeatmap",
    "FixationHeatmap",
    "GazeControl",
    "HeatmapTarget",
    "KernelOptions",
    "centre_bias",
    "egd_target",
    "no_gaze",
]
