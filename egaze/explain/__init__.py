"""Explanation: where a model's evidence for a class lies, and whether it agrees with the finding and with gaze."""

from egaze.explain.cases import ExplainOptions
from egaze.explain.explain import explain
from egaze.explain.faithfulness import Faithfulness, class_probabilities, faithfulness, random_order
from egaze.explain.results import ExplanationResult

__all__ = [
    "ExplainOptions",
    "ExplanationResult",
    "Faithfulness",
    "class_probabilities",
    "explain",
    "faithfulness",
    "random_order",
]
