import threading
import time

import numpy as np
import pytest
import torch

from egaze.errors import FilmError
from egaze.imaging import Canvas, read_film, read_radiograph
from egaze.loading import FailedFilm, FilmLoader, ReadFilm, film_loader

SHAPE = (24, 32)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Eleven films of different sizes, two of which cannot be read."""
    folder = tmp_path_factory.mktemp("films")
    generator = np.random.default_rng(0)
    paths = [folder / f"film{number}.npy" for number in range(11)]
    for number, path in enumerate(paths):
        np.save(path, (generator.random((40 + number, 60 - number)) * 65535).astype(np.uint16))
    paths[4].write_bytes(b"not a film")
    paths[9].unlink()
    return paths


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (3, 2), (4, 5), (100, 3)])
@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_films_come_in_order_and_bad_ones_take_their_place(films, batch_size, threads, fit):
    canvas = Canvas(*SHAPE, fit)
    loader = FilmLoader(films, SHAPE, canvas=canvas, batch_size=batch_size, threads=threads)
    batches = list(loader)
    assert len(batches) == len(loader) and all(len(batch) == batch_size for batch in batches[:-1])
    assert [film.path for batch in batches for film in batch.films] == films
    for batch in batches:
        read = [film for film in batch.films if isinstance(film, ReadFilm)]
        assert batch.image.shape == (len(read), 1, *SHAPE) and batch.image.dtype == torch.float32
        for film, image in zip(read, batch.image[:, 0], strict=True):
            pixels = read_radiograph(film.path).pixels
            assert film.geometry == canvas.geometry(pixels.shape)
            np.testing.assert_allclose(image, canvas.place(pixels) / 65535, atol=1e-5)
    failed = [film for batch in batches for film in batch.films if isinstance(film, FailedFilm)]
    assert [film.path for film in failed] == [films[4], films[9]]
    assert all(isinstance(film.error, FilmError) and str(film.path) in str(film.error) for film in failed)


def test_only_some_films_are_read_ahead(films, monkeypatch):
    begun, at_once, most = [], 0, 0
    lock = threading.Lock()

    def counted(path, **options):
        nonlocal at_once, most
        with lock:
            begun.append(path)
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.005)
        film = read_film(path, **options)
        with lock:
            at_once -= 1
        return film

    monkeypatch.setattr(film_loader, "read_film", counted)
    good = [films[0]] * 60
    before = threading.active_count()
    for number, _batch in enumerate(FilmLoader(good, SHAPE, batch_size=2, threads=3)):
        time.sleep(0.02)
        assert len(begun) <= 2 * (number + 1) + 2 + 3 and most <= 3
        if number == 6:
            break
    assert threading.active_count() == before and len(begun) <= 19


def test_films_without_memory_fail_alone(films, monkeypatch):
    def greedy(path, **options):
        raise MemoryError

    monkeypatch.setattr(film_loader, "read_film", greedy)
    (batch,) = FilmLoader(films[:1], SHAPE)
    assert "not enough memory" in str(batch.films[0].error)


def test_bad_options(films):
    for options in ({"batch_size": 0}, {"threads": 0}):
        with pytest.raises(ValueError, match="must be at least 1, got 0"):
            FilmLoader(films, SHAPE, **options)
    with pytest.raises(ValueError, match="height must be at least 1"):
        FilmLoader(films, (0, 5))
    assert list(FilmLoader([], SHAPE)) == []
