"""The regions of a radiograph that show the finding behind its class.

Most regions of a study are not findings. EGD-CXR's boxes show anatomy, on normal radiographs as on others, and nothing
in that data set locates an opacity. REFLACX has a box of the chest, which is anatomy too, and ellipses that
radiologists drew around abnormalities. SIIM-ACR has masks of pneumothoraces. A finding is therefore an ellipse or a
mask that its reader considered at least possible (certainty 3 or more, or not given) and that marks neither a support
device nor a quality issue. Of these, the ones count that support the class by the rule that defines it
(`egaze.sources.reflacx.labels`):

| class | findings |
|---|---|
| chf | pulmonary edema, enlarged cardiac silhouette, pleural effusion, pleural abnormality |
| pneumonia | consolidation, groundglass opacity |
| normal | none |
| any other, or no class | all |

Where labels are independent, the finding of a class is what has its name, boxes too, beside what the table says of the
class: NIH ChestX-ray14's boxes are named by finding.

Ellipses of several readers on one radiograph count together. Better masks can be given as pictures of the radiograph's
size, named after the case, as the synthetic twin has them in `findings/`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.imaging import FitGeometry, read_stored
from egaze.sources import Region
from egaze.sources.cell_names import folded
from egaze.sources.reflacx.labels import (
    CHF,
    CONSOLIDATION,
    EDEMA,
    EFFUSION,
    FLAGS,
    GROUNDGLASS,
    LARGE_HEART,
    NORMAL,
    PLEURA,
    PNEUMONIA,
)
from egaze.study.region_masks import covered_frac, on_canvas
from egaze.study.study import Study

_SIGNS = {
    CHF: {EDEMA, LARGE_HEART, EFFUSION, PLEURA},
    PNEUMONIA: {CONSOLIDATION, GROUNDGLASS},
    NORMAL: set[str](),
}
_FOUND = ("ellipse", "mask")
_POSSIBLE = 3


def is_possible(region: Region) -> bool:
    """Whether a region's reader considered it at least possible, or gave no certainty."""
    return region.certainty is None or region.certainty >= _POSSIBLE


def finding_regions(study: Study, case_index: int, class_name: str | None) -> tuple[Region, ...]:
    """The regions of a case that are its finding, by the rule of this module, in pixels of its radiograph.

    Args:
        study: the study.
        case_index: the index of the case.
        class_name: the class that the finding supports, usually the label of the case; None for any class.
    """
    return tuple(
        region
        for region in study.regions(case_index)
        if region.name not in FLAGS and is_possible(region) and _supports(study, region, class_name)
    )


def _supports(study: Study, region: Region, class_name: str | None) -> bool:
    is_drawn = region.shape in _FOUND
    if study.labels.kind == "exclusive":
        return is_drawn and (class_name not in _SIGNS or region.name in _SIGNS[class_name])
    named_as = study.class_names if class_name is None else (class_name,)
    if folded(region.name) in map(folded, named_as):
        return True
    return is_drawn and (class_name is None or region.name in _SIGNS.get(class_name, ()))


def finding_mask(
    study: Study, case_index: int, size_px: int, class_name: str | None, *, folder: Path | None = None
) -> NDArray[np.bool_] | None:
    """The mask of a case's finding on the canvas.

    Args:
        study: the study.
        case_index: the index of the case.
        size_px: the side of the canvas.
        class_name: as for `finding_regions`.
        folder: of masks, CASE_ID.png or .npy in the size of the radiograph, brighter than half in the finding. They
            replace the regions of the study, whatever the class; a case without a file has no known finding.

    Returns:
        (size, size) bool, or None if the case has no known finding.

    Raises:
        StudyError: a mask whose size differs from that of its radiograph.
        RadiographError: a mask that cannot be read.
    """
    geometry = study.geometry(case_index, size_px)
    if folder is not None:
        mask = _read_mask(folder, study.case_ids[case_index], geometry)
    else:
        regions = [on_canvas(geometry, region) for region in finding_regions(study, case_index, class_name)]
        mask = np.logical_or.reduce(regions) if regions else None
    return mask if mask is not None and mask.any() else None


def _read_mask(folder: Path, case_id: str, geometry: FitGeometry) -> NDArray[np.bool_] | None:
    # Case ids come from tables; an id that is not a plain file name has no mask.
    if Path(case_id).name != case_id or "\0" in case_id:
        return None
    path = next((path for ending in ("png", "npy") if (path := folder / f"{case_id}.{ending}").is_file()), None)
    if path is None:
        return None
    stored = read_stored(path)
    if stored.shape != geometry.radiograph_shape:
        raise StudyError(f"{path}: the mask has {stored.shape} pixels, its radiograph {geometry.radiograph_shape}")
    # A pixel of the canvas at the edge of the finding has the share that the finding covers, unrounded.
    share = covered_frac(geometry, stored.stored, stored.table)
    mask = np.zeros(geometry.canvas_shape, dtype=bool)
    geometry.cut_out(mask)[:] = np.greater(share, 0.5)
    return mask
