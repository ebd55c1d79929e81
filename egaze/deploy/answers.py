"""What a model says of radiograph files, one answer for each, as `egaze-run` gives it: as JSON and as a table's row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from egaze.atomic import write_file
from egaze.deploy.predictor import Prediction, Predictor
from egaze.deploy.spec import ModelSpec
from egaze.errors import EgazeError
from egaze.loading import FailedRadiograph
from egaze.serialize import JsonObject


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of one radiograph file.

    Attributes:
        image: path of the radiograph, each byte that is not UTF-8 replaced by U+FFFD.
        class_probs: probability of each class, in [0, 1]; empty if the radiograph cannot be predicted.
        above_threshold: whether each probability is at least the class's threshold, None for a class without one; empty
            if the model file carries no thresholds.
        heatmap_peak: (x, y) of the heatmap's maximum as fractions of the model's input, or None without a heatmap.
        heatmap_npy, heatmap_png: files of the heatmap, or "" if none were written.
        notes: statements of the radiograph's file that were not followed.
        error: why the radiograph cannot be predicted, or "".
        write_error: why its heatmap could not be written, or "".
        dicom_files: its DICOM objects.
        dicom_error: why they could not be made or written, or "".
    """

    image: str
    class_probs: dict[str, float]
    above_threshold: dict[str, bool | None]
    heatmap_peak: tuple[float, float] | None = None
    heatmap_npy: str = ""
    heatmap_png: str = ""
    notes: tuple[str, ...] = ()
    error: str = ""
    write_error: str = ""
    dicom_files: tuple[str, ...] = ()
    dicom_error: str = ""

    def to_json(self, *, thresholds: bool) -> JsonObject:
        """Return the object that `egaze-run --json` prints for this radiograph."""
        if self.error:
            return {"image": self.image, "error": self.error}
        content: JsonObject = {"image": self.image, "class_probs": self.class_probs, "notes": list(self.notes)}
        if thresholds:
            content["above_threshold"] = self.above_threshold
        if self.heatmap_peak is not None:
            content["heatmap_peak"] = dict(zip("xy", self.heatmap_peak, strict=True))
        if self.heatmap_npy:
            content |= {"heatmap_npy": self.heatmap_npy, "heatmap_png": self.heatmap_png}
        if self.dicom_files:
            content["dicom_files"] = list(self.dicom_files)
        return content

    def to_row(self, spec: ModelSpec) -> dict[str, Any]:
        """Return a row with the columns of `egaze-run --csv`."""
        x, y = self.heatmap_peak or (None, None)
        return {
            "image": self.image,
            **{f"prob_{name}": self.class_probs.get(name) for name in spec.class_names},
            **{f"above_threshold_{name}": self.above_threshold.get(name) for name in thresholded(spec)},
            **{"peak_x": x, "peak_y": y, "heatmap_npy": self.heatmap_npy, "heatmap_png": self.heatmap_png},
            **{"error": self.error, "notes": "; ".join(self.notes)},
        }


def thresholded(spec: ModelSpec) -> tuple[str, ...]:
    """Names of the classes, if the model file carries thresholds."""
    return spec.class_names if spec.thresholds else ()


def answers(
    predictor: Predictor,
    radiographs: Sequence[str],
    heatmaps: Sequence[Path] | None = None,
    *,
    workers: int = 1,
    write_dicom: Callable[[int, Prediction], Sequence[Path]] | None = None,
) -> Iterator[Answer]:
    """Predict radiograph files in their order, while reading ahead.

    Args:
        predictor: the model.
        radiographs: paths, which are read with the model's presentation.
        heatmaps: for each radiograph the path, without a suffix, at which its heatmap is written: float32 on the
            model's canvas as .npy, and 8 bits in the radiograph's frame as .png. They replace files of the same names.
        workers: number of threads that read radiographs, each with one in memory.
        write_dicom: called with the number of a radiograph and its prediction; writes DICOM objects of them, returns
            their paths, and may raise EgazeError.

    Yields:
        An answer for each radiograph, also for those that cannot be read.

    Raises:
        ModelFileError: the model fails.
    """
    spec = predictor.spec
    for number, (image, prediction) in enumerate(
        zip(radiographs, predictor.predict_files(radiographs, workers=workers), strict=True)
    ):
        if isinstance(prediction, FailedRadiograph):
            yield Answer(utf8(image), {}, {}, error=utf8(str(prediction.error)))
            continue
        answer = _answer(image, prediction, spec)
        if heatmaps is not None and spec.heatmap_head:
            try:
                npy, png = _write_heatmap(prediction, heatmaps[number])
                answer = replace(answer, heatmap_npy=utf8(str(npy)), heatmap_png=utf8(str(png)))
            except EgazeError as error:
                answer = replace(answer, write_error=str(error))
        if write_dicom is not None:
            try:
                answer = replace(answer, dicom_files=tuple(utf8(str(path)) for path in write_dicom(number, prediction)))
            except EgazeError as error:
                answer = replace(answer, dicom_error=utf8(str(error)))
        yield answer


def utf8(text: str) -> str:
    """Replace each byte of a file name that is not UTF-8 by U+FFFD, as `egaze-run` prints it."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _answer(image: str, prediction: Prediction, spec: ModelSpec) -> Answer:
    above = prediction.above_thresholds() if spec.thresholds else ()
    peak = None
    if spec.heatmap_head:
        heatmap = prediction.heatmap
        y, x = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
        peak = (float(x + 0.5) / heatmap.shape[1], float(y + 0.5) / heatmap.shape[0])
    return Answer(
        utf8(image),
        dict(zip(spec.class_names, map(float, prediction.class_probs), strict=True)),
        dict(zip(thresholded(spec), above, strict=True)),
        peak,
        notes=prediction.notes,
    )


def _write_heatmap(prediction: Prediction, stem: Path) -> tuple[Path, Path]:
    npy, png = stem.with_name(f"{stem.name}.npy"), stem.with_name(f"{stem.name}.png")

    def save_array(partial: Path) -> None:
        with partial.open("wb") as file:
            np.save(file, prediction.heatmap)

    picture = Image.fromarray(np.rint(prediction.radiograph_heatmap() * 255.0).clip(0, 255).astype(np.uint8))
    picture.thumbnail((1024, 1024))
    write_file(npy, save_array)
    write_file(png, lambda partial: picture.save(partial, format="PNG"))
    return npy, png
