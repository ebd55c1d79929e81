"""Synthetic twins of EGD-CXR and REFLACX: phantom radiographs, simulated gaze, and true masks of the signs."""

from egaze.sources.synthetic.twin import LAYOUTS, SyntheticSummary, synthesize

__all__ = ["LAYOUTS", "SyntheticSummary", "synthesize"]
