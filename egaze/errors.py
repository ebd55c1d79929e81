"""Every error that bad input can cause. The command line prints them as one line and exits with 1.

A message names what is at fault and where: the file, the row or field, and the value that was found.
"""

from __future__ import annotations


class EgazeError(Exception):
    """Base of every error egaze raises on purpose."""


class RadiographError(EgazeError):
    """An image file that cannot be read as a radiograph."""


class TableError(EgazeError):
    """A table that lacks a column, or holds a value that cannot be used."""


class SourceError(EgazeError):
    """A dataset folder that does not hold what its layout promises."""


class StudyError(EgazeError):
    """A prepared study that is missing, damaged, or unfit for what was asked of it."""


class RecipeError(EgazeError, ValueError):
    """A training recipe, or a part of one, with an unknown key or a value of the wrong type or out of range."""


class RunError(EgazeError):
    """A training run's folder that is missing, damaged, or already there."""


class ModelFileError(EgazeError):
    """An exported model file that cannot be used.

    Attributes:
        code: what is wrong, in the words of C++'s `egaze::error_name`: file_not_found, model_truncated,
            model_foreign, model_archive, model_version, model_spec, model_digest, model_operator, model_failed or
            model_signature.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code
