"""The kernels' thread pool: from many Python threads, after a fork, and at every instruction set."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from egaze import Fixations, _core, rasterize_fixations, resize

GAZE = Fixations(np.linspace(0, 400, 40), np.linspace(300, 0, 40), np.full(40, 0.3))


def work(threads):
    heatmap = rasterize_fixations(GAZE, (301, 403), sigma_px=20, threads=threads)
    return resize(heatmap, (100, 90), filter="bilinear", threads=threads)


def test_many_callers_share_the_pool():
    expected = work(1)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: work(4), range(200)):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_has_its_own_threads():
    expected = work(4)  # the parent's pool is running
    pid = os.fork()
    if pid == 0:
        os._exit(0 if np.array_equal(work(4), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    np.testing.assert_array_equal(work(4), expected)


def test_more_threads_than_rows():
    np.testing.assert_array_equal(
        resize(np.arange(6, dtype=np.uint8).reshape(2, 3), (2, 3), threads=500).ravel(), range(6)
    )


def test_an_error_in_a_thread_reaches_the_caller():
    radiographs = np.zeros((4, 8, 8), np.uint16)
    maps = np.array([[[1, 0, 0], [0, 1, 0]]] * 4, np.float32)
    fixations = np.array([[1, 1, 1, 1, 1, -9, -9, 9, 9]] * 3 + [[1, 1, 1, -1, 1, -9, -9, 9, 9]], np.float32)
    with pytest.raises(ValueError, match="sigma must be a positive number"):
        _core.sample_batch(
            radiographs,
            np.arange(4),
            maps,
            np.array([[1, 0, 1, 0]] * 4, np.float32),
            np.zeros(4, np.uint64),
            np.zeros((4, 0, 4), np.int32),
            fixations,
            np.arange(5),
            *np.empty((2, 4, 1, 8, 8), np.float32),
            boundary="clip",
            kernel="sampled",
            normalize="max",
            truncate=4.0,
            threads=4,
        )


@pytest.mark.parametrize("level", _core.simd_levels())
def test_a_level_can_be_forced(level):
    script = "from egaze import _core; print(_core.simd_level())"
    environment = {**os.environ, "EGAZE_SIMD": level}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == level


def test_an_unknown_level_is_named():
    script = "from egaze import _core; _core.simd_level()"
    environment = {**os.environ, "EGAZE_SIMD": "abacus"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert "EGAZE_SIMD must be one of baseline" in done.stderr and "got 'abacus'" in done.stderr
    with pytest.raises(ValueError, match="the SIMD level must be one of baseline.* got 'abacus'"):
        _core.set_simd_level("abacus")


@pytest.mark.parametrize("level", _core.simd_levels())
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_resizing_differs_between_levels_by_rounding_only(level, dtype):
    image = (np.random.default_rng(0).random((211, 173)) * 250).astype(dtype)
    before = _core.simd_level()
    for filter in ("area", "bilinear", "nearest"):
        for shape in ((50, 41), (300, 260)):
            expected = resize(image, shape, filter=filter, out_dtype=np.float32)
            _core.set_simd_level(level)
            found = resize(image, shape, filter=filter, out_dtype=np.float32)
            rounded = resize(image, shape, filter=filter, out_dtype=np.uint8)
            _core.set_simd_level(before)
            np.testing.assert_allclose(found, expected, atol=1e-3)
            assert np.abs(rounded - expected).max() <= 0.501
