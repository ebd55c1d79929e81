"""Synthetic twins of EGD-CXR and REFLACX: phantom films, readers' gaze, and where the signs truly are."""

from egaze.sources.synthetic.twin import LAYOUTS, SyntheticSummary, synthesize

__all__ = ["LAYOUTS", "SyntheticSummary", "synthesize"]
