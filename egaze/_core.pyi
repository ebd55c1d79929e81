"""The compiled kernels. Use the functions of `egaze`, which check and document their arguments."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

_Fields = dict[str, Any]  # values of many types by their names

def rasterize_fixations(
    x_px: ArrayLike,
    y_px: ArrayLike,
    weight: ArrayLike | None,
    sigma_px: ArrayLike,
    shape: tuple[int, int],
    *,
    boundary: str,
    kernel: str,
    normalize: str,
    truncate: float,
    threads: int,
    shown_px: ArrayLike | None = None,
) -> NDArray[np.float32]: ...
def rasterize_batch(
    x_px: ArrayLike,
    y_px: ArrayLike,
    weight: ArrayLike | None,
    sigma_px: ArrayLike,
    offsets: ArrayLike,
    shape: tuple[int, int],
    *,
    boundary: str,
    kernel: str,
    normalize: str,
    truncate: float,
    threads: int,
    shown_px: ArrayLike | None = None,
) -> NDArray[np.float32]: ...
def rasterize_frames(
    x_px: ArrayLike,
    y_px: ArrayLike,
    weights: ArrayLike,
    sigma_px: ArrayLike,
    shape: tuple[int, int],
    *,
    boundary: str,
    kernel: str,
    normalize: str,
    truncate: float,
    threads: int,
    shown_px: ArrayLike | None = None,
) -> NDArray[np.float32]: ...
def fixations_by_dispersion(
    time_s: NDArray[np.float64],
    x_px: NDArray[np.float64],
    y_px: NDArray[np.float64],
    pixels_per_degree: tuple[float, float],
    *,
    gaps: tuple[float, float],
    rule: tuple[float, float, float],
    max_dispersion_deg: float,
) -> _Fields: ...
def fixations_by_velocity(
    time_s: NDArray[np.float64],
    x_px: NDArray[np.float64],
    y_px: NDArray[np.float64],
    pixels_per_degree: tuple[float, float],
    *,
    gaps: tuple[float, float],
    rule: tuple[float, float, float],
    window_s: float,
    threshold_deg_s: float,
    threads: int,
) -> _Fields: ...
def fixations_by_adaptive_velocity(
    time_s: NDArray[np.float64],
    x_px: NDArray[np.float64],
    y_px: NDArray[np.float64],
    pixels_per_degree: tuple[float, float],
    *,
    gaps: tuple[float, float],
    rule: tuple[float, float, float],
    window_s: float,
    max_window_s: float,
    smallest_saccade_deg: float,
    peak_sd: float,
    onset_sd: float,
    min_peak_deg_s: float,
    threads: int,
) -> _Fields: ...
def fixations_of_ranges(
    time_s: NDArray[np.float64],
    x_px: NDArray[np.float64],
    y_px: NDArray[np.float64],
    pixels_per_degree: tuple[float, float],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    *,
    gaps: tuple[float, float],
    rule: tuple[float, float, float],
) -> _Fields: ...
def resize(
    image: NDArray[np.generic],
    shape: tuple[int, int],
    *,
    filter: str,
    out_dtype: DTypeLike,
    scale: float,
    shift: float,
    table: NDArray[np.float32] | None,
    threads: int,
) -> NDArray[np.generic]: ...
def marked_overlay(
    grey: NDArray[np.uint8], levels: NDArray[np.uint8], colours: NDArray[np.uint8], highest: float
) -> NDArray[np.uint8]: ...
def fit_rectangle(
    radiograph_shape: tuple[int, int], canvas_shape: tuple[int, int], fit: str
) -> tuple[int, int, int, int]: ...
def place_on_canvas(
    radiograph: NDArray[np.generic],
    rectangle: tuple[int, int, int, int],
    shape: tuple[int, int],
    *,
    table: NDArray[np.float32] | None,
    threads: int,
) -> NDArray[np.uint16]: ...
def to_input(canvas: NDArray[np.uint16], shape: tuple[int, int]) -> NDArray[np.float32]: ...
def sample_batch(
    stack: NDArray[np.uint16],
    image_index: NDArray[np.int64],
    to_image: NDArray[np.float32],
    intensity: NDArray[np.float32],
    noise_key: NDArray[np.uint64],
    cutouts: NDArray[np.int32],
    fixations: NDArray[np.float32],
    offsets: NDArray[np.int64],
    images: NDArray[np.float32],
    heatmaps: NDArray[np.float32],
    *,
    boundary: str,
    kernel: str,
    normalize: str,
    truncate: float,
    threads: int,
) -> None: ...
def sample_heatmaps(
    sets: NDArray[np.int64],
    to_image: NDArray[np.float32],
    fixations: NDArray[np.float32],
    offsets: NDArray[np.int64],
    heatmaps: NDArray[np.float32],
    *,
    boundary: str,
    kernel: str,
    normalize: str,
    truncate: float,
    threads: int,
) -> None: ...
def read_model(
    path: bytes, nodes: int = ..., nesting: int = ..., bytes_at_work: int = ..., multiplications: int = ...
) -> tuple[_Fields, bytes, bytes | None, _Fields]: ...
def check_onnx_model(
    path: bytes, content: bytes, nodes: int, nesting: int, bytes_at_work: int, multiplications: int
) -> tuple[_Fields, bytes, bytes | None, _Fields]: ...
def onnx_operators() -> list[str]: ...
def model_limits() -> list[tuple[str, int, int]]: ...
def model_operators() -> list[str]: ...
def compiler() -> str: ...
def simd_levels() -> list[str]: ...
def simd_level() -> str: ...
def set_simd_level(level: str) -> None: ...

class ModelError(Exception):
    args: tuple[str, bytes]

class ProgramError(Exception): ...

class OnnxGraph:
    def __init__(
        self,
        height_px: int,
        width_px: int,
        *,
        nodes: int,
        nesting: int,
        bytes_at_work: int,
        multiplications: int,
    ) -> None: ...
    def add_constant(self, name: str, dtype: int, dims: tuple[int, ...], data: bytes) -> None: ...
    def add(
        self,
        op_type: str,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        attributes: Mapping[str, int | float | str | tuple[int, ...]],
    ) -> None: ...
    def shape(self, name: str) -> list[tuple[int, bool]]: ...
    def finish(self, spec_json: bytes) -> None: ...
    def written(self, spec_json: bytes, signature_digits: str | None = None) -> bytes: ...
