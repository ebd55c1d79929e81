import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from egaze import rasterize_fixations
from egaze.loading import Augmentation, DeviceLoader, device_loader
from egaze.loading.buffers import HostBuffers
from egaze.loading.sampling import Shuffled, Weighted
from egaze.targets import FixationHeatmap

TARGET = FixationHeatmap(sigma_frac=0.06)


def load(study, indices=None, **options):
    if indices is None or not hasattr(indices, "draw"):
        indices = np.arange(len(study)) if indices is None else np.asarray(indices)
    defaults = {"batch_size": 8, "size_px": 64, "target": TARGET}
    return DeviceLoader(study, indices, **{**defaults, **options})


def test_without_augmentation_images_and_heatmaps_are_those_of_the_study(study):
    seen = []
    for batch in load(study):
        assert batch.image.shape == batch.heatmap.shape == (len(batch), 1, 64, 64)
        for i, case in enumerate(batch.case_index.tolist()):
            np.testing.assert_allclose(batch.image[i, 0], study.images[case] / 65535.0, atol=1e-6)
            expected = rasterize_fixations(study.fixations(case, 64), (64, 64), sigma_px=0.06 * 64, normalize="max")
            np.testing.assert_allclose(batch.heatmap[i, 0], expected, atol=1e-5)
            assert batch.label[i] == study.labels.values[case] and batch.has_gaze[i] == study.has_gaze[case]
        seen += batch.case_index.tolist()
    assert seen == list(range(len(study)))


def test_a_loader_without_a_target(study):
    """Without a target the images are the same, and no sample claims to have gaze."""
    for batch, usual in zip(load(study, target=None), load(study), strict=True):
        assert torch.equal(batch.image, usual.image) and torch.equal(batch.label, usual.label)
        assert usual.has_gaze.any() and not batch.has_gaze.any() and not batch.heatmap.any()
    views = {"augmentation": Augmentation(), "seed": 3}
    for batch, usual in zip(load(study, target=None, **views), load(study, **views), strict=True):
        assert torch.equal(batch.image, usual.image)
    assert next(iter(pickle.loads(pickle.dumps(load(study, target=None))))).image.shape == (8, 1, 64, 64)


def test_a_heatmap_of_another_size_shows_the_same_gaze(study):
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


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_cases_of_a_batch_can_be_asked_for_by_its_number(study, shuffle):
    loader = load(study, shuffle=shuffle, batch_size=10)
    loader.set_epoch(4)
    for number, batch in enumerate(loader):
        assert loader.case_ids(number) == [study.case_ids[case] for case in batch.case_index.tolist()]


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


def no_threads_of(before):
    """Whether all threads that were started since are gone."""
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    return threading.active_count() == before


def test_leaving_the_loop_stops_the_thread(study, copied):
    before = threading.active_count()
    for _ in range(5):
        for _batch in load(study, batch_size=1):
            break
    assert no_threads_of(before)
    iterator = iter(load(study, batch_size=1))
    next(iterator)
    del iterator
    assert no_threads_of(before)


def test_an_error_in_the_thread_reaches_the_loop(study, copied):
    before = threading.active_count()
    loader = load(study, [0, 1, 10_000], batch_size=1)
    batches = iter(loader)
    # A batch that is copied is looked for while the one before is still in use.
    assert [next(batches).case_index.item() for _ in range(1 if copied else 2)] == [0, 1][: 1 if copied else 2]
    with pytest.raises(IndexError, match="10000"):
        next(batches)
    assert no_threads_of(before)


def test_an_error_in_the_loop_stops_the_thread(study, copied):
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        for _batch in load(study, batch_size=1):
            1 / 0  # noqa: B018
    assert no_threads_of(before)


@pytest.fixture(params=["on the host", "copied"])
def copied(request, monkeypatch):
    """Both roads a batch can take; the copying one runs on the host's streams, which do nothing."""
    if request.param == "copied":
        monkeypatch.setattr(device_loader, "_is_copied_to", lambda device: True)
    return request.param == "copied"


def test_batches_keep_their_values_while_they_are_held(study, copied):
    loader = load(study, augmentation=Augmentation(), batch_size=4, prefetch=1)
    held = list(loader)
    images = [batch.image.clone() for batch in held]
    views = [batch.heatmap[1:3].flip(0) for batch in held]
    assert all(torch.equal(batch.image, image) for batch, image in zip(held, images, strict=True))
    again = list(loader)
    assert all(torch.equal(one.image, other.image) for one, other in zip(held, again, strict=True))
    # A view, a gradient's saved tensor and a NumPy array each keep the memory that they need.
    weight = torch.ones((), requires_grad=True)
    saved = [(batch.image * weight).sum() for batch in again]
    arrays = [batch.image.numpy() for batch in again]
    del held, again
    for _ in range(3):
        for batch in load(study, batch_size=4) if copied else loader:
            batch.image.fill_(-1)
    assert all(torch.equal(torch.from_numpy(array), image) for array, image in zip(arrays, images, strict=True))
    assert all(torch.isfinite(view).all() and view.min() >= 0 for view in views)
    sum(saved).backward()
    torch.testing.assert_close(weight.grad, sum(image.sum() for image in images))


