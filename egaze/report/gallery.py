"""Films with the reader's gaze and the predicted heatmap as small pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egaze.assessment import Assessment
from egaze.assessment.evaluate import true_heatmap
from egaze.imaging import resize
from egaze.loading import HeatmapTarget
from egaze.pictures.colours import heatmap_table
from egaze.study import Study

_FILM_PX = 320
_HEATMAP_PX = 80


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """One film of the gallery; pictures are data URIs, None where there is nothing to show."""

    case_id: str
    label: str | None
    predicted: str
    probability: float
    probs: tuple[tuple[str, float], ...]
    cc: float | None
    film: str
    true_heatmap: str | None
    predicted_heatmap: str | None

    @property
    def is_right(self) -> bool | None:
        return None if self.label is None else self.label == self.predicted


def make_gallery(study: Study, target: HeatmapTarget, assessment: Assessment, limit: int) -> list[GalleryItem]:
    """At most `limit` films, spread evenly over the evaluated cases."""
    table = assessment.predictions
    rows = np.unique(np.linspace(0, len(table) - 1, min(limit, len(table))).round().astype(int))
    return [_item(study, target, assessment, row) for row in rows.tolist()]


def colour_bar() -> str:
    """The colour map from 0 to 1, left to right, as a data URI."""
    return _png(Image.fromarray(heatmap_table()[None, :, :3].repeat(8, axis=0)))


def _item(study: Study, target: HeatmapTarget, assessment: Assessment, row: int) -> GalleryItem:
    facts: dict[str, Any] = assessment.predictions.row(row, named=True)
    case_index = facts["case_index"]
    probs = tuple((name, float(facts[f"prob_{name}"])) for name in study.class_names)
    predicted, probability = max(probs, key=lambda item: item[1]) if probs else ("", 0.0)
    truth = None
    if study.has_gaze[case_index]:
        truth = _heatmap(true_heatmap(study, target, case_index, _HEATMAP_PX))
    guess = None
    if assessment.heatmaps is not None:
        guess = _heatmap(assessment.heatmaps[row].astype(np.float32))
    return GalleryItem(
        case_id=facts["case_id"],
        label=facts["label"],
        predicted=predicted,
        probability=probability,
        probs=probs,
        cc=facts.get("cc"),
        film=_film(study.images[case_index]),
        true_heatmap=truth,
        predicted_heatmap=guess,
    )


def _film(image: NDArray[np.uint16]) -> str:
    side = min(_FILM_PX, image.shape[0])
    grey = resize(np.ascontiguousarray(image), (side, side), out_dtype=np.uint8, scale=255 / 65535)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, format="JPEG", quality=85)
    return _uri("image/jpeg", buffer)


def _heatmap(values: NDArray[np.float32]) -> str:
    """A palette picture; the lower the value, the more the film shows through."""
    side = min(_HEATMAP_PX, values.shape[0])
    levels = resize(values, (side, side), out_dtype=np.uint8, scale=255.0)
    picture = Image.fromarray(levels).convert("P")
    picture.putpalette(heatmap_table()[:, :3].tobytes())
    return _png(picture, transparency=heatmap_table()[:, 3].tobytes())


def _png(picture: Image.Image, **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True, **options)
    return _uri("image/png", buffer)


def _uri(kind: str, buffer: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def sort_for_reading(items: Sequence[GalleryItem]) -> list[GalleryItem]:
    """Wrong answers first, then the least sure."""
    return sorted(items, key=lambda item: (item.is_right is not False, item.probability))
