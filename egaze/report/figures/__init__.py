"""The report's charts, as SVG."""

from egaze.report.figures.agreement import agreement_scatter
from egaze.report.figures.calibration import reliability_diagrams
from egaze.report.figures.forest import forest_plot
from egaze.report.figures.roc import roc_curves
from egaze.report.figures.training import training_curves

__all__ = ["agreement_scatter", "forest_plot", "reliability_diagrams", "roc_curves", "training_curves"]
