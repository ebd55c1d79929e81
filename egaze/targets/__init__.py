"""Heatmap targets: what gaze becomes for training, evaluation and pictures."""

from egaze.targets.egd import EgdHeatmap, egd_target
from egaze.targets.fixation_heatmap import KERNEL, WEIGHTS, FixationHeatmap, KernelOptions
from egaze.targets.target import BatchGaze, HeatmapTarget, mean_heatmap, no_gaze

__all__ = [
    "KERNEL",
    "WEIGHTS",
    "BatchGaze",
    "EgdHeatmap",
    "FixationHeatmap",
    "HeatmapTarget",
    "KernelOptions",
    "egd_target",
    "mean_heatmap",
    "no_gaze",
]
