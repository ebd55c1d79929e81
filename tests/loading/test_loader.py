import threading
import time

import numpy as np
import pytest
import torch

from egaze import _core, rasterize_fixations
from egaze.loading import Augmentation, DeviceLoader, HeatmapTarget
from egaze.loading.augment import identity, unit_to_pixels

TARGET = HeatmapTarget(sigma_frac=0.06)


def load(study, indices=None, **options):
    indices = np.arange(len(study)) if indices is None else np.asarray(indices)
    defaults = {"batch_size": 8, "size_px": 64, "target": TARGET}
    return DeviceLoader(study, indices, **{**defaults, **options})


def test_without_augmentation_films_and_heatmaps_are_the_study_s(study):
    seen = []
    for batch in load(study):
        assert batch.image.shape == batch.heatmap.shape == (len(batch), 1, 64, 64)
        for i, case in enumerate(batch.case_index.tolist()):
            np.testing.assert_allclose(batch.image[i, 0], study.images[case] / 65535.0, atol=1e-6)
            expected = rasterize_fixations(study.fixations(case, 64), (64, 64), sigma_px=0.06 * 64, normalize="max")
            np.testing.assert_allclose(batch.heatmap[i, 0], expected, atol=1e-5)
            assert batch.label[i] == study.labels[case] and batch.has_gaze[i] == study.has_gaze[case]
        seen += batch.case_index.tolist()
    assert seen == list(range(len(study)))


def test_another_size_means_the_same_heatmap(study):
    small, large = (next(iter(load(study, [3], size_px=size))) for size in (64, 128))
    shrunk = torch.nn.functional.avg_pool2d(large.heatmap, 2)
    assert (shrunk - small.heatmap).abs().max() < 0.03
    shrunk = torch.nn.functional.avg_pool2d(large.image, 2)
    assert (shrunk - small.image).abs().mean() < 0.02


def test_a_sample_depends_on_seed_epoch_and_case_alone(study):
    def views(order, **options):
        loader = load(study, order, augmentation=Augmentation(), seed=5, **options)
        loader.set_epoch(options.pop("epoch", 2) if "epoch" in options else 2)
        return {
            int(case): (image, heatmap)
            for batch in loader
            for case, image, heatmap in zip(batch.case_index, batch.image, batch.heatmap, strict=True)
        }

    first = views(range(20))
    for other in (views(range(19, -1, -1)), views(range(20), batch_size=3, threads=3), views(range(20), shuffle=True)):
        for case, (image, heatmap) in other.items():
            assert torch.equal(image, first[case][0]) and torch.equal(heatmap, first[case][1])
    loader = load(study, range(20), augmentation=Augmentation(), seed=5)
    loader.set_epoch(3)
    assert not torch.equal(next(iter(loader)).image[0], first[0][0])


def test_the_heatmap_moves_with_the_film():
    """A bright blob with a fixation at its centre: both stay together through any view."""
    ys, xs = np.mgrid[:128, :128]
    film = np.exp(-(((xs - 80) / 5) ** 2) - ((ys - 40) / 5) ** 2)
    films = (film * 65535).astype(np.uint16)[None].repeat(16, axis=0)
    maps, intensity = Augmentation(rotation_deg=30, zoom=0.3, shift_frac=0.1, gain=0, bias=0).draw(1, 0, range(16))
    spots = np.tile(np.array([80, 40, 1, 5, 5], np.float32), (16, 1))
    images, heatmaps = np.empty((2, 16, 1, 96, 96), np.float32)
    _core.sample_batch(
        films,
        np.arange(16),
        unit_to_pixels(maps, 96, 128),
        np.ascontiguousarray(intensity),
        spots,
        np.arange(17),
        images,
        heatmaps,
        boundary="clip",
        kernel="sampled",
        normalize="max",
        truncate=4.0,
        threads=2,
    )
    ys, xs = np.mgrid[:96, :96]
    for image, heatmap in zip(images[:, 0], heatmaps[:, 0], strict=True):
        for axis in (xs, ys):
            centre = (image * axis).sum() / image.sum()
            assert (heatmap * axis).sum() / heatmap.sum() == pytest.approx(centre, abs=0.15)
        # The spread follows the zoom as well: the blob is exp(-(r/5)^2), so its sigma is 5/sqrt(2).
        spread = [np.sqrt((m * (xs - (m * xs).sum() / m.sum()) ** 2).sum() / m.sum()) for m in (image, heatmap)]
        assert spread[1] / spread[0] == pytest.approx(np.sqrt(2), rel=0.06)


