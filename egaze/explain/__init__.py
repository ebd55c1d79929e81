"""Why a model said what it said: where its evidence lies, and whether that is where the finding and the gaze are."""

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
