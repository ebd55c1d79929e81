"""Searching for a better recipe: trials on training and validation, which never see the test split."""

from egaze.tuning.result import SearchResult, TrialResult
from egaze.tuning.search import tune
from egaze.tuning.space import SearchSpace, load_space

__all__ = ["SearchResult", "SearchSpace", "TrialResult", "load_space", "tune"]
