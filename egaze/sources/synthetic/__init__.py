"""Synthetic twins of EGD-CXR and REFLACX: phantom radiographs, readers' gaze, and where the signs truly are."""

from egaze.sources.synthetic.twin import LAYOUTS, SyntheticSummary, synthesize

__all__ = ["LAYOUTS", "SyntheticSummary", "synthesize"]
