"""The prepared study: a folder that trains anywhere."""

from egaze.study.prepare import LeftOut, prepare_study
from egaze.study.split import Split, split_study
from egaze.study.study import Study, open_study, verify_study

__all__ = ["LeftOut", "Split", "Study", "open_study", "prepare_study", "split_study", "verify_study"]
