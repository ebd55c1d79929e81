"""REFLACX 1.0.0: what radiologists looked at, said, drew and called a film."""

from egaze.sources.reflacx.source import PHASES, Reflacx, list_films

__all__ = ["PHASES", "Reflacx", "list_films"]
