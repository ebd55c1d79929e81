"""ONNX files predict what the model predicts, in ONNX Runtime and OpenVINO, and are used as TorchScript files are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from deploy.untrained import random_images, untrained_run

from egaze.deploy import ModelLimits, Predictor, check_model, export_onnx, export_run
from egaze.deploy.export import ExportedModel
from egaze.deploy.spec import Thresholds
from egaze.errors import EgazeError, ModelFileError
from egaze.imaging import read_stored, to_input
from egaze.loading import FailedRadiograph
from egaze.training.recipe_file import recipe_names

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

SIZE_PX = 64
SMALL = "mobilenetv3_small_050"
# One encoder of each of these families. Every run of the tests tries the first, and OpenVINO with two recipes only;
# EGAZE_ONNX_ENCODERS=all tries everything.
ENCODERS = (
    *("convnext_atto", "resnet10t", "tf_efficientnet_b0", "regnety_002", "densenet121", "mobilevit_xxs"),
    *("edgenext_xx_small", "repvit_m0_9", "fastvit_t8", "vgg11_bn"),
)
ALL = os.environ.get("EGAZE_ONNX_ENCODERS") == "all"


@pytest.fixture(scope="module")
def onnx_file(run, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(run, path)
    return path


def eager_answers(run, images):
    has_heatmap = run.recipe.model.heatmap_head and run.recipe.trains_heatmap
    model = ExportedModel(run.load_model(), run.class_probs, has_heatmap=has_heatmap).eval()
    with torch.no_grad():
        return [answer.numpy() for answer in model(torch.from_numpy(images)[:, None])]


def in_openvino(path):
    """Returns a function from images to the answers in OpenVINO."""
    openvino = pytest.importorskip("openvino")
    model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def answers(images):
        given = model({"image": images[:, None]})
        return list(given.values())

    return answers


def require_parity(run, path, *, openvino=True):
    """Every engine gives the eager model's answers, for one image and for several."""
    spec = export_onnx(run, path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    predictor = Predictor(path, threads=1)
    images = random_images(4, spec.input_height_px, seed=3)
    probs, heatmaps, *_ = eager_answers(run, images)
    assert np.ptp(probs, axis=0).max() > 1e-3  # else agreement would say little
    for image, prob, heatmap in zip(images, probs, heatmaps, strict=True):
        answer = predictor.predict(image)
        seen = to_input(spec.canvas.place(image), spec.input_shape)
        if not np.array_equal(seen, image):
            (prob,), ((heatmap,),), *_ = eager_answers(run, seen[None])
        np.testing.assert_allclose(answer.class_probs, prob, rtol=0, atol=1e-5)
        np.testing.assert_allclose(answer.heatmap, np.squeeze(heatmap), rtol=0, atol=1e-5)
    if not openvino:
        return
    openvino_answers = in_openvino(path)
    for given in (images, images[:1]):
        for ours, theirs in zip(openvino_answers(given), eager_answers(run, given), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("recipe", [name for name in recipe_names() if "." not in name])
def test_every_recipe_is_exported(tmp_path, recipe):
    with_openvino = ALL or recipe in ("class-generators", "encoder-only")
    require_parity(untrained_run(recipe, SMALL, SIZE_PX), tmp_path / "model.onnx", openvino=with_openvino)


@pytest.mark.parametrize("encoder", ENCODERS if ALL else ENCODERS[:1])
def test_encoders_of_many_families_are_exported(tmp_path, encoder):
    require_parity(untrained_run("joint", encoder, SIZE_PX), tmp_path / "model.onnx")


def test_class_heatmaps_are_the_third_result(tmp_path):
    run = untrained_run("class-generators", SMALL, SIZE_PX)
    assert export_onnx(run, tmp_path / "model.onnx").class_heatmaps
    predictor = Predictor(tmp_path / "model.onnx", class_heatmaps=True)
    images = random_images(2, SIZE_PX, seed=4)
    for image in images:
        answer = predictor.predict(image)
        seen = to_input(predictor.spec.canvas.place(image), predictor.spec.input_shape)
        *_, expected = eager_answers(run, seen[None])
        np.testing.assert_allclose(answer.class_heatmaps, expected[0], rtol=0, atol=1e-5)


def test_the_file_says_what_it_is(run, onnx_file):
    model = onnx.load(onnx_file)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]
    assert {node.domain for node in model.graph.node} == {""} and model.producer_name == "egaze"
    (image,), (probs, heatmap) = model.graph.input, model.graph.output
    sides = [[side.dim_param or side.dim_value for side in each.type.tensor_type.shape.dim] for each in (image, probs)]
    assert sides == [["N", 1, 64, 64], ["N", 3]] and (probs.name, heatmap.name) == ("class_probs", "heatmap")
    spec = check_model(onnx_file)
    assert spec.class_names == run.class_names and spec.input_shape == (64, 64) and spec.precision == "fp32"


def test_the_file_contains_no_paths_and_no_case_ids(run, study, onnx_file):
    content = onnx_file.read_bytes()
    for text in (str(study.path), str(run.path), "site-packages", *study.case_ids[:5]):
        assert text.encode() not in content


def test_exporting_twice_gives_the_same_bytes(run, onnx_file, tmp_path):
    export_run(run, tmp_path / "again.ONNX")
    assert (tmp_path / "again.ONNX").read_bytes() == onnx_file.read_bytes()


def test_it_predicts_files_as_the_torchscript_file_does(model_file, onnx_file, tmp_path):
    paths = [tmp_path / f"{number}.npy" for number in range(4)]
    for number, path in enumerate(paths):
        np.save(path, np.random.default_rng(number).random((90, 70), np.float32))
    paths[2].write_bytes(b"nothing")
    ours, theirs = (
        Predictor(path, "auto", threads=2).predict_files(paths, workers=2) for path in (onnx_file, model_file)
    )
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if number == 2:
            assert isinstance(one, FailedRadiograph) and isinstance(other, FailedRadiograph)
            assert str(one.error) == str(other.error)
            continue
        np.testing.assert_allclose(one.class_probs, other.class_probs, rtol=0, atol=1e-5)
        np.testing.assert_allclose(one.heatmap, other.heatmap, rtol=0, atol=1e-5)
        assert (one.geometry, one.class_names, one.notes) == (other.geometry, other.class_names, other.notes)


def test_predictions_do_not_depend_on_earlier_ones(onnx_file):
    predictor = Predictor(onnx_file, threads=1)
    images = random_images(3, SIZE_PX, seed=5)
    first = [predictor.predict(image) for image in images]
    for image, before in zip(images[::-1], first[::-1], strict=True):
        again = predictor.predict(image)
        np.testing.assert_array_equal(again.heatmap, before.heatmap)
        np.testing.assert_array_equal(again.class_probs, before.class_probs)


def test_threads_are_honoured(onnx_file):
    predictor = Predictor(onnx_file, threads=2)
    assert predictor._module._session.get_session_options().intra_op_num_threads == 2


def test_thresholds_are_carried(run, tmp_path):
    export_run(run, tmp_path / "model.onnx", thresholds=Thresholds("Youden, chosen on validation", (0.2, None, 0.9)))
    predictor = Predictor(tmp_path / "model.onnx")
    assert predictor.spec.thresholds == (0.2, None, 0.9)
    assert predictor.predict(np.zeros((9, 9), np.uint8)).above_thresholds()[1] is None


def test_what_cannot_be_written_is_refused(run, tmp_path, monkeypatch):
    with pytest.raises(EgazeError, match="holds fp32, not bf16"):
        export_run(run, tmp_path / "model.onnx", precision="bf16")
    with pytest.raises(EgazeError, match=r"must be named \.onnx"):
        export_run(run, tmp_path / "model.pt", format="onnx")
    with pytest.raises(EgazeError, match="model.onnx: this model cannot be exported: .*nodes=10"):
        export_run(run, tmp_path / "model.onnx", limits=ModelLimits(nodes=10))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EgazeError, match=r"pip install 'egaze\[onnx\]'"):
        export_run(run, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_predictor_says_what_it_lacks(onnx_file, model_file, tmp_path, monkeypatch):
    with pytest.raises(EgazeError, match="device cuda: an ONNX model runs on the CPU"):
        Predictor(onnx_file, "cuda")
    with pytest.raises(EgazeError, match="no device 'abacus'"):
        Predictor(onnx_file, "abacus")
    for limits in (ModelLimits(nodes=10), ModelLimits(bytes_at_work=10), ModelLimits(multiplications=10)):
        with pytest.raises(
            ModelFileError, match="its program (has|needs) .* limit (nodes|bytes_at_work|multiplications)=10"
        ):
            Predictor(onnx_file, limits=limits)
    (tmp_path / "other.onnx").write_bytes(model_file.read_bytes())
    with pytest.raises(ModelFileError, match="is a TorchScript model .*; name it .pt") as caught:
        Predictor(tmp_path / "other.onnx")
    assert caught.value.code == "model_foreign"
    (tmp_path / "other.pt").write_bytes(onnx_file.read_bytes())
    for path, code in ((tmp_path / "other.pt", "model_foreign"), (tmp_path / "no.onnx", "file_not_found")):
        with pytest.raises(ModelFileError) as caught:
            Predictor(path)
        assert caught.value.code == code
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert check_model(onnx_file).class_names  # needs no engine
    with pytest.raises(EgazeError, match=r"pip install 'egaze\[onnx\]'"):
        Predictor(onnx_file)


@pytest.mark.realdata
def test_real_radiographs_get_the_same_answers(real_data, tmp_path):
    """200 of them by tf_efficientnet_b0 at 224 px with EGAZE_ONNX_ENCODERS=all, else 20 by a small encoder."""
    encoder, size_px, count = ("tf_efficientnet_b0", 224, 200) if ALL else (SMALL, SIZE_PX, 20)
    run = untrained_run("joint", encoder, size_px)
    export_onnx(run, tmp_path / "model.onnx")
    predictor = Predictor(tmp_path / "model.onnx")
    paths = sorted((real_data / "nih_cxr" / "png512").glob("*.png"))[:count]
    assert len(paths) == count
    images = np.stack([to_input(predictor.spec.canvas.place(read_stored(path)), (size_px, size_px)) for path in paths])
    answers = list(predictor.predict_files(paths))
    in_onnxruntime = [
        np.stack([answer.class_probs for answer in answers]),
        np.stack([answer.heatmap for answer in answers])[:, None],
    ]
    openvino_answers = in_openvino(tmp_path / "model.onnx")

    def of_each(answer):
        return [np.concatenate(each) for each in zip(*(answer(image[None]) for image in images), strict=True)]

    eager = of_each(lambda images: eager_answers(run, images))
    assert eager[0].std(axis=0).max() > 1e-3
    for found in (in_onnxruntime, of_each(openvino_answers)):
        for ours, theirs in zip(found, eager, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
