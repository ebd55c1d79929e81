"""Chest radiographs and radiologists' eye gaze, from files to a trained and exported dual-head U-Net."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import egaze._core  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "egaze._core":
        raise
    raise ImportError(
        "egaze's compiled module egaze._core is missing: did you forget to build it? "
        "Run `pip install .` in the project's folder, and start Python outside that folder."
    ) from error

from egaze.lazy_names import lazy_names

if TYPE_CHECKING:
    from egaze.deploy import Predictor, export_torchscript
    from egaze.evaluation.evaluate import evaluate
    from egaze.gaze import Fixations, rasterize_batch, rasterize_fixations, rasterize_frames
    from egaze.imaging import Radiograph, read_radiograph
    from egaze.imaging.resize import resize
    from egaze.loading import DeviceLoader
    from egaze.models import DualHeadUNet
    from egaze.sources import Case
    from egaze.study import open_study
    from egaze.training.train import train

# Names are imported when they are first used: heatmaps need no torch, and torch takes seconds to load.
_HOMES = {
    "Case": "sources",
    "DeviceLoader": "loading",
    "DualHeadUNet": "models",
    "Fixations": "gaze",
    "Predictor": "deploy",
    "Radiograph": "imaging",
    "evaluate": "evaluation",
    "export_torchscript": "deploy",
    "open_study": "study",
    "rasterize_batch": "gaze",
    "rasterize_fixations": "gaze",
    "rasterize_frames": "gaze",
    "read_radiograph": "imaging",
    "resize": "imaging",
    "train": "training",
}

__all__ = [
    "Case",
    "DeviceLoader",
    "DualHeadUNet",
    "Fixations",
    "Predictor",
    "Radiograph",
    "cmake_prefix",
    "evaluate",
    "export_torchscript",
    "open_study",
    "rasterize_batch",
    "rasterize_fixations",
    "rasterize_frames",
    "read_radiograph",
    "resize",
    "train",
]


_get, __dir__ = lazy_names(__name__, _HOMES)


def __getattr__(name: str) -> Any:
    if name == "__version__":  # reading it takes as long as all else together
        from importlib.metadata import version

        return version("egaze")
    return _get(name)


def cmake_prefix() -> Path:
    """The folder to add to CMAKE_PREFIX_PATH, so that CMake's find_package(egaze) finds this installation.

    Raises:
        FileNotFoundError: this installation lacks its C++ package.

    Example:
        >>> import egaze
        >>> (egaze.cmake_prefix() / "lib" / "cmake" / "egaze" / "egazeConfig.cmake").is_file()
        True
    """
    # An editable installation has its Python files in one place and its compiled ones in another.
    for folder in __path__:
        if (prefix := Path(folder) / "sdk").is_dir():
            return prefix
    raise FileNotFoundError(f"no C++ package in {', '.join(__path__)}")
