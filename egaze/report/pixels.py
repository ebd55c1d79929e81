"""A radiograph's pixels for the gallery: the study's, or those of the original files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from egaze.errors import StudyError
from egaze.imaging import read_radiograph
from egaze.report.encode import RADIOGRAPH_PX, radiograph_jpeg
from egaze.study import Study


@dataclass(frozen=True, slots=True)
class RadiographPixels:
    """Where radiographs are taken from, and how large they are shown at most.

    Attributes:
        radiograph_px: the longest side.
        originals: the original file of a case, by its id; radiographs of other cases are the study's.
    """

    radiograph_px: int = RADIOGRAPH_PX
    originals: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, study: Study, radiograph_px: int, folder: Path | None) -> RadiographPixels:
        """Find the originals: files of a folder whose names, without what follows the last dot, are case ids.

        Raises:
            StudyError: no such folder, two files of one case, or none of any.
        """
        if folder is None:
            return cls(radiograph_px)
        if not folder.is_dir():
            raise StudyError(f"{folder}: no such folder of original radiographs")
        wanted, found = set(study.case_ids), dict[str, Path]()
        for path in sorted(folder.iterdir()):
            # The id itself may have dots, as a UID has.
            name = path.name if path.name in wanted else path.stem
            if name in wanted and path.is_file():
                if name in found:
                    raise StudyError(f"{folder}: {found[name].name} and {path.name} are both of case {name}")
                found[name] = path
        if not found:
            raise StudyError(f"{folder}: no file is named by a case of the study, such as {study.case_ids[0]}.dcm")
        return cls(radiograph_px, found)

    def jpeg(self, study: Study, case_index: int) -> tuple[str, list[int]]:
        """The radiograph in base64, and its width and height.

        Raises:
            RadiographError: an original cannot be read.
            StudyError: an original is of another size than the radiograph that was prepared.
        """
        geometry = study.geometry(case_index, study.image_size_px)
        case_id = study.case_ids[case_index]
        if case_id not in self.originals:
            return radiograph_jpeg(geometry.cut_out(np.asarray(study.images[case_index])), self.radiograph_px)
        path = self.originals[case_id]
        pixels = read_radiograph(path, presentation=study.canvas.presentation).pixels
        if pixels.shape != geometry.radiograph_shape:
            raise StudyError(
                f"{path}: {pixels.shape[1]} x {pixels.shape[0]} px, but case {case_id} was prepared from a radiograph "
                f"of {geometry.radiograph_shape[1]} x {geometry.radiograph_shape[0]} px"
            )
        return radiograph_jpeg(pixels, self.radiograph_px, white=1.0)
