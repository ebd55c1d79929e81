"""A run judged on one side of its study."""

from egaze.assessment.assessment import Assessment, open_assessment
from egaze.assessment.evaluate import evaluate

__all__ = ["Assessment", "evaluate", "open_assessment"]
