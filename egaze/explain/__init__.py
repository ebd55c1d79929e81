"""Why a model said what it said: where its evidence lies, and whether that is where the finding and the gaze are."""

from egaze.explain.class_activation import METHODS, class_map, grad_cam, to_film_size

__all__ = ["METHODS", "class_map", "grad_cam", "to_film_size"]
