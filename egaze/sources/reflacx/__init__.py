"""REFLACX 1.0.0: what radiologists looked at, said, drew and called a radiograph."""

from egaze.sources.reflacx.source import PHASES, Reflacx, list_radiographs

__all__ = ["PHASES", "Reflacx", "list_radiographs"]
