"""Recipes and the loop that carries them out."""

from egaze.training.recipe import Recipe, load_recipe
from egaze.training.run import Run, open_run
from egaze.training.train import train

__all__ = ["Recipe", "Run", "load_recipe", "open_run", "train"]
