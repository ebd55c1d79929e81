"""Fixations in the samples of an eye tracker: methods, their settings, and how much depends on them."""

from egaze.gaze.events.detected import DetectedFixations, Losses
from egaze.gaze.events.eyes import EYE_RULES, combine_eyes
from egaze.gaze.events.methods import (
    DEFAULT_METHOD,
    FIXATION_METHODS,
    FixationMethod,
    detect_fixations,
    measure_candidates,
)
from egaze.gaze.events.sensitivity import Sensitivity, settings_sensitivity
from egaze.gaze.events.settings import AdaptiveSettings, CommonSettings, IdtSettings, IvtSettings
from egaze.gaze.events.signal import GazeSignal
from egaze.gaze.events.simulated import SimulatedGaze, simulate_gaze

__all__ = [
    "DEFAULT_METHOD",
    "EYE_RULES",
    "FIXATION_METHODS",
    "AdaptiveSettings",
    "CommonSettings",
    "DetectedFixations",
    "FixationMethod",
    "GazeSignal",
    "IdtSettings",
    "IvtSettings",
    "Losses",
    "Sensitivity",
    "SimulatedGaze",
    "combine_eyes",
    "detect_fixations",
    "measure_candidates",
    "settings_sensitivity",
    "simulate_gaze",
]
