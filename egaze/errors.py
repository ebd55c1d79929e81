"""The exceptions that bad input raises. The command line prints them as one line and exits with code 1.

A message names the file, the row or field, and the value that was found.
"""

from __future__ import annotations

from collections.abc import Sequence


class EgazeError(Exception):
    """The base class of all exceptions that egaze defines."""


class RadiographError(EgazeError):
    """An image file that cannot be read as a radiograph."""


class TableError(EgazeError):
    """A table that lacks a column or contains a value that cannot be used."""


class SourceError(EgazeError):
    """A data set's folder that lacks files of its layout."""


class StudyError(EgazeError):
    """A prepared study that is missing, damaged, or unsuitable for the request."""


class GazeError(EgazeError, ValueError):
    """Gaze samples in which nothing can be looked for: a clock that runs back, a position that cannot be."""


class RecipeError(EgazeError, ValueError):
    """A training recipe, or a part of one, with an unknown key, or a value of the wrong type or out of range."""


class RunError(EgazeError):
    """The folder of a training run that is missing, damaged, or already exists."""


class SharedModelError(EgazeError):
    """A folder of a shared model that is missing, damaged, contradicts itself, or is not one."""


class LossError(EgazeError):
    """A loss that is not finite, or too large to be added up.

    Attributes:
        case_ids: the cases of the batch.
    """

    def __init__(self, message: str, case_ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.case_ids = tuple(case_ids)

    def __reduce__(self) -> tuple[type[LossError], tuple[str, tuple[str, ...]]]:
        return type(self), (str(self), self.case_ids)  # as a worker of a cluster hands it over


class ArchiveError(EgazeError):
    """An archive of DICOM images that cannot be reached, refuses what is asked, or answers with something else."""


class ModelFileError(EgazeError):
    """An exported model file that cannot be used.

    Attributes:
        code: the kind of fault, as `egaze::error_name` calls it in C++: file_not_found, model_truncated,
            model_foreign, model_archive, model_version, model_spec, model_digest, model_operator, model_failed or
            model_signature.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[ModelFileError], tuple[str, str]]:
        return type(self), (str(self), self.code)
