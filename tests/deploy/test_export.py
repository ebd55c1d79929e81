import hashlib
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from egaze.deploy import Predictor, check_model, export_torchscript
from egaze.errors import EgazeError, RadiographError
from egaze.imaging import to_input
from egaze.loading import FailedRadiograph
from egaze.models import DualHeadUNet
from egaze.models.dual_head_unet import DualHeadOutput


def radiograph(shape=(90, 70), dtype=np.float32, seed=0):
    values = np.random.default_rng(seed).random(shape)
    return values.astype(dtype) if dtype == np.float32 else (values * np.iinfo(dtype).max).astype(dtype)


def test_the_file_predicts_what_the_model_predicts(run, model_file):
    predictor, model = Predictor(model_file), run.load_model()
    for seed, dtype in enumerate([np.float32, np.uint8, np.uint16]):
        pixels = radiograph(dtype=dtype, seed=seed)
        scaled = pixels if dtype == np.float32 else (pixels / np.iinfo(dtype).max).astype(np.float32)
        canvas = predictor.spec.canvas.place(scaled)
        with torch.no_grad():
            expected = model(torch.from_numpy(to_input(canvas, (64, 64)))[None, None])
        prediction = predictor.predict(pixels)
        np.testing.assert_allclose(prediction.class_probs, expected.class_logits.softmax(1)[0], atol=1e-5)
        np.testing.assert_allclose(prediction.heatmap, expected.heatmap_logits.sigmoid()[0, 0], atol=1e-5)
        assert prediction.radiograph_heatmap().shape == pixels.shape


def test_any_libtorch_can_load_it(model_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(str(model_file))
    with torch.no_grad():
        probs, heatmap = module(torch.rand(3, 1, 64, 64))
    assert probs.shape == (3, 3) and torch.allclose(probs.sum(1), torch.ones(3))
    assert heatmap.shape == (3, 1, 64, 64) and heatmap.min() >= 0 and heatmap.max() <= 1


def test_the_spec_describes_the_run(run, model_file):
    spec = check_model(model_file)
    assert spec.class_names == run.class_names and spec.recipe == "joint" and spec.heatmap_head
    assert (spec.input_height_px, spec.input_width_px, spec.fit, spec.presentation) == (64, 64, "stretch", "voi")
    assert spec.training_split_sha256 == run.facts["training_split_sha256"] and spec.class_probs == "softmax"


def test_the_file_contains_no_paths_and_no_case_ids(run, study, model_file):
    with zipfile.ZipFile(model_file) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    for text in (str(study.path), str(run.path), "site-packages", ".py\x85", *study.case_ids[:5]):
        assert text.encode() not in content


def test_bad_radiographs_and_devices(model_file, tmp_path):
    predictor = Predictor(model_file)
    with pytest.raises(RadiographError, match="none.png"):
        predictor.predict(tmp_path / "none.png")
    with pytest.raises(ValueError, match=r"shape \(H, W\), got \(3, 4, 5\)"):
        predictor.predict(np.zeros((3, 4, 5), np.float32))
    with pytest.raises(ValueError, match="finite"):
        predictor.predict(np.full((4, 4), np.nan, np.float32))
    with pytest.raises(TypeError, match="got int32"):
        predictor.predict(np.zeros((4, 4), np.int32))
    with pytest.raises(EgazeError, match="no device 'abacus'"):
        Predictor(model_file, device="abacus")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_exporting_in_two_processes_gives_the_same_bytes(run, tmp_path, precision):
    command = [sys.executable, "-m", "egaze", "export", str(run.path), str(tmp_path / "b.pt")]
    subprocess.run([*command, "--precision", precision], check=True, capture_output=True)
    # This process has exported other models before. An existing file is replaced.
    (tmp_path / "a.pt").write_bytes(b"something")
    export_torchscript(run, tmp_path / "a.pt", precision=precision)
    assert sha256(tmp_path / "a.pt") == sha256(tmp_path / "b.pt")
    assert check_model(tmp_path / "a.pt").precision == precision


def test_bf16_predictions_are_close_to_those_of_fp32(run, model_file, tmp_path):
    export_torchscript(run, tmp_path / "bf16.pt", precision="bf16")
    half, whole = Predictor(tmp_path / "bf16.pt"), Predictor(model_file)
    for seed in range(5):
        ours, theirs = half.predict(radiograph(seed=seed)), whole.predict(radiograph(seed=seed))
        assert ours.class_probs.dtype == ours.heatmap.dtype == np.float32
        np.testing.assert_allclose(ours.class_probs, theirs.class_probs, rtol=0, atol=2e-2)
        np.testing.assert_allclose(ours.heatmap, theirs.heatmap, rtol=0, atol=2e-2)
    # Half of this encoder's weights belong to squeeze and excitation, which stays in float32.
    assert (tmp_path / "bf16.pt").stat().st_size < 0.8 * model_file.stat().st_size


@pytest.mark.parametrize("encoder", ["mobilenetv3_small_050", "resnet18", "resnet10t", "regnety_002"])
def test_batch_normalisation_is_folded(run, tmp_path, monkeypatch, encoder):
    model = DualHeadUNet(encoder)
    monkeypatch.setattr(type(run), "load_model", lambda self: model)
    export_torchscript(run, tmp_path / "model.pt")
    with zipfile.ZipFile(tmp_path / "model.pt") as archive:
        program = archive.read("egaze/code/__torch__/egaze.py").decode()
    assert "torch.conv2d" in program and "batch_norm" not in program and "dropout" not in program


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "options",
    [{"pooling": "class-heatmaps"}, {"pooling": "heatmap", "decoder_stride": 1}, {"heatmap_head": False}],
    ids=["class-heatmaps", "heatmap", "no heatmap"],
)
def test_every_kind_of_model_is_exported(run, tmp_path, monkeypatch, options, precision):
    torch.manual_seed(0)
    model = DualHeadUNet("mobilenetv3_small_050", **options).eval()
    monkeypatch.setattr(type(run), "load_model", lambda self: model)
    export_torchscript(run, tmp_path / "model.pt", precision=precision)
    pixels = radiograph((64, 64))
    prediction = Predictor(tmp_path / "model.pt").predict(pixels)
    with torch.no_grad():
        expected = model.predictions(model(torch.from_numpy(pixels)[None, None]))
    tolerance = 1e-5 if precision == "fp32" else 2e-2
    np.testing.assert_allclose(prediction.class_probs, expected.class_probs[0], rtol=0, atol=tolerance)
    np.testing.assert_allclose(prediction.heatmap, expected.heatmap[0, 0], rtol=0, atol=tolerance)


