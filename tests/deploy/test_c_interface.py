"""The C interface from ctypes, against Python's predictor."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from deploy.c_library import CPredictor, Grayscale, radiograph_of
from deploy.scripted_models import CLASS_NAMES, make_model, save_model
from imaging.dicom_radiographs import write_dicom

import egaze
from egaze.deploy import Predictor
from egaze.errors import ModelFileError

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("c") / "model.pt", make_model(), fit="letterbox")


@pytest.fixture
def predictor(c_library, model_path):
    opened = CPredictor(c_library, model_path)
    yield opened
    opened.close()


def random_radiograph(shape: tuple[int, int], dtype: type, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).random(shape, dtype=np.float32) ** 2
    return values if dtype is np.float32 else (values * np.iinfo(dtype).max).astype(dtype)


def assert_same(answer, expected) -> None:
    np.testing.assert_allclose(answer[0], expected.class_probs, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(answer[1], expected.heatmap, rtol=0, atol=TOLERANCE)


def test_the_model_is_described(c_library, predictor):
    lib = c_library.lib
    assert lib.egaze_version().decode() == egaze.__version__
    assert lib.egaze_torch_version().decode() == torch.__version__.split("+")[0]
    names = [lib.egaze_class_name(predictor.handle, i) for i in range(lib.egaze_class_count(predictor.handle))]
    assert [name.decode() for name in names] == CLASS_NAMES
    assert lib.egaze_class_name(predictor.handle, 3) is None
    assert (lib.egaze_heatmap_height(predictor.handle), lib.egaze_heatmap_width(predictor.handle)) == (32, 24)
    assert lib.egaze_has_heatmap(predictor.handle) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_radiographs_of_any_stride_give_pythons_numbers(predictor, model_path, dtype):
    whole = random_radiograph((90, 120), dtype)
    python = Predictor(model_path)
    for radiograph in (whole, whole[::-1], whole[5:60:2, 100:3:-3], whole.T, np.asfortranarray(whole), whole[:1, :1]):
        (probs,), (heatmap,) = predictor.predict(radiograph_of(radiograph))
        assert_same((probs, heatmap), python.predict(np.ascontiguousarray(radiograph)))


def test_a_batch_gives_the_answers_of_each(predictor, model_path):
    radiographs = [
        random_radiograph((40 + 7 * i, 60), dtype, i) for i, dtype in enumerate([np.uint8, np.uint16, np.float32])
    ]
    probs, heatmaps = predictor.predict(*map(radiograph_of, radiographs))
    python = Predictor(model_path)
    for i, radiograph in enumerate(radiographs):
        assert_same((probs[i], heatmaps[i]), python.predict(radiograph))
    assert predictor.predict()[0].shape == (0, 3)
    # Heatmaps may be left out.
    again, _ = predictor.answers()
    batch = ctypes.byref(radiograph_of(radiographs[0]))
    assert predictor.lib.egaze_predict(predictor.handle, batch, 1, again.ctypes.data, None) == 0
    np.testing.assert_allclose(again[0], probs[0], rtol=0, atol=TOLERANCE)


def test_what_of_a_radiograph_s_header_is_not_followed(c_library, formats, predictor, tmp_path):
    if formats["dicom"] != "yes":
        pytest.skip(formats["dicom"])
    np.save(tmp_path / "good.npy", random_radiograph((9, 9), np.uint8))
    radiographs = [
        (write_dicom(tmp_path / "slope.dcm", RescaleSlope=0, RescaleIntercept=7), ["Rescale Slope 0 ignored"]),
        (tmp_path / "good.npy", []),
        (
            write_dicom(tmp_path / "two.dcm", RescaleSlope=2, WindowWidth=9),
            [
                "Rescale Slope without Rescale Intercept ignored",
                "Window Width without Window Center ignored",
            ],
        ),
        (tmp_path / "gone.dcm", []),
    ]
    assert predictor.radiograph_notes() == []
    probs, heatmap = predictor.answers()
    for radiograph, notes in radiographs:
        predictor.lib.egaze_predict_file(
            predictor.handle, str(radiograph).encode(), probs.ctypes.data, heatmap.ctypes.data
        )
        assert predictor.radiograph_notes() == notes
    assert c_library.lib.egaze_radiograph_notes(None) == b""


def test_a_radiograph_file_is_read_with_the_models_presentation(c_library, tmp_path):
    path = save_model(tmp_path / "model.pt", make_model(), presentation="raw-max")
    np.save(tmp_path / "radiograph.npy", random_radiograph((50, 40), np.uint16) // 9)
    predictor = CPredictor(c_library, path)
    probs, heatmap = predictor.answers()
    radiograph = str(tmp_path / "radiograph.npy").encode()
    status = predictor.lib.egaze_predict_file(predictor.handle, radiograph, probs.ctypes.data, heatmap.ctypes.data)
    assert status == 0, c_library.error()
    assert_same((probs[0], heatmap[0]), Predictor(path).predict(tmp_path / "radiograph.npy"))
    missing = predictor.lib.egaze_predict_file(predictor.handle, b"none.npy", probs.ctypes.data, None)
    assert c_library.lib.egaze_status_name(missing) == b"file_not_found" and "none.npy" in c_library.error()
    predictor.close()


def shown(stored: np.ndarray, window: tuple[float, float] | None, monochrome1: bool) -> np.ndarray:
    """DICOM PS3.3 C.11.2.1.2.1 on stored values with slope 2 and intercept -100."""
    values = stored.astype(np.float64) * 2.0 - 100.0
    if window is None:
        grey = (values - values.min()) / (values.max() - values.min())
    else:
        grey = (values - (window[0] - 0.5)) / (window[1] - 1.0) + 0.5
    grey = grey.clip(0, 1)
    return (1.0 - grey if monochrome1 else grey).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("window", [None, (150.0, 220.0)])
@pytest.mark.parametrize("monochrome1", [False, True])
def test_stored_pixels_are_presented(predictor, model_path, dtype, window, monochrome1):
    stored = random_radiograph((70, 50), dtype)[::-1] // (1 if dtype is np.uint8 else 200)
    centre, width = window or (0.0, 0.0)
    table = np.full(1 << 8 * stored.dtype.itemsize, np.nan, np.float32)
    grayscale = Grayscale(2.0, -100.0, centre, width, monochrome1)
    radiograph = radiograph_of(stored)
    make = predictor.lib.egaze_presentation_table
    assert make(predictor.handle, ctypes.byref(radiograph), ctypes.byref(grayscale), table.ctypes.data) == 0
    expected = shown(stored, window, monochrome1)
    np.testing.assert_allclose(table[stored], expected, rtol=0, atol=1e-6)
    (probs,), (heatmap,) = predictor.predict(radiograph_of(stored, table))
    assert_same((probs, heatmap), Predictor(model_path).predict(expected))


def test_precisions(c_library, run, tmp_path):
    radiographs = [random_radiograph((80, 70), np.float32, seed) for seed in range(4)]
    answers = {}
    for exported in ("fp32", "bf16"):
        path = tmp_path / f"{exported}.pt"
        egaze.export_torchscript(run, path, precision=exported)
        python = [Predictor(path).predict(radiograph) for radiograph in radiographs]
        for precision, name in enumerate(["exported", "fp32", "bf16"]):
            predictor = CPredictor(c_library, path, precision=precision)
            answers[exported, name] = predictor.predict(*map(radiograph_of, radiographs))
            predictor.close()
        for i, expected in enumerate(python):
            tolerance = 1e-5 if exported == "fp32" else 2e-2
            probs, heatmaps = answers[exported, "exported"]
            np.testing.assert_allclose(probs[i], expected.class_probs, rtol=0, atol=tolerance)
            np.testing.assert_allclose(heatmaps[i], expected.heatmap, rtol=0, atol=tolerance)
    for key, (probs, heatmaps) in answers.items():
        np.testing.assert_allclose(probs, answers["fp32", "fp32"][0], rtol=0, atol=2e-2, err_msg=str(key))
        np.testing.assert_allclose(heatmaps, answers["fp32", "fp32"][1], rtol=0, atol=2e-2, err_msg=str(key))
    # The options do something, and casting on loading is what exporting does.
    assert (answers["fp32", "bf16"][1] != answers["fp32", "fp32"][1]).any()
    assert (answers["bf16", "fp32"][1] != answers["bf16", "bf16"][1]).any()
    np.testing.assert_array_equal(answers["fp32", "bf16"][1], answers["bf16", "bf16"][1])
    np.testing.assert_array_equal(answers["fp32", "exported"][1], answers["fp32", "fp32"][1])


def test_wrong_arguments_are_named(c_library, predictor, model_path):
    lib, radiograph = c_library.lib, random_radiograph((20, 20), np.float32)
    probs, heatmap = predictor.answers()

    def refused(status: int, text: str, code: bytes = b"invalid_argument") -> None:
        assert lib.egaze_status_name(status) == code
        assert text in c_library.error() and "\n" not in c_library.error()

    def predict(*radiographs) -> int:
        batch = (type(radiographs[0]) * len(radiographs))(*radiographs)
        return lib.egaze_predict(predictor.handle, batch, len(radiographs), probs.ctypes.data, heatmap.ctypes.data)

    handle = ctypes.c_void_p(1)
    refused(lib.egaze_create(None, None, ctypes.byref(handle)), "NULL")
    assert handle.value is None
    for options, text in [
        ({"threads": -1}, "threads must be at least 0, got -1"),
        ({"precision": 7}, "precision"),
        ({"device": b"abacus"}, "abacus"),
    ]:
        with pytest.raises(AssertionError, match=text):
            CPredictor(c_library, model_path, **options)
    for flags, text in [(18, "flags has a bit"), (12, "names two engines"), (8, "the engine openvino runs ONNX files")]:
        with pytest.raises(AssertionError, match=text):
            CPredictor(c_library, model_path, flags=flags)
    refused(lib.egaze_predict(None, None, 0, probs.ctypes.data, None), "NULL")
    refused(lib.egaze_predict(predictor.handle, None, 1, probs.ctypes.data, None), "NULL")
    good = radiograph_of(radiograph)
    wrong = [("data", None, "null"), ("type", 9, "type"), ("width", 0, "0"), ("table_size", 3, "table")]
    for field, value, text in wrong:
        bad = radiograph_of(radiograph)
        setattr(bad, field, value)
        refused(predict(bad), text)
    radiograph[3, 3] = np.nan
    other = random_radiograph((20, 20), np.float32)
    refused(predict(radiograph_of(other), good), "radiograph 1 of the batch")
    assert np.isnan(probs).all() and np.isnan(heatmap).all()
    table, gray = np.zeros(65536, np.float32), Grayscale(0.0, 0.0, 0.0, 0.0, 0)
    stored = radiograph_of(random_radiograph((9, 9), np.uint8))
    make = lib.egaze_presentation_table
    refused(make(predictor.handle, ctypes.byref(stored), ctypes.byref(gray), table.ctypes.data), "slope")
    refused(make(predictor.handle, ctypes.byref(good), ctypes.byref(gray), table.ctypes.data), "float32")
    lib.egaze_free(None)


ARENA = """
import ctypes, sys
import numpy as np
from deploy.c_library import CLibrary, CPredictor, radiograph_of
library = CLibrary(sys.argv[1])
c10 = ctypes.CDLL(sys.argv[2])
allocator = c10._ZN3c1015GetCPUAllocatorEv  # c10::GetCPUAllocator()
allocator.restype = ctypes.c_void_p
radiograph = np.random.default_rng(0).random((70, 90), dtype=np.float32)
allocators, answers = [allocator()], []
for flags in (0, 1, 0):
    predictor = CPredictor(library, sys.argv[3], flags=flags)
    answers += [predictor.predict(radiograph_of(radiograph)) for _ in range(2)]
    allocators.append(allocator())
    predictor.close()
