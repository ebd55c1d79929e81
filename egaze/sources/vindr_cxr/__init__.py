"""VinDr-CXR 1.0.0: radiographs that three radiologists each labelled and drew boxes on."""

from egaze.sources.vindr_cxr.labels import VOTES
from egaze.sources.vindr_cxr.source import VindrCxr, list_radiographs

__all__ = ["VOTES", "VindrCxr", "list_radiographs"]