def test_memory_is_reused(study):
    loader = load(study, batch_size=4, prefetch=2)
    places = set()
    for _ in range(6):
        for batch in loader:
            places.add(batch.image.data_ptr())
            del batch
    # Images and heatmaps share planes: two batches in the queue, one being made, one held, one about to be.
    assert len(places) <= 10 and len(loader._buffers._planes._lent) <= 10


def test_a_loader_frees_its_memory(study):
    loader = load(study, batch_size=4)
    batch = next(iter(loader))
    expected = batch.image.clone()
    del loader
    gc.collect()
    assert torch.equal(batch.image, expected)


def test_several_loaders_at_once(study, copied):
    loaders = [load(study, augmentation=Augmentation(), seed=seed, threads=2, batch_size=7) for seed in range(3)]
    together = [[batch.image.clone() for batch in batches] for batches in zip(*loaders, strict=True)]
    for seed, loader in enumerate(loaders):
        for step, batch in enumerate(loader):
            assert torch.equal(batch.image, together[step][seed])
    # Also two iterations of one loader, and one that was left where it was.
    left = iter(loaders[0])
    next(left)
    for one, other in zip(loaders[0], loaders[0], strict=True):
        assert torch.equal(one.image, other.image)


def test_an_epoch_can_be_resumed(study, copied):
    def make(**options):
        options = {"batch_size": 5, "seed": 3, "augmentation": Augmentation(), "shuffle": True, **options}
        return load(study, **options)

    whole, loader = make(), make()
    for each in (whole, loader):
        each.set_epoch(7)
    expected = [batch.image.clone() for batch in whole]
    for step, batch in enumerate(loader):
        if step == 3:
            assert torch.equal(batch.image, expected[step])
            state = loader.state_dict()
            break
    resumed = make(threads=2)
    resumed.load_state_dict(pickle.loads(pickle.dumps(state)))
    resumed.set_epoch(7)  # what a training loop does
    rest = [batch.image.clone() for batch in resumed]
    assert len(rest) == len(expected) - 4
    assert all(torch.equal(one, other) for one, other in zip(rest, expected[4:], strict=True))
    # The one after is whole again, as is the next of a loop that was left.
    assert len(list(resumed)) == len(list(loader)) == len(expected)
    assert resumed.state_dict()["batches"] == len(expected)
    resumed.load_state_dict(resumed.state_dict())
    assert list(resumed) == []
    resumed.load_state_dict(state)
    resumed.set_epoch(8)
    assert len(list(resumed)) == len(expected)
    for other in (make(seed=4), make(batch_size=6), load(study, range(20), shuffle=True, seed=3, batch_size=5)):
        with pytest.raises(ValueError, match="cannot continue at batch 4 of epoch 7"):
            other.load_state_dict(state)


@pytest.mark.parametrize(("samples", "ranks"), [(48, 2), (31, 3), (10, 4)])
def test_the_batches_of_all_ranks_together_are_those_of_one(study, samples, ranks):
    how = {"batch_size": 8, "augmentation": Augmentation()}
    order = Shuffled(np.arange(samples))
    whole = load(study, order, **how)
    loaders = [load(study, order, **how, rank=rank, ranks=ranks) for rank in range(ranks)]
    assert {len(loader) for loader in loaders} == {len(whole)}
    for number, (batch, parts) in enumerate(zip(whole, zip(*loaders, strict=True), strict=True)):
        for name in ("image", "heatmap", "label", "case_index"):
            assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(batch, name))
        ids = [study.case_ids[case] for case in batch.case_index]
        assert [case for rank in range(ranks) for case in whole.case_ids(number, 0)] == ids * ranks
        assert [case for rank in range(ranks) for case in loaders[0].case_ids(number, rank)] == ids
    assert len(parts[-1]) == ((samples - 1) % 8 + 1) // ranks  # none, of two samples for four


def test_a_last_batch_too_small_for_the_ranks_can_be_left_out(study):
    def batches(samples, least_samples, **ranks):
        return len(load(study, Shuffled(np.arange(samples)), batch_size=8, least_samples=least_samples, **ranks))

    both = {"rank": 1, "ranks": 2}
    assert [batches(samples, 2, **both) for samples in (25, 27, 28)] == [3, 3, 4]
    assert [batches(samples, 0, **both) for samples in (25, 26)] == [3, 4]
    assert [batches(samples, 2) for samples in (25, 26)] == [3, 4]


