"""Where on a radiograph the finding is that its class is told from.

Most regions of a study are no findings. EGD-CXR's boxes are of anatomy, on normal radiographs as on others, and nothing
in it says where an opacity is. REFLACX has a box of the chest, which is anatomy too, and ellipses, which radiologists
drew round what they found. SIIM-ACR's pneumothoraces come as masks. So a finding is an ellipse or a mask, if its reader
thought it at least possible (certainty 3, or none given) and it is neither a support device nor a flaw of the
radiograph. Of these the ones count that speak for the class, by the rule that made the class
(`egaze.sources.reflacx.labels`):

| class | findings |
|---|---|
| chf | pulmonary edema, enlarged cardiac silhouette, pleural effusion, pleural abnormality |
| pneumonia | consolidation, groundglass opacity |
| normal | none |
| any other, or no class | all |

What several readers drew on one radiograph counts together. Where somebody has better masks, they are pictures of the
radiograph's size named after the case, as the synthetic twin writes in `findings/`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.imaging import FitGeometry, read_stored
from egaze.sources import Region
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


def finding_regions(study: Study, case_index: int, class_name: str | None) -> tuple[Region, ...]:
    """The regions of a case that count as its finding, in pixels of its radiograph; the module has the rule.

    Args:
        study: the study.
        case_index: the case's place in it.
        class_name: the class that the finding speaks for, as a rule the case's label; None for any.
    """
    return tuple(
        region
        for region in study.regions(case_index)
        if region.shape in _FOUND
        and region.name not in FLAGS
        and (region.certainty is None or region.certainty >= _POSSIBLE)
        and (class_name not in _SIGNS or region.name in _SIGNS[class_name])
    )


def finding_mask(
    study: Study, case_index: int, size_px: int, class_name: str | None, *, folder: Path | None = None
) -> NDArray[np.bool_] | None:
    """A case's finding on the canvas.

    Args:
        study: the study.
        case_index: the case's place in it.
        size_px: side of the canvas.
        class_name: as in `finding_regions`.
        folder: of masks, CASE_ID.png or .npy in the radiograph's size, brighter than half where the finding is; they
            stand in for the study's regions, whatever the class. A case without a file has no known finding.

    Returns:
        (size, size) bool, or None where the case has no finding or none is known.

    Raises:
        StudyError: a mask of another size than its radiograph.
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
    # Ids come from tables: one that is no plain file name has no file here.
    if Path(case_id).name != case_id or "\0" in case_id:
        return None
    path = next((path for ending in ("png", "npy") if (path := folder / f"{case_id}.{ending}").is_file()), None)
    if path is None:
        return None
    stored = read_stored(path)
    if stored.shape != geometry.radiograph_shape:
        raise StudyError(f"{path}: the mask has {stored.shape} pixels, its radiograph {geometry.radiograph_shape}")
    # Of a canvas's pixel that the finding's edge crosses the covered share counts, unrounded.
    share = covered_frac(geometry, stored.stored, stored.table)
    mask = np.zeros(geometry.canvas_shape, dtype=bool)
    geometry.cut_out(mask)[:] = np.greater(share, 0.5)
    return mask
