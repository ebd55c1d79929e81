"""Training: recipes, the loop that carries them out, and the runs that it leaves."""

from egaze.training.folds import deal_folds
from egaze.training.recipe import Recipe
from egaze.training.recipe_file import load_recipe
from egaze.training.run import Run, open_run
from egaze.training.run_set import RunSet, is_run_set, open_run_set
from egaze.training.train import train
from egaze.training.train_set import train_set

__all__ = [
    "Recipe",
    "Run",
    "RunSet",
    "deal_folds",
    "is_run_set",
    "load_recipe",
    "open_run",
    "open_run_set",
    "train",
    "train_set",
]
