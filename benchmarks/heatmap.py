"""Heatmaps compared with scipy and NumPy, with one thread each. Every result is checked before it is timed.

full_vs_scipy     time of scipy.ndimage.gaussian_filter of the count map, divided by ours: 3056x2544, sigma 150, 60
                  fixations, mode reflect
small_vs_numpy    time of two bases and their product in NumPy, divided by ours: 224x224, sigma (13.2, 11.0), 60
                  fixations
call_cost_us      upper bound of the cost of a call from Python, without pixels: 60 fixations on one pixel
egd_vs_reference  time of the EGD-CXR baseline's target with scipy, matplotlib and Pillow, divided by ours
two_threads       time with one thread divided by the time with two, full size
"""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Turns, arguments, finish, one_thread_for_rivals, per_call, rounded, take_turns, timed
from PIL import Image
from scipy.ndimage import gaussian_filter

from egaze import Fixations, rasterize_batch, rasterize_fixations
from egaze.targets import egd_target

FULL = (3056, 2544)
SMALL = (224, 224)
SMALL_SIGMA_PX = (13.2, 11.0)


def gaze(shape: tuple[int, int], count: int = 60, seed: int = 0) -> Fixations:
    generator = np.random.default_rng(seed)
    x = np.floor(generator.uniform(0, shape[1], count))
    y = np.floor(generator.uniform(0, shape[0], count))
    return Fixations(x, y, generator.lognormal(-1.2, 0.5, count))


def count_map(fixations: Fixations, shape: tuple[int, int]) -> np.ndarray:
    counts = np.zeros(shape)
    np.add.at(counts, (fixations.y_px.astype(int), fixations.x_px.astype(int)), 1)
    return counts


def full(quick: bool) -> tuple[float, Turns]:
    """Time the baseline's heatmap at the full size of a radiograph."""
    fixations = gaze(FULL)
    counts = count_map(fixations, FULL)

    def ours(threads: int = 1) -> np.ndarray:
        return rasterize_fixations(
            fixations, FULL, sigma_px=150, weight="count", boundary="reflect", kernel="scipy", threads=threads
        )

    def theirs() -> np.ndarray:
        return gaussian_filter(counts, 150, truncate=4.0)

    expected = theirs()
    error = float(np.abs(ours() - expected).max() / expected.max())
    assert error < 1e-5, error
    calls = {"ours": ours, "ours_two_threads": lambda: ours(2), "scipy": theirs}
    return error, take_turns({name: per_call(call) for name, call in calls.items()}, 1 if quick else 7)


def numpy_heatmap(fixations: Fixations, shape: tuple[int, int], sigma_px: tuple[float, float]) -> np.ndarray:
    """Compute a heatmap the obvious way: two bases and their product."""
    columns = np.exp(-0.5 * ((np.arange(shape[1], dtype=np.float32)[:, None] - fixations.x_px) / sigma_px[0]) ** 2)
    rows = np.exp(-0.5 * ((np.arange(shape[0], dtype=np.float32)[:, None] - fixations.y_px) / sigma_px[1]) ** 2)
    factor = np.float32(1 / (2 * np.pi * sigma_px[0] * sigma_px[1]))
    return (rows * (fixations.duration_s * factor)) @ columns.T


def small(quick: bool) -> tuple[float, Turns]:
    """Time a heatmap at the size used in training."""
    fixations = gaze(SMALL)
    x_px, y_px = fixations.x_px + np.float32(0.3), fixations.y_px + np.float32(0.7)
    fixations = Fixations(x_px, y_px, fixations.duration_s)

    def ours() -> np.ndarray:
        return rasterize_fixations(fixations, SMALL, sigma_px=SMALL_SIGMA_PX)

    def theirs() -> np.ndarray:
        return numpy_heatmap(fixations, SMALL, SMALL_SIGMA_PX)

    expected = theirs()
    # NumPy's bases are not cut at four sigmas.
    error = float(np.abs(ours() - expected).max() / expected.max())
    assert error < 5e-4, error
    batch = [fixations] * 64
    calls = {
        "ours": ours,
        "ours_of_one_pixel": lambda: rasterize_fixations(fixations, (1, 1), sigma_px=SMALL_SIGMA_PX),
        "ours_in_a_batch_of_64": lambda: rasterize_batch(batch, SMALL, sigma_px=SMALL_SIGMA_PX),
        "numpy": theirs,
    }
    samplers = {name: per_call(call, at_least_s=0.002) for name, call in calls.items()}
    return error, take_turns(samplers, 101 if quick else 501)


