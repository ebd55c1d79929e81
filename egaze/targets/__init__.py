"""Heatmap targets: what gaze becomes for training, evaluation and pictures."""

from egaze.targets.centre_bias import centre_bias
from egaze.targets.class_heatmaps import ClassHeatmaps, ClassHeatmapTarget
from egaze.targets.control import ControlledTarget, GazeControl
from egaze.targets.egd import EgdHeatmap, egd_target
from egaze.targets.fixation_heatmap import KERNEL, WEIGHTS, FixationHeatmap, KernelOptions
from egaze.targets.target import BatchClassHeatmaps, BatchGaze, BatchTarget, HeatmapTarget, mean_heatmap, no_gaze

__all__ = [
    "KERNEL",
    "WEIGHTS",
    "BatchClassHeatmaps",
    "BatchGaze",
    "BatchTarget",
    "ClassHeatmapTarget",
    "ClassHeatmaps",
    "ControlledTarget",
    "EgdHeatmap",
    "FixationHeatmap",
    "GazeControl",
    "HeatmapTarget",
    "KernelOptions",
    "centre_bias",
    "egd_target",
    "mean_heatmap",
    "no_gaze",
]