def test_views_vary_within_their_limits():
    settings = Augmentation(rotation_deg=10, zoom=0.1, shift_frac=0.05, gain=0.2, bias=0.05)
    maps, intensity = settings.draw(0, 0, range(500))
    scale = np.sqrt(np.linalg.det(maps[:, :, :2]))
    assert 0.9 <= scale.min() < 0.92 and 1.08 < scale.max() <= 1.1
    angle = np.rad2deg(np.arctan2(maps[:, 1, 0], maps[:, 0, 0]))
    assert -10 <= angle.min() < -9 and 9 < angle.max() <= 10
    centre = maps[:, :, :2] @ [0.5, 0.5] + maps[:, :, 2]
    assert np.abs(centre - 0.5).max() <= 0.05 + 1e-9
    assert 0.8 <= intensity[:, 0].min() < intensity[:, 0].max() <= 1.2
    same, plain = Augmentation(0, 0, 0, 0, 0).draw(0, 0, range(3)), identity(3)
    np.testing.assert_allclose(same[0], plain[0], atol=1e-12)
    np.testing.assert_allclose(same[1], plain[1], atol=1e-7)


def test_order_and_length(study):
    loader = load(study, range(25), shuffle=True, seed=1, batch_size=8)
    orders = []
    for epoch in (0, 1, 0):
        loader.set_epoch(epoch)
        orders.append([case for batch in loader for case in batch.case_index.tolist()])
    assert orders[0] == orders[2] != orders[1]
    # 25 = 3 * 8 + 1: the batch of one is left out.
    assert len(loader) == 3 and len(orders[0]) == 24
    assert len(load(study, range(25), batch_size=8)) == 4


def test_leaving_early_stops_the_thread(study):
    before = threading.active_count()
    for _ in range(5):
        for _batch in load(study, batch_size=1):
            break
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_an_error_in_the_thread_reaches_the_loop(study):
    with pytest.raises(IndexError):
        list(load(study, [0, 10_000]))


@pytest.mark.parametrize("option", ["batch_size", "size_px", "prefetch"])
def test_bad_options(study, option):
    with pytest.raises(ValueError, match=f"{option} must be at least 1, got 0"):
        load(study, **{option: 0})
    with pytest.raises(ValueError, match="no case"):
        load(study, [])


@pytest.mark.needs_cuda
def test_batches_are_on_the_gpu_and_equal(study):
    for here, there in zip(load(study), load(study, device="cuda"), strict=True):
        assert there.image.is_cuda and there.label.is_cuda
        assert torch.equal(here.image, there.image.cpu()) and torch.equal(here.heatmap, there.heatmap.cpu())


FILMS = np.zeros((2, 8, 8), np.uint16)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"film_index": np.array([2])}, ValueError, "sample 0: film 2 of 2"),
        ({"film_index": np.array([-1])}, ValueError, "sample 0: film -1 of 2"),
        ({"to_film": np.zeros((1, 2, 3), np.float32)}, ValueError, "not invertible"),
        ({"to_film": np.full((1, 2, 3), np.nan, np.float32)}, ValueError, "not invertible"),
        ({"to_film": np.zeros((1, 3, 3), np.float32)}, ValueError, r"to_film must have shape \(N, 2, 3\)"),
        ({"offsets": np.array([0, 5])}, ValueError, "offsets must rise"),
        ({"offsets": np.array([0])}, ValueError, r"offsets must have shape \(N \+ 1,\)"),
        ({"images": np.zeros((1, 1, 8, 9), np.float32)}, ValueError, "the same for images and heatmaps"),
        ({"heatmaps": np.zeros((2, 1, 8, 8), np.float32)}, ValueError, r"heatmaps must have shape"),
        ({"films": FILMS.astype(np.float32)}, TypeError, "incompatible function arguments"),
    ],
)
def test_the_kernel_refuses_bad_arguments(changes, error, message):
    arguments = {
        "films": FILMS,
        "film_index": np.array([0]),
        "to_film": np.array([[[1, 0, 0], [0, 1, 0]]], np.float32),
        "intensity": np.array([[1, 0]], np.float32),
        "fixations": np.array([[1, 1, 1, 1, 1]], np.float32),
        "offsets": np.array([0, 1]),
        "images": np.zeros((1, 1, 8, 8), np.float32),
        "heatmaps": np.zeros((1, 1, 8, 8), np.float32),
    }
    options = {"boundary": "clip", "kernel": "sampled", "normalize": "max", "truncate": 4.0, "threads": 1}
    _core.sample_batch(*arguments.values(), **options)
    with pytest.raises(error, match=message):
        _core.sample_batch(*{**arguments, **changes}.values(), **options)
    read_only = np.zeros((1, 1, 8, 8), np.float32)
    read_only.flags.writeable = False
    with pytest.raises((ValueError, TypeError)):
        _core.sample_batch(*{**arguments, "images": read_only}.values(), **options)
