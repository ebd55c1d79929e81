"""The same model gives the same predictions in every engine."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from deploy import parity_radiographs as engines
from deploy.c_library import CPredictor, radiograph_of
from deploy.parity_radiographs import Answers
from deploy.scripted_models import make_model, packed, save_model
from torch import Tensor, nn

from egaze.deploy import Predictor, export_torchscript, torchscript
from egaze.deploy.archive import members_of
from egaze.deploy.export import ExportedModel
from egaze.metrics import macro_auc
from egaze.models import DualHeadUNet
from egaze.models.heatmap_prior import PRIOR_PX
from egaze.training import load_recipe
from egaze.training.recipe_file import recipe_names
from egaze.training.run import build_model

RADIOGRAPHS = 200
CANVAS_SHAPE, SHAPE = (90, 82), (64, 64)
TOLERANCE = {"fp32": 1e-5, "bf16": 2e-2}
PRECISIONS = {"fp32": 1, "bf16": 2}  # as C's interface numbers them
ENGINES = ["scripted", "python", "egaze-run", "egaze-run --batch 11", "c files", "c arrays"]


@pytest.fixture(scope="module")
def radiographs(formats, tmp_path_factory) -> tuple[list[Path], np.ndarray, Tensor]:
    kinds = {kind for kind, readable in formats.items() if readable == "yes"}
    paths, labels = engines.write_radiographs(tmp_path_factory.mktemp("radiographs"), RADIOGRAPHS, kinds)
    return paths, labels, engines.place(paths, "letterbox", CANVAS_SHAPE, SHAPE)


@pytest.fixture(scope="module")
def model(radiographs) -> DualHeadUNet:
    torch.manual_seed(0)
    paths, labels, _ = radiographs
    model = DualHeadUNet("tf_efficientnet_b0", 3)
    engines.teach(model, engines.place(paths, "letterbox", SHAPE, SHAPE), labels)
    return model


@pytest.fixture(scope="module")
def eager(radiographs, model) -> Answers:
    return engines.by_module(ExportedModel(model), radiographs[2])


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    spec = {"fit": "letterbox", "canvas_height_px": CANVAS_SHAPE[0], "canvas_width_px": CANVAS_SHAPE[1]}
    return {
        precision: engines.export(folder / f"{precision}.pt", model, SHAPE, precision, **spec)
        for precision in TOLERANCE
    }


@pytest.fixture(scope="module")
def answered(radiographs, exported, runner, c_library, tmp_path_factory) -> Callable[[str, str], Answers]:
    paths, _, images = radiographs

    def answer(engine: str, precision: str) -> Answers:
        file = exported[precision]
        if engine == "scripted":
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", r".*torch\.jit\..* is deprecated")
                return engines.by_module(torch.jit.load(file), images)
        if engine == "python":
            return engines.by_python(file, paths)
        if engine == "c files":
            return engines.by_c_files(c_library, file, paths)
        if engine == "c arrays":
            return engines.by_c_arrays(c_library, file, paths)
        options = engine.split()[1:]
        return engines.by_runner(runner, file, paths, tmp_path_factory.mktemp("out"), *options)

    return answer


def test_predictions_differ_between_radiographs(radiographs, eager):
    # Otherwise the tests below would only compare rounding errors.
    probs, heatmaps = eager
    assert 0.8 < macro_auc(radiographs[1], probs) < 0.999
    assert probs.std(axis=0).min() > 0.008
    assert heatmaps.std(axis=(1, 2)).min() > 0.002


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_predictions(radiographs, eager, answered, engine, precision):
    probs, heatmaps = answered(engine, precision)
    np.testing.assert_allclose(probs, eager[0], rtol=0, atol=TOLERANCE[precision])
    np.testing.assert_allclose(heatmaps, eager[1], rtol=0, atol=TOLERANCE[precision])
    assert abs(macro_auc(radiographs[1], probs) - macro_auc(radiographs[1], eager[0])) < 1e-3


def test_eight_threads_with_a_predictor_each(c_library, exported, radiographs):
    pixels = [each[0].numpy() for each in radiographs[2][:40]]

    def work(_: int) -> list[Answers]:
        predictor = CPredictor(c_library, exported["fp32"])
        answers = [predictor.predict(radiograph_of(radiograph)) for radiograph in pixels]
        predictor.close()
        return answers

    alone = work(0)
    with ThreadPoolExecutor(8) as pool:
        for together in pool.map(work, range(8)):
            for (probs, heatmap), (expected_probs, expected_heatmap) in zip(together, alone, strict=True):
                np.testing.assert_array_equal(probs, expected_probs)
                np.testing.assert_array_equal(heatmap, expected_heatmap)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not say how much memory is used")
def test_memory_stays_flat_over_ten_thousand_predictions(c_library, tmp_path):
    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    predictor = CPredictor(c_library, save_model(tmp_path / "model.pt", make_model()))
    np.save(tmp_path / "radiograph.npy", np.random.default_rng(0).integers(0, 60_000, (60, 50), dtype=np.uint16))
    radiograph = str(tmp_path / "radiograph.npy").encode()
    probs, heatmap = predictor.answers()

    def predict(times: int) -> None:
        for _ in range(times):
            assert (
                predictor.lib.egaze_predict_file(predictor.handle, radiograph, probs.ctypes.data, heatmap.ctypes.data)
                == 0
            )

    predict(500)
    before_mb = resident_mb()
    predict(10_000)
    # A leak of one heatmap a prediction would be 30 MB.
    assert resident_mb() - before_mb < 1.0
    predictor.close()


@pytest.mark.parametrize(
    "options",
    [
        {"encoder": "tf_efficientnet_b0", "decoder_stride": 1},
        {"encoder": "mobilenetv3_small_050", "pooling": "class-heatmaps"},
        {"encoder": "resnet18", "pooling": "heatmap"},
        {"encoder": "resnet18", "heatmap_head": False},
        {"encoder": "mobilenetv3_small_050", "heatmap_prior": True},
        {"encoder": "mobilenetv3_small_050", "heatmap_prior": True, "pooling": "class-heatmaps", "decoder_stride": 1},
        {"encoder": "regnety_002"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_other_models(c_library, tmp_path, options):
    torch.manual_seed(1)
    shape = (64, 96)
    model = DualHeadUNet(classes=3, **options)
    images = torch.rand(5, 1, *shape)
    if options.get("heatmap_prior"):
        model.decoder.prior.set_mean(torch.rand(PRIOR_PX, PRIOR_PX))
        nn.init.normal_(model.decoder.to_logits.weight, std=0.1)
    with torch.no_grad():
        model.train()(images)
    expected = engines.by_module(ExportedModel(model.eval()), images)
    pixels = [image[0].numpy() for image in images]
    for precision, tolerance in TOLERANCE.items():
        path = engines.export(tmp_path / f"{precision}.pt", model, shape, precision)
        predictor = CPredictor(c_library, path)
        # One by one and in a batch.
        for answers in (
            [predictor.predict(radiograph_of(radiograph)) for radiograph in pixels],
            [predictor.predict(*map(radiograph_of, pixels))],
        ):
            for i, found in enumerate(zip(*answers, strict=True)):
                np.testing.assert_allclose(np.concatenate(found), expected[i], rtol=0, atol=tolerance)
        predictor.close()


@pytest.mark.parametrize("name", recipe_names())
def test_models_of_every_recipe(run, c_library, tmp_path, monkeypatch, name):
    torch.manual_seed(1)
    recipe = load_recipe(name, ("input_size_px=64", "model.encoder=mobilenetv3_small_050"))
    model = build_model(recipe.model, len(run.class_names), weights="none")
    images = torch.rand(5, 1, 64, 64)
    with torch.no_grad():
        model.train()(images)
    monkeypatch.setattr(type(run), "load_model", lambda self: model.eval())
    spec = export_torchscript(replace(run, recipe=recipe), tmp_path / "model.pt")
    assert spec.recipe == name
    exported = ExportedModel(model, spec.class_probs, has_heatmap=spec.heatmap_head)
    probs, heatmaps = engines.by_module(exported, images)
    in_c, in_python = CPredictor(c_library, tmp_path / "model.pt"), Predictor(tmp_path / "model.pt")
    c_probs, c_heatmaps = in_c.predict(*[radiograph_of(image[0].numpy()) for image in images])
    in_c.close()
    predictions = [in_python.predict(image[0].numpy()) for image in images]
    for found, expected in (
        (c_probs, probs),
        (c_heatmaps, heatmaps),
        (np.stack([each.class_probs for each in predictions]), probs),
        (np.stack([each.heatmap for each in predictions]), heatmaps),
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


class StepUp(nn.Module):
    """A decoder step, or one that differs from it in one detail and must not be rewritten like one."""

    def __init__(self, change: str) -> None:
        super().__init__()
        self.change = change
        self.down = nn.Conv2d(1, 4, 3, stride=3 if change == "by three" else 2, padding=1)
        self.skip = nn.Conv2d(1, 4, 3, padding=1)
        channels = 4 if change in ("no skip", "along rows") else 8
        kernel = 5 if change == "kernel of 5" else 3
        self.join = nn.Conv2d(channels, 4, kernel, padding=kernel // 2, groups=2 if change == "groups" else 1)
        self.out = nn.Conv2d(4, 1, 1)
        self.shortcut = nn.Conv2d(4, 1 if change == "wide sum" else 4, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        down, skip = self.down(image).relu(), self.skip(image)
        up = torch.ops.aten.upsample_nearest2d(down, skip.shape[-2:])
        if self.change == "skip first":
            joined = self.join(torch.cat([skip, up], dim=1))
        elif self.change == "along rows":
            joined = self.join(torch.cat([up, skip], dim=2))[:, :, : image.shape[2]]
        elif self.change == "no skip":
            joined = self.join(up).sigmoid()
        elif self.change == "changed between":
            both = torch.cat([up, skip], dim=1)
            down.mul_(3.0)
            skip.mul_(2.0)
            joined = self.join(both) + skip
        else:
            joined = self.join(torch.cat([up, skip], dim=1))
        joined = nn.functional.hardswish(joined) if self.change == "hardswish" else joined.relu()
        if self.change == "used twice":
            joined = joined + self.join(torch.cat([up, skip], dim=1))
        # The runtime could compute this sum in place, but the value is used again.
        summed = self.shortcut(joined)
        summed = summed + joined
        heatmap = self.out((summed.relu() if self.change == "sum and relu" else summed) - joined * 0.5)
        return torch.softmax(heatmap.mean(dim=(2, 3)).expand(-1, 3) * 1.0, dim=1), heatmap.sigmoid()


@pytest.mark.parametrize(
    "change",
    ["nothing", "no skip", "skip first", "along rows", "by three", "kernel of 5", "groups", "hardswish", "used twice",
     "changed between", "wide sum", "sum and relu"],
)  # fmt: skip
def test_steps_that_resemble_a_decoder_step(c_library, tmp_path, change):
    torch.manual_seed(0)
    model = StepUp(change).eval()
    images = torch.rand(3, 1, 32, 24)
    with torch.no_grad():
        _, expected = model(images)
    predictor = CPredictor(c_library, save_model(tmp_path / "model.pt", make_model(model)))
    _, heatmaps = predictor.predict(*[radiograph_of(image[0].numpy()) for image in images])
    np.testing.assert_allclose(heatmaps, expected[:, 0], rtol=0, atol=1e-5)
    predictor.close()


class Depthwise(nn.Module):
    """A depthwise convolution with squeeze and excitation, or something that differs from it in one detail."""

    def __init__(self, change: str) -> None:
        super().__init__()
        self.change = change
        self.halves = "padded" in change or change == "stride of 2"
        self.averaged = [3] if change == "means of rows" else [2, 3]
        channels, kernel = 24, 7 if change == "kernel of 7" else 5 if change == "kernel of 5" else 3
        self.expand = nn.Conv2d(1, channels, 1)
        self.depthwise = nn.Conv2d(
            channels,
            channels,
            kernel,
            stride=2 if self.halves else 1,
            padding=0 if "padded" in change else 2 if change == "dilated" else kernel // 2,
            dilation=2 if change == "dilated" else 1,
            groups=12 if change == "groups of 2" else channels,
            bias=change != "no bias",
        )
        self.squeeze = nn.Conv2d(channels, 5, 3 if change == "squeeze of 3x3" else 1, padding=int("3x3" in change))
        self.excite = nn.Conv2d(5, channels, 1, bias=change != "no bias")
        self.project = nn.Conv2d(channels, 1, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = self.expand(image - 0.5)
        if self.change == "padded right":
            x = nn.functional.pad(x, [0, 1, 0, 1])
        if self.change == "padded left":
            x = nn.functional.pad(x, [1, 0, 1, 0])
        x = self.depthwise(x)
        if self.change == "relu":
            x = x.relu()
        elif self.change == "hardswish":
            x = nn.functional.hardswish(x)
        elif self.change == "in place":
            x = nn.functional.silu(x, inplace=True)
        elif self.change != "no activation":
            x = nn.functional.silu(x)
        if self.change != "no excitation":
            means = x.mean(self.averaged, keepdim=True)
            if self.change == "means are used":
                means = means + means * means
            hidden = self.squeeze(means)
            if self.change != "no activation between":
                hidden = nn.functional.silu(hidden)
            gate = self.excite(hidden)
            gate = nn.functional.hardsigmoid(gate) if self.change == "hardsigmoid" else gate.sigmoid()
            before = x
            x = gate * x if self.change == "gate first" else x * gate
            if self.change == "gate is used":
                x = x + gate
            if self.change == "features are used":
                x = x + before
            if self.change == "weighs itself":
                x = x * before
        heatmap = self.project(x)
        if self.halves:
            heatmap = torch.ops.aten.upsample_nearest2d(heatmap, image.shape[-2:])
        heatmap = heatmap.float()  # outputs must be float32, even if the model computes in bfloat16
        return torch.softmax(heatmap.mean(dim=(2, 3)).expand(-1, 3) * 1.0, dim=1), heatmap.sigmoid()


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize(
    "change",
    ["nothing", "kernel of 5", "kernel of 7", "stride of 2", "dilated", "groups of 2", "padded right", "padded left",
     "no bias", "relu", "hardswish", "in place", "no activation", "no excitation", "means of rows", "means are used",
     "squeeze of 3x3", "no activation between", "hardsigmoid", "gate first", "gate is used", "features are used",
     "weighs itself"],
)  # fmt: skip
def test_steps_that_resemble_squeeze_and_excitation(c_library, tmp_path, change, precision):
    torch.manual_seed(0)
    model = Depthwise(change).eval()
    images = torch.rand(3, 1, 30, 26)
    with torch.no_grad():
        _, expected = model(images)
    # Exported in the precision, and exported in the other one and cast on loading.
    other = next(each for each in PRECISIONS if each != precision)
    for exported in (precision, other):
        dtype = torch.bfloat16 if exported == "bf16" else torch.float32
        members = members_of(torchscript.script(model, dtype, input_shape=(30, 26)))
        path = tmp_path / f"{exported}.pt"
        path.write_bytes(packed(members, precision=exported, input_height_px=30, input_width_px=26))
        predictor = CPredictor(c_library, path, precision=PRECISIONS[precision])
        _, heatmaps = predictor.predict(*[radiograph_of(image[0].numpy()) for image in images])
        tolerance = max(TOLERANCE[precision], TOLERANCE[exported])
        np.testing.assert_allclose(heatmaps, expected[:, 0], rtol=0, atol=tolerance)
        predictor.close()
