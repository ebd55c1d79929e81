"""Evaluation: runs and sets of runs are measured on one split of their study, and compared; gaze is measured alone."""

from egaze.evaluation.compare import RunComparison, compare, write_comparison
from egaze.evaluation.compare_results import ComparisonResult
from egaze.evaluation.evaluate import evaluate
from egaze.evaluation.evaluate_set import evaluate_set
from egaze.evaluation.gaze_measures import GazeMeasures, MeanMeasure, measure_gaze
from egaze.evaluation.results import EvaluationResult
from egaze.evaluation.stored import Evaluation, open_evaluation

__all__ = [
    "ComparisonResult",
    "Evaluation",
    "EvaluationResult",
    "GazeMeasures",
    "MeanMeasure",
    "RunComparison",
    "compare",
    "evaluate",
    "evaluate_set",
    "measure_gaze",
    "open_evaluation",
    "write_comparison",
]
