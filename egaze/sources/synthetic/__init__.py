"""A synthetic twin of EGD-CXR: phantom films, a reader's gaze, and where the signs truly are."""

from egaze.sources.synthetic.twin import LAYOUTS, SyntheticSummary, synthesize

__all__ = ["LAYOUTS", "SyntheticSummary", "synthesize"]