for probs, heatmaps in answers[1:]:
    np.testing.assert_array_equal(probs, answers[0][0])
    np.testing.assert_array_equal(heatmaps, answers[0][1])
usual, without, with_arena, since = allocators
assert without == usual and with_arena != usual and since == with_arena, allocators
"""


@pytest.mark.skipif(sys.platform != "linux", reason="names of libraries and symbols are Linux's")
def test_the_allocator_stands_before_libtorchs_only_if_asked_to(c_library, model_path):
    c10 = Path(torch.__file__).parent / "lib" / "libc10.so"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", ARENA, c_library.lib._name, str(c10), str(model_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_each_thread_has_its_own_predictor_and_its_own_error(c_library, model_path):
    radiographs = [random_radiograph((50, 50), np.float32, seed) for seed in range(6)]
    python = Predictor(model_path)
    expected = [python.predict(radiograph) for radiograph in radiographs]
    wrong: list[object] = []

    def work(number: int) -> None:
        try:
            assert c_library.error() == ""
            assert c_library.code_of(Path(f"none-{number}.pt")) == "file_not_found"
            predictor = CPredictor(c_library, model_path)
            for radiograph, answer in zip(radiographs, expected, strict=True):
                (probs,), (heatmap,) = predictor.predict(radiograph_of(radiograph))
                assert_same((probs, heatmap), answer)
            predictor.close()
            assert f"none-{number}.pt" in c_library.error()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_is_printed_where_torch_would_warn(c_library, tmp_path, capfd):
    class Warns(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            # The variance of one value: torch warns, and gives NaN.
            return image[:, 0, 0, :1].var([1], keepdim=True).repeat(1, 3), image

    with pytest.warns(UserWarning, match="degrees of freedom"):
        path = save_model(tmp_path / "model.pt", make_model(Warns()))
    with pytest.warns(UserWarning, match="degrees of freedom"), pytest.raises(ModelFileError, match="finite"):
        Predictor(path).predict(random_radiograph((40, 40), np.uint8))
    capfd.readouterr()
    predictor = CPredictor(c_library, path)
    with pytest.raises(AssertionError, match="finite"):
        predictor.predict(radiograph_of(random_radiograph((40, 40), np.uint8)))
    predictor.close()
    assert c_library.code_of(tmp_path / "none.pt") == "file_not_found"
    assert capfd.readouterr() == ("", "")


def test_the_library_exports_no_symbol_of_torch(c_library):
    listed = subprocess.run(["nm", "-D", "--defined-only", c_library.lib._name], capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("nm is missing")
    names = [line.split()[-1].partition("@")[0] for line in listed.stdout.splitlines()]
    assert {"egaze_create", "egaze_predict", "egaze_free"} <= set(names)
    assert any("Predictor" in name for name in names)
    for name in names:
        assert name.startswith(("egaze_", "_Z")) and "torch" not in name.replace("torch_version", ""), name
        assert not any(part in name for part in ("c10", "2at", "Implementation", "detail")), name