def test_another_number_of_ranks_goes_on(study):
    how = {"batch_size": 8, "shuffle": True, "augmentation": Augmentation()}
    loader = load(study, np.arange(30), **how, rank=1, ranks=2)
    next(iter(loader))
    alone = load(study, np.arange(30), **how)
    expected = [batch.image.clone() for batch in alone][1:]
    alone.load_state_dict(loader.state_dict())
    assert all(torch.equal(batch.image, image) for batch, image in zip(alone, expected, strict=True))


def test_a_case_drawn_again_has_another_view(study):
    order = Weighted(np.array([3]), np.array([1.0]), samples=4)
    (batch,) = load(study, order, augmentation=Augmentation())
    assert batch.case_index.tolist() == [3] * 4
    assert len({image.numpy().tobytes() for image in batch.image}) == 4


def images_of(loader):
    return [batch.image.numpy().copy() for batch in loader]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_can_use_the_loader(study):
    loader = load(study, augmentation=Augmentation(), threads=2, batch_size=6)
    iterator = iter(loader)
    next(iterator)
    expected = images_of(loader)
    pid = os.fork()
    if pid == 0:
        signal.alarm(120)
        same = all(map(np.array_equal, images_of(loader), expected))
        iterator.close()  # the parent's thread does not run here
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert all(map(np.array_equal, images_of(loader), expected))


def test_a_spawned_process_can_use_the_loader(study):
    loader = load(study, np.arange(12), augmentation=Augmentation(), shuffle=True, seed=9)
    loader.set_epoch(4)
    assert len(pickle.dumps(loader)) < 4000  # radiographs are not pickled
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(images_of, (loader,))
    assert all(map(np.array_equal, found, images_of(loader)))


SCRIPT = """
import sys
import numpy as np
from egaze.loading import Augmentation, DeviceLoader
from egaze.study import open_study
from egaze.targets import FixationHeatmap
study = open_study(sys.argv[1])
order = np.tile(np.arange(len(study)), 2000)
loader = DeviceLoader(study, order, batch_size=8, size_px=64, target=FixationHeatmap(), augmentation=Augmentation(),
                      threads=2)
batches = iter(loader)
next(batches)
if sys.argv[2] == "interrupt":
    try:
        print("ready", flush=True)
        for batch in batches:
            pass
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_ctrl_c_ends_the_loop(study):
    command = [sys.executable, "-c", SCRIPT, str(study.path), "interrupt"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert (process.returncode, out, error) == (0, "interrupted\n", "")


def test_the_release_of_a_batch_runs_no_python_code():
    """A KeyboardInterrupt that is raised in Python code called by a release would be reported and dropped."""
    buffers = HostBuffers(4, 64, torch.empty(0, dtype=torch.int64), keep=2)
    batch = buffers.lend(4)
    places = {batch.image.data_ptr(), batch.heatmap.data_ptr()}
    called = []
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
    del batch
    sys.setprofile(None)
    assert called == []
    batch = buffers.lend(4)
    assert {batch.image.data_ptr(), batch.heatmap.data_ptr()} == places


def test_the_interpreter_can_exit_during_an_epoch(study):
    command = [sys.executable, "-c", SCRIPT, str(study.path), "leave"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("option", ["batch_size", "size_px", "threads", "prefetch", "ranks"])
def test_bad_options(study, option):
    with pytest.raises(ValueError, match=f"{option} must be at least 1, got 0"):
        load(study, **{option: 0})
    with pytest.raises(ValueError, match="no case"):
        load(study, [])
    with pytest.raises(ValueError, match="rank must be 0 to 1, got 2"):
        load(study, rank=2, ranks=2)


@pytest.mark.needs_cuda
def test_batches_are_on_the_gpu_and_equal(study):
    for here, there in zip(load(study), load(study, device="cuda"), strict=True):
        assert there.image.is_cuda and there.label.is_cuda
        assert torch.equal(here.image, there.image.cpu()) and torch.equal(here.heatmap, there.heatmap.cpu())


@pytest.mark.needs_cuda
def test_a_held_gpu_batch_keeps_its_values(study):
    loader = load(study, device="cuda", augmentation=Augmentation(), batch_size=4, prefetch=1)
    held = list(loader)
    expected = list(load(study, augmentation=Augmentation(), batch_size=4))
    for _ in range(3):
        for batch in loader:
            batch.image.fill_(-1)
            torch.ones(1 << 20, device="cuda").mul_(2)
    for one, other in zip(held, expected, strict=True):
        assert torch.equal(one.image.cpu(), other.image) and torch.equal(one.label.cpu(), other.label)


@pytest.mark.needs_cuda
def test_the_loop_does_not_wait_for_the_gpu(study):
    loader = load(study, device="cuda", batch_size=4)
    list(loader)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        total = sum((batch.image.mean() for batch in loader), torch.zeros((), device="cuda"))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert 0 < float(total) < len(loader)
