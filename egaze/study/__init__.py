"""The prepared study: a folder with everything that training needs."""

from egaze.study.prepare import LeftOut, prepare_study
from egaze.study.splits import Splits, split_study
from egaze.study.study import Study, open_study, verify_study
from egaze.study.torchxrayvision import from_torchxrayvision

__all__ = [
    "LeftOut",
    "Splits",
    "Study",
    "from_torchxrayvision",
    "open_study",
    "prepare_study",
    "split_study",
    "verify_study",
]
