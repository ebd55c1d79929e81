"""The report's plots, as SVG."""

from egaze.report.plots.agreement_scatter import agreement_scatter
from egaze.report.plots.epochs import training_curves
from egaze.report.plots.forest import forest_plot
from egaze.report.plots.reliability import reliability_diagrams
from egaze.report.plots.roc import roc_curves

__all__ = ["agreement_scatter", "forest_plot", "reliability_diagrams", "roc_curves", "training_curves"]
