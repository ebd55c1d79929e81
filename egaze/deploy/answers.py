"""What a model says of radiograph files, one answer for each, as `egaze-run` gives it: as JSON and as a table's row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egaze.atomic import write_file
from egaze.deploy.predictor import Prediction, Predictor
from egaze.deploy.spec import ModelSpec
from egaze.errors import EgazeError
from egaze.loading import FailedRadiograph
from egaze.pictures.output_names import radiograph_names
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
        class_heatmap_peaks: the same point of each class's heatmap, if they were asked for.
        class_heatmaps_npy, class_heatmap_pngs: their files, or "" and nothing.
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
    class_heatmap_peaks: dict[str, tuple[float, float]] = field(default_factory=dict)
    class_heatmaps_npy: str = ""
    class_heatmap_pngs: dict[str, str] = field(default_factory=dict)
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
            content["heatmap_peak"] = _point(self.heatmap_peak)
        if self.heatmap_npy:
            content |= {"heatmap_npy": self.heatmap_npy, "heatmap_png": self.heatmap_png}
        if self.class_heatmap_peaks:
            content["class_heatmap_peaks"] = {name: _point(at) for name, at in self.class_heatmap_peaks.items()}
        if self.class_heatmaps_npy:
            content["class_heatmaps_npy"] = self.class_heatmaps_npy
            content["class_heatmap_pngs"] = dict(self.class_heatmap_pngs)
        if self.dicom_files:
            content["dicom_files"] = list(self.dicom_files)
        return content

    def to_row(self, spec: ModelSpec, *, class_heatmaps: bool = False) -> dict[str, Any]:
        """Return a row with the columns of `egaze-run --csv`, or with those of `--class-heatmaps` too."""
        x, y = self.heatmap_peak or (None, None)
        classes = spec.class_names if class_heatmaps else ()
        peaks = {name: self.class_heatmap_peaks.get(name, (None, None)) for name in classes}
        return {
            "image": self.image,
            **{f"prob_{name}": self.class_probs.get(name) for name in spec.class_names},
            **{f"above_threshold_{name}": self.above_threshold.get(name) for name in thresholded(spec)},
            **{"peak_x": x, "peak_y": y, "heatmap_npy": self.heatmap_npy, "heatmap_png": self.heatmap_png},
            **{f"peak_{axis}_{name}": peaks[name]["xy".index(axis)] for name in classes for axis in "xy"},
            **({"class_heatmaps_npy": self.class_heatmaps_npy} if classes else {}),
            **{f"class_heatmap_png_{name}": self.class_heatmap_pngs.get(name, "") for name in classes},
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
            model's canvas as .npy, and 8 bits in the radiograph's frame as .png. Those of a predictor with class
            heatmaps are written beside it, as PATH_classes.npy with the classes first and PATH_classes/CLASS.png. They
            replace files of the same names.
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
                answer = _write_heatmaps(answer, prediction, heatmaps[number])
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


def _point(at: tuple[float, float]) -> JsonObject:
    return dict(zip("xy", at, strict=True))


def _answer(image: str, prediction: Prediction, spec: ModelSpec) -> Answer:
    above = prediction.above_thresholds() if spec.thresholds else ()
    of_classes = () if prediction.class_heatmaps is None else prediction.class_heatmaps
    peaks = {name: _peak(heatmap) for name, heatmap in zip(spec.class_names, of_classes, strict=False)}
    return Answer(
        utf8(image),
        dict(zip(spec.class_names, map(float, prediction.class_probs), strict=True)),
        dict(zip(thresholded(spec), above, strict=True)),
        _peak(prediction.heatmap) if spec.heatmap_head else None,
        class_heatmap_peaks=peaks,
        notes=prediction.notes,
    )


def _peak(heatmap: NDArray[np.float32]) -> tuple[float, float]:
    y, x = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    return float(x + 0.5) / heatmap.shape[1], float(y + 0.5) / heatmap.shape[0]


def _write_heatmaps(answer: Answer, prediction: Prediction, stem: Path) -> Answer:
    npy, png = stem.with_name(f"{stem.name}.npy"), stem.with_name(f"{stem.name}.png")
    _write_array(npy, prediction.heatmap)
    _write_picture(png, prediction.radiograph_heatmap())
    answer = replace(answer, heatmap_npy=utf8(str(npy)), heatmap_png=utf8(str(png)))
    if prediction.class_heatmaps is None:
        return answer
    folder = stem.with_name(f"{stem.name}_classes")
    npy = folder.with_name(f"{folder.name}.npy")
    _write_array(npy, prediction.class_heatmaps)
    pngs = {}
    for name, file in zip(prediction.class_names, radiograph_names(prediction.class_names), strict=True):
        png = folder / f"{file}.png"
        _write_picture(png, prediction.radiograph_heatmap(name))
        pngs[name] = utf8(str(png))
    return replace(answer, class_heatmaps_npy=utf8(str(npy)), class_heatmap_pngs=pngs)


def _write_array(path: Path, values: NDArray[np.float32]) -> None:
    def save(partial: Path) -> None:
        with partial.open("wb") as file:
            np.save(file, values)

    write_file(path, save)


def _write_picture(path: Path, heatmap: NDArray[np.float32]) -> None:
    picture = Image.fromarray(np.rint(heatmap * 255.0).clip(0, 255).astype(np.uint8))
    picture.thumbnail((1024, 1024))
    write_file(path, lambda partial: picture.save(partial, format="PNG"))
