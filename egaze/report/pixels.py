"""The pixels of radiographs in the gallery, from the study or from the original files."""

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
    """Where radiographs are taken from, and at which size they are shown.

    Attributes:
        radiograph_px: the largest longest side.
        originals: original files by case id; the radiographs of other cases are the study's.
    """

    radiograph_px: int = RADIOGRAPH_PX
    originals: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, study: Study, radiograph_px: int, folder: Path | None) -> RadiographPixels:
        """Find the original files in a folder: those whose names without their extensions are case ids.

        Raises:
            StudyError: the folder is missing, has two files for one case, or has no file for any case.
        """
        if folder is None:
            return cls(radiograph_px)
        if not folder.is_dir():
            raise StudyError(f"{folder}: no such folder of original radiographs")
        wanted, found = set(study.case_ids), dict[str, Path]()
        for path in sorted(folder.iterdir()):
            # A case id may contain dots, for example if it is a UID.
            name = path.name if path.name in wanted else path.stem
            if name in wanted and path.is_file():
                if name in found:
                    raise StudyError(f"{folder}: {found[name].name} and {path.name} are both named after case {name}")
                found[name] = path
        if not found:
            raise StudyError(f"{folder}: no file is named after a case of the study, such as {study.case_ids[0]}.dcm")
        return cls(radiograph_px, found)

    def jpeg(self, study: Study, case_index: int) -> tuple[str, list[int]]:
        """Return the radiograph as a JPEG in base64, and its width and height.

        Raises:
            RadiographError: the original cannot be read.
            StudyError: the original's size differs from that of the radiograph that was prepared.
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
