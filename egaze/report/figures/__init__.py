"""The report's charts, as SVG."""

from egaze.report.figures.agreement import agreement_scatter
from egaze.report.figures.forest import forest_plot
from egaze.report.figures.training import training_curves

__all__ = ["agreement_scatter", "forest_plot", "training_curves"]
