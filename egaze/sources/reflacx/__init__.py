"""REFLACX 1.0.0: radiologists' gaze, dictations, drawn ellipses and labels on radiographs of MIMIC-CXR."""

from egaze.sources.reflacx.source import PHASES, Reflacx, list_radiographs

__all__ = ["PHASES", "Reflacx", "list_radiographs"]
