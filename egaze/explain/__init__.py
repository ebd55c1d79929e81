"""Why a model said what it said: where its evidence lies, and whether that is where the finding and the gaze are."""

from egaze.explain.class_activation import METHODS, class_map, grad_cam, to_film_size
from egaze.explain.faithfulness import Faithfulness, class_probabilities, faithfulness, random_order

__all__ = [
    "METHODS",
    "Faithfulness",
    "class_map",
    "class_probabilities",
    "faithfulness",
    "grad_cam",
    "random_order",
    "to_film_size",
]
