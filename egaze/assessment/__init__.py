"""Runs and sets of runs judged on one side of their study, and compared."""

from egaze.assessment.assessment import Assessment, open_assessment
from egaze.assessment.compare import RunComparison, compare, write_comparison
from egaze.assessment.evaluate import evaluate
from egaze.assessment.evaluate_set import evaluate_set

__all__ = [
    "Assessment",
    "RunComparison",
    "compare",
    "evaluate",
    "evaluate_set",
    "open_assessment",
    "write_comparison",
]
