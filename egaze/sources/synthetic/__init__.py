"""Synthetic twins of data sets: phantom radiographs, simulated gaze, and true masks of the signs."""

from egaze.sources.synthetic.twin import LAYOUTS, SyntheticSummary, synthesize

__all__ = ["LAYOUTS", "SyntheticSummary", "synthesize"]
