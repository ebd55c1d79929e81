"""REFLACX 1.0.0: what radiologists looked at, said, drew and called a film."""

from egaze.sources.reflacx.source import Reflacx

__all__ = ["Reflacx"]