def test_models_that_cannot_be_exported(run, tmp_path, monkeypatch):
    with pytest.raises(EgazeError, match="precision must be one of fp32, bf16, got 'fp8'"):
        export_torchscript(run, tmp_path / "model.pt", precision="fp8")

    class Stateful(DualHeadUNet):
        def __init__(self):
            super().__init__("mobilenetv3_small_050", heatmap_head=False)
            self.register_buffer("seen", torch.zeros(1, 3))

        def forward(self, image: Tensor) -> DualHeadOutput:
            self.seen.add_(image.mean())
            return DualHeadOutput(image.mean(dim=(2, 3)) + self.seen, image)

    class Strange(DualHeadUNet):
        def __init__(self):
            super().__init__("mobilenetv3_small_050", heatmap_head=False)

        def forward(self, image: Tensor) -> DualHeadOutput:
            return DualHeadOutput(torch.rand_like(image).mean(dim=(2, 3)), image)

    class Conditional(Strange):
        """Convolves each image with its own weight, as timm's CondConv2d does."""

        def forward(self, image: Tensor) -> DualHeadOutput:
            weight = image.mean(dim=(1, 2, 3)).reshape(-1, 1, 1, 1)
            count, _, height, width = image.shape
            features = functional.conv2d(image.reshape(1, count, height, width), weight, groups=count)
            return DualHeadOutput(features.reshape(count, 1, height, width).mean(dim=(2, 3)), image)

    class Branching(Strange):
        def forward(self, image: Tensor) -> DualHeadOutput:
            return DualHeadOutput(image.mean(dim=(2, 3)), image if image.shape[0] == 2 else 1 - image)

    for model, message in [
        (Stateful(), "changes its own attributes"),
        (Strange(), r"uses 'torch\.rand_like'"),
        (Conditional(), "the model cannot be exported: .* Given groups=2"),
        (Branching(), "the program's predictions differ from the model's by"),
    ]:
        monkeypatch.setattr(type(run), "load_model", lambda self, model=model: model)
        with pytest.raises(EgazeError, match=message) as caught:
            export_torchscript(run, tmp_path / "model.pt")
        assert "partial" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_predict_files_gives_the_predictions_of_predict(model_file, tmp_path):
    paths = [tmp_path / f"{number}.npy" for number in range(5)]
    for number, path in enumerate(paths):
        np.save(path, radiograph(seed=number))
    paths[2].write_bytes(b"nothing")
    predictor = Predictor(model_file)
    answers = list(predictor.predict_files(paths, workers=2))
    assert isinstance(answers[2], FailedRadiograph) and answers[2].path == paths[2]
    for path, answer in zip(paths, answers, strict=True):
        if path != paths[2]:
            expected = predictor.predict(path)
            np.testing.assert_array_equal(answer.class_probs, expected.class_probs)
            np.testing.assert_array_equal(answer.heatmap, expected.heatmap)
            assert answer.geometry == expected.geometry
