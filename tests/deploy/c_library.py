"""egaze's C interface, as a program in another language sees it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_uint,
    c_void_p,
)
from pathlib import Path

import numpy as np

_TYPES = {np.dtype(np.uint8): 0, np.dtype(np.uint16): 1, np.dtype(np.float32): 2}


class Options(Structure):
    _fields_ = [("device", c_char_p), ("threads", c_int), ("precision", c_int)]


class ModelLimits(Structure):
    _fields_ = [("nodes", c_int64), ("nesting", c_int64), ("bytes_at_work", c_int64), ("multiplications", c_int64)]


class Checks(Structure):
    _fields_ = [("trusted_keys", POINTER(c_char_p)), ("trusted_key_count", c_size_t), ("limits", ModelLimits)]


class Radiograph(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("type", c_int),
        ("height", c_size_t),
        ("width", c_size_t),
        ("row_stride_bytes", c_ssize_t),
        ("column_stride_bytes", c_ssize_t),
        ("table", POINTER(c_float)),
        ("table_size", c_size_t),
    ]


class Grayscale(Structure):
    _fields_ = [
        ("rescale_slope", c_double),
        ("rescale_intercept", c_double),
        ("window_centre", c_double),
        ("window_width", c_double),
        ("monochrome1", c_int),
    ]


def radiograph_of(pixels: np.ndarray, table: np.ndarray | None = None) -> Radiograph:
    """A view of an array of any strides; the array must outlive it."""
    values = table.ctypes.data_as(POINTER(c_float)) if table is not None else None
    size = 0 if table is None else table.size
    return Radiograph(pixels.ctypes.data, _TYPES[pixels.dtype], *pixels.shape, *pixels.strides, values, size)


class CLibrary:
    def __init__(self, path: Path) -> None:
        self.path = path
        lib = self.lib = ctypes.CDLL(str(path))
        texts = ("version", "torch_version", "last_error", "status_name", "class_name", "radiograph_notes")
        for name in (*texts, "label_kind", "threshold_rule"):
            getattr(lib, f"egaze_{name}").restype = c_char_p
        lib.egaze_class_threshold.restype = c_double
        lib.egaze_class_threshold.argtypes = [c_void_p, c_size_t]
        for name in ("label_kind", "threshold_rule"):
            getattr(lib, f"egaze_{name}").argtypes = [c_void_p]
        for name in ("class_count", "heatmap_height", "heatmap_width"):
            getattr(lib, f"egaze_{name}").restype = c_size_t
            getattr(lib, f"egaze_{name}").argtypes = [c_void_p]
        lib.egaze_class_name.argtypes = [c_void_p, c_size_t]
        lib.egaze_radiograph_notes.argtypes = [c_void_p]
        lib.egaze_has_heatmap.argtypes = [c_void_p]
        lib.egaze_free.argtypes = [c_void_p]
        lib.egaze_free.restype = None
        lib.egaze_create.argtypes = [c_char_p, POINTER(Options), POINTER(c_void_p)]
        lib.egaze_create_with_flags.argtypes = [c_char_p, POINTER(Options), c_uint, POINTER(c_void_p)]
        lib.egaze_create_checked.argtypes = [
            c_char_p,
            POINTER(Options),
            c_uint,
            POINTER(Checks),
            POINTER(c_void_p),
        ]
        lib.egaze_predict.argtypes = [c_void_p, POINTER(Radiograph), c_size_t, c_void_p, c_void_p]
        lib.egaze_predict_file.argtypes = [c_void_p, c_char_p, c_void_p, c_void_p]
        lib.egaze_has_class_heatmaps.argtypes = [c_void_p]
        lib.egaze_predict_class_heatmaps.argtypes = [c_void_p, POINTER(Radiograph), c_size_t, *[c_void_p] * 3]
        lib.egaze_predict_file_class_heatmaps.argtypes = [c_void_p, c_char_p, *[c_void_p] * 3]
        lib.egaze_presentation_table.argtypes = [c_void_p, POINTER(Radiograph), POINTER(Grayscale), c_void_p]

    def error(self) -> str:
        return self.lib.egaze_last_error().decode()

    def code_of(self, path: Path, keys: Sequence[bytes] = (), **limits: int) -> str:
        """The name of the status of opening a model file: "ok" when it can be opened."""
        handle = c_void_p()
        checks = Checks((c_char_p * len(keys))(*keys), len(keys), ModelLimits(**limits)) if keys or limits else None
        status = self.lib.egaze_create_checked(
            str(path).encode(), None, 0, checks and ctypes.byref(checks), ctypes.byref(handle)
        )
        assert (status == 0) == bool(handle)
        self.lib.egaze_free(handle)
        return self.lib.egaze_status_name(status).decode()


class CPredictor:
    def __init__(self, library: CLibrary, path: Path, flags: int = 0, **options: object) -> None:
        self.library, self.lib = library, library.lib
        self.handle = c_void_p()
        given = ctypes.byref(Options(**options)) if options else None
        place = ctypes.byref(self.handle)
        status = (
            self.lib.egaze_create_with_flags(str(path).encode(), given, flags, place)
            if flags
            else self.lib.egaze_create(str(path).encode(), given, place)
        )
        assert status == 0, library.error()

    def close(self) -> None:
        self.lib.egaze_free(self.handle)

    def answers(self, count: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Places for so many answers."""
        shape = self.lib.egaze_heatmap_height(self.handle), self.lib.egaze_heatmap_width(self.handle)
        probs = np.full((count, self.lib.egaze_class_count(self.handle)), np.nan, np.float32)
        return probs, np.full((count, *shape), np.nan, np.float32)

    def radiograph_notes(self) -> list[str]:
        """Of the last radiograph file that was read."""
        return self.lib.egaze_radiograph_notes(self.handle).decode().splitlines()

    def predict(self, *radiographs: Radiograph) -> tuple[np.ndarray, np.ndarray]:
        probs, heatmaps = self.answers(len(radiographs))
        batch = (Radiograph * len(radiographs))(*radiographs)
        status = self.lib.egaze_predict(self.handle, batch, len(radiographs), probs.ctypes.data, heatmaps.ctypes.data)
        assert status == 0, self.library.error()
        return probs, heatmaps