def egd_reference(fixations: Fixations, shape: tuple[int, int], size_px: int) -> np.ndarray:
    """Compute the baseline's target by its steps with scipy, matplotlib and Pillow."""
    from matplotlib import colormaps

    even = tuple(side + side % 2 for side in shape)
    blurred = gaussian_filter(count_map(fixations, even), 150, truncate=4.0)
    unit = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    colours = colormaps["viridis"](unit, bytes=True)[..., :3]
    resized = Image.fromarray(colours).resize((size_px, size_px), Image.Resampling.BILINEAR)
    return np.asarray(resized.convert("L"))


def egd(quick: bool) -> tuple[float, Turns]:
    """Time the target that the baseline's code trains on."""
    fixations = gaze(FULL, seed=1)

    def ours() -> np.ndarray:
        return egd_target(fixations, FULL, 224)

    expected = egd_reference(fixations, FULL, 224)
    error = int(np.abs(ours().astype(int) - expected.astype(int)).max())
    assert error <= 1, error
    calls = {"ours": ours, "reference": lambda: egd_reference(fixations, FULL, 224)}
    return error, take_turns({name: per_call(call) for name, call in calls.items()}, 1 if quick else 7)


def scaling() -> list[dict[str, Any]]:
    """Time our heatmaps over radiograph size, fixations and sigma, with one thread."""
    rows = []
    for side_px, count, sigma_frac in [
        *((side, 60, 0.05) for side in (64, 128, 224, 448, 896, 1792, 3056)),
        *((224, count, 0.05) for count in (1, 10, 30, 120, 300, 1400)),
        *((224, 60, sigma) for sigma in (0.01, 0.02, 0.1, 0.2)),
    ]:
        fixations, sigma_px = gaze((side_px, side_px), count), sigma_frac * side_px

        def make(fixations: Fixations = fixations, side_px: int = side_px, sigma_px: float = sigma_px) -> np.ndarray:
            return rasterize_fixations(fixations, (side_px, side_px), sigma_px=sigma_px)

        rows.append({"side_px": side_px, "fixations": count, "sigma_frac": sigma_frac, **timed(make, repeats=21)})
    return rows


def main() -> None:
    quick = arguments(__doc__).quick
    full_error, at_full_size = full(quick)
    small_error, at_small_size = small(quick)
    egd_error, of_egd_target = egd(quick)
    headline = {
        "full_vs_scipy": at_full_size.ratio("scipy", "ours"),
        "small_vs_numpy": at_small_size.ratio("numpy", "ours"),
        "egd_vs_reference": of_egd_target.ratio("reference", "ours"),
        "call_cost_us": rounded(1e6 * at_small_size.median("ours_of_one_pixel")),
        "two_threads": at_full_size.ratio("ours", "ours_two_threads"),
    }
    details: dict[str, Any] = {
        "full": {"error_of_max": full_error, **at_full_size.details()},
        "small": {"error_of_max": small_error, **at_small_size.details()},
        "egd": {"error_grey_levels": egd_error, **of_egd_target.details()},
    }
    if not quick:
        details["scaling"] = scaling()
    finish("heatmap", headline, details, ["scipy", "pillow", "matplotlib"], quick=quick)


if __name__ == "__main__":
    one_thread_for_rivals()
    main()
