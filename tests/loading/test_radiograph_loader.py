import threading
import time

import numpy as np
import pytest
import torch

from egaze.errors import RadiographError
from egaze.imaging import Canvas, read_radiograph, read_stored
from egaze.loading import FailedRadiograph, RadiographLoader, ReadRadiograph, radiograph_loader

SHAPE = (24, 32)


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory):
    """Eleven radiographs of different sizes, two of which cannot be read."""
    folder = tmp_path_factory.mktemp("radiographs")
    generator = np.random.default_rng(0)
    paths = [folder / f"radiograph{number}.npy" for number in range(11)]
    for number, path in enumerate(paths):
        np.save(path, (generator.random((40 + number, 60 - number)) * 65535).astype(np.uint16))
    paths[4].write_bytes(b"not a radiograph")
    paths[9].unlink()
    return paths


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (3, 2), (4, 5), (100, 3)])
@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_radiographs_stay_in_order_and_failures_keep_their_place(radiographs, batch_size, threads, fit):
    canvas = Canvas(*SHAPE, fit)
    loader = RadiographLoader(radiographs, SHAPE, canvas=canvas, batch_size=batch_size, threads=threads)
    batches = list(loader)
    assert len(batches) == len(loader) and all(len(batch) == batch_size for batch in batches[:-1])
    assert [radiograph.path for batch in batches for radiograph in batch.radiographs] == radiographs
    for batch in batches:
        read = [radiograph for radiograph in batch.radiographs if isinstance(radiograph, ReadRadiograph)]
        assert batch.image.shape == (len(read), 1, *SHAPE) and batch.image.dtype == torch.float32
        for radiograph, image in zip(read, batch.image[:, 0], strict=True):
            pixels = read_radiograph(radiograph.path).pixels
            assert radiograph.geometry == canvas.geometry(pixels.shape)
            np.testing.assert_allclose(image, canvas.place(pixels) / 65535, atol=1e-5)
    failed = [
        radiograph for batch in batches for radiograph in batch.radiographs if isinstance(radiograph, FailedRadiograph)
    ]
    assert [radiograph.path for radiograph in failed] == [radiographs[4], radiographs[9]]
    assert all(
        isinstance(radiograph.error, RadiographError) and str(radiograph.path) in str(radiograph.error)
        for radiograph in failed
    )


def test_only_some_radiographs_are_read_ahead(radiographs, monkeypatch):
    begun, at_once, most = [], 0, 0
    lock = threading.Lock()

    def counted(path, **options):
        nonlocal at_once, most
        with lock:
            begun.append(path)
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.005)
        radiograph = read_stored(path, **options)
        with lock:
            at_once -= 1
        return radiograph

    monkeypatch.setattr(radiograph_loader, "read_stored", counted)
    good = [radiographs[0]] * 60
    before = threading.active_count()
    for number, _batch in enumerate(RadiographLoader(good, SHAPE, batch_size=2, threads=3)):
        time.sleep(0.02)
        assert len(begun) <= 2 * (number + 1) + 2 + 3 and most <= 3
        if number == 6:
            break
    assert threading.active_count() == before and len(begun) <= 19


def test_radiographs_without_memory_fail_alone(radiographs, monkeypatch):
    def greedy(path, **options):
        raise MemoryError

    monkeypatch.setattr(radiograph_loader, "read_stored", greedy)
    (batch,) = RadiographLoader(radiographs[:1], SHAPE)
    assert "not enough memory" in str(batch.radiographs[0].error)


def test_bad_options(radiographs):
    for options in ({"batch_size": 0}, {"threads": 0}):
        with pytest.raises(ValueError, match="must be at least 1, got 0"):
            RadiographLoader(radiographs, SHAPE, **options)
    with pytest.raises(ValueError, match="height must be at least 1"):
        RadiographLoader(radiographs, (0, 5))
    assert list(RadiographLoader([], SHAPE)) == []
