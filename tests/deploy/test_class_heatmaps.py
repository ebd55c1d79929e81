"""A heatmap of each class, from models of recipes with one heatmap per class, on every road and only if asked for."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from click.testing import CliRunner
from deploy.c_library import CPredictor, radiograph_of
from deploy.parity_radiographs import export
from deploy.running import radiographs, random_radiograph, run
from deploy.scripted_models import CLASS_NAMES, make_model, members_of, packed
from PIL import Image
from torch import Tensor, nn

from egaze.cli import cli
from egaze.deploy import Predictor, check_model, export_torchscript
from egaze.deploy.prediction_table import predict_to_table
from egaze.errors import EgazeError
from egaze.models import DualHeadUNet

SHAPE = (64, 96)
TOLERANCE = {"fp32": 1e-5, "bf16": 5e-2}
CLASS_HEATMAPS = 2  # EGAZE_CLASS_HEATMAPS


@pytest.fixture(scope="module")
def network() -> DualHeadUNet:
    torch.manual_seed(1)
    model = DualHeadUNet("mobilenetv3_small_050", pooling="class-heatmaps")
    nn.init.normal_(model.decoder.to_logits.weight, std=0.2)
    with torch.no_grad():
        for _ in range(20):  # so that features vary as a trained model's do
            model.train()(torch.rand(5, 1, *SHAPE))
    return model.eval()


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    names = ["a", "Pleural effusion", "b/c"]
    return {
        precision: export(folder / f"{precision}.pt", network, SHAPE, precision, class_names=names)
        for precision in TOLERANCE
    }


@pytest.fixture(scope="module")
def pixels() -> list[np.ndarray]:
    return [random_radiograph(SHAPE, np.float32, seed) for seed in range(3)]


@pytest.fixture(scope="module")
def expected(network, pixels) -> np.ndarray:
    with torch.no_grad():
        found = network.predictions(network(torch.from_numpy(np.stack(pixels)[:, None])))
    assert found.class_heatmaps.std() > 0.02
    return found.class_heatmaps.numpy()


def in_c(predictor: CPredictor, pixels: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    probs, heatmaps = predictor.answers(len(pixels))
    of_classes = np.full((len(pixels), probs.shape[1], *heatmaps.shape[1:]), np.nan, np.float32)
    views = [radiograph_of(each) for each in pixels]
    places = [array.ctypes.data for array in (probs, heatmaps, of_classes)]
    batch = (type(views[0]) * len(views))(*views)
    status = predictor.lib.egaze_predict_class_heatmaps(predictor.handle, batch, len(views), *places)
    assert status == 0, predictor.library.error()
    return probs, heatmaps, of_classes


@pytest.mark.parametrize("precision", TOLERANCE)
def test_python_and_c_give_the_models_numbers(c_library, exported, pixels, expected, precision):
    spec = check_model(exported[precision])
    assert spec.class_heatmaps and spec.format_version == 5
    whole = {"rtol": 0, "atol": TOLERANCE[precision]}
    asked, default = Predictor(exported[precision], class_heatmaps=True), Predictor(exported[precision])
    for image, maps in zip(pixels, expected, strict=True):
        found, usual = asked.predict(image), default.predict(image)
        assert found.class_heatmaps.shape == (3, *SHAPE) and found.class_heatmaps.dtype == np.float32
        np.testing.assert_allclose(found.class_heatmaps, maps, **whole)
        np.testing.assert_array_equal(found.heatmap, usual.heatmap)
        np.testing.assert_array_equal(found.class_probs, usual.class_probs)
        np.testing.assert_array_equal(found.radiograph_heatmap("b/c"), found.class_heatmaps[2])
        assert usual.class_heatmaps is None

    predictor = CPredictor(c_library, exported[precision], CLASS_HEATMAPS)
    assert c_library.lib.egaze_has_class_heatmaps(predictor.handle) == 1
    # In a batch and one by one.
    for probs, heatmaps, of_classes in (in_c(predictor, pixels), in_c(predictor, pixels[:1])):
        np.testing.assert_allclose(of_classes, expected[: len(of_classes)], **whole)
        # The heatmap is the mean of those of the classes, weighted by their probabilities.
        np.testing.assert_allclose(heatmaps, np.einsum("nc,nchw->nhw", probs, of_classes), **whole)
    predictor.close()


def test_c_refuses_what_was_not_asked_for(c_library, exported, model_path, pixels):
    plain = CPredictor(c_library, exported["fp32"])
    probs, heatmap = plain.answers()
    view, places = radiograph_of(pixels[0]), (probs.ctypes.data, heatmap.ctypes.data)
    lib = c_library.lib
    assert lib.egaze_predict_class_heatmaps(plain.handle, view, 1, *places, probs.ctypes.data) == 1
    assert c_library.error() == "the predictor was not created with EGAZE_CLASS_HEATMAPS"
    assert lib.egaze_predict_file_class_heatmaps(plain.handle, b"x.npy", *places, None) == 1
    assert c_library.error() == "class_heatmaps must not be NULL"
    plain.close()
    with pytest.raises(AssertionError, match="gives no heatmap of each class"):
        CPredictor(c_library, model_path, CLASS_HEATMAPS)
    other = CPredictor(c_library, model_path)
    assert lib.egaze_has_class_heatmaps(other.handle) == 0
    other.close()


def test_a_file_is_predicted_in_c(c_library, exported, pixels, expected, tmp_path):
    np.save(tmp_path / "radiograph.npy", pixels[0])
    predictor = CPredictor(c_library, exported["fp32"], CLASS_HEATMAPS)
    probs, of_classes = predictor.answers()[0], np.empty_like(expected[0])
    path = str(tmp_path / "radiograph.npy").encode()
    status = c_library.lib.egaze_predict_file_class_heatmaps(
        predictor.handle, path, probs.ctypes.data, None, of_classes.ctypes.data
    )
    assert status == 0, c_library.error()
    np.testing.assert_allclose(of_classes, expected[0], rtol=0, atol=1e-5)
    predictor.close()


def test_the_runner_and_predict_write_the_same(runner, exported, pixels, expected, tmp_path):
    np.save(tmp_path / "one.npy", pixels[0])
    (tmp_path / "two.npy").write_bytes(b"nothing")
    words = [str(exported["fp32"]), str(tmp_path / "one.npy"), "--class-heatmaps", "--out"]
    (ours,) = radiographs(run(runner, *words, tmp_path / "cpp", "--json"))
    done = CliRunner().invoke(cli, ["predict", *words, str(tmp_path / "python"), "--json", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    (theirs,) = json.loads(done.stdout)["predictions"]
    assert [*ours["class_heatmap_pngs"]] == [*theirs["class_heatmap_pngs"]] == ["a", "Pleural effusion", "b/c"]
    assert set(ours) - {"overlay_png"} == set(theirs)
    for said in (ours, theirs):
        written = np.load(said["class_heatmaps_npy"])
        np.testing.assert_allclose(written, expected[0], rtol=0, atol=1e-5)
        for (name, peak), maps in zip(said["class_heatmap_peaks"].items(), written, strict=True):
            y, x = np.unravel_index(maps.argmax(), maps.shape)
            assert peak == {"x": pytest.approx((x + 0.5) / SHAPE[1]), "y": pytest.approx((y + 0.5) / SHAPE[0])}
            picture = np.asarray(Image.open(said["class_heatmap_pngs"][name]), np.float32)
            assert np.abs(picture / 255 - maps).max() <= 1 / 255
    names = [
        sorted(str(path.relative_to(tmp_path / road)) for path in (tmp_path / road).rglob("*_heatmap_classes*/*"))
        for road in ("cpp", "python")
    ]
    assert names[0] == names[1] and len(names[0]) == 3 and "one_heatmap_classes/a.png" in names[0]

    both = [*words[:2], str(tmp_path / "two.npy"), "--class-heatmaps"]
    rows = list(csv.DictReader(io.StringIO(run(runner, *both, "--csv", code=1).stdout)))
    table = tmp_path / "table.parquet"
    predict_to_table(Predictor(exported["fp32"], class_heatmaps=True), both[1:3], table)
    frame = pl.read_parquet(table)
    assert [name for name in rows[0] if name != "overlay_png"] == frame.columns[:-3]
    for said, row in zip(rows, frame.rows(named=True), strict=True):
        for name in row.keys() & said.keys():
            if name.startswith("peak_"):
                assert row[name] == (pytest.approx(float(said[name]), abs=1e-5) if said[name] else None)
    assert rows[1]["error"] and not rows[1]["peak_x_b/c"] and rows[0]["class_heatmaps_npy"] == ""


def test_a_table_is_continued_only_with_its_files_and_options(exported, pixels, tmp_path):
    paths, places = [str(tmp_path / f"{n}.npy") for n in range(2)], [tmp_path / "a", tmp_path / "b"]
    for path, image in zip(paths, pixels, strict=False):
        np.save(path, image)
    table, predictor = tmp_path / "table.parquet", Predictor(exported["fp32"], class_heatmaps=True)
    assert predict_to_table(predictor, paths, table, heatmaps=places).kept == 0
    assert predict_to_table(predictor, paths, table, heatmaps=places).kept == 2
    row = pl.read_parquet(table).row(1, named=True)
    Path(row["class_heatmap_png_b/c"]).unlink()
    assert predict_to_table(predictor, paths, table, heatmaps=places).kept == 1
    assert Path(row["class_heatmap_png_b/c"]).is_file()
    with pytest.raises(EgazeError, match=r"made with other options \(--class-heatmaps\); choose another name"):
        predict_to_table(Predictor(exported["fp32"]), paths, table)


def test_without_the_option_nothing_differs(runner, exported, pixels, tmp_path):
    np.save(tmp_path / "one.npy", pixels[0])
    (said,) = radiographs(run(runner, exported["fp32"], tmp_path / "one.npy", "--out", tmp_path / "out"))
    assert not [key for key in said if "class_heatmap" in key]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("one_heatmap.npy", "one_heatmap.png", "one_overlay.png")
    ]


def test_models_without_them_refuse(runner, model_path, tmp_path):
    np.save(tmp_path / "one.npy", np.zeros((8, 8), np.uint8))
    assert not check_model(model_path).class_heatmaps and check_model(model_path).format_version == 4
    why = f"{model_path}: the model gives no heatmap of each class"
    assert why in run(runner, model_path, tmp_path / "one.npy", "--class-heatmaps", code=1).stderr
    with pytest.raises(EgazeError, match="gives no heatmap of each class"):
        Predictor(model_path, class_heatmaps=True)
    prediction = Predictor(model_path).predict(tmp_path / "one.npy")
    with pytest.raises(EgazeError, match="class_heatmaps=True"):
        prediction.radiograph_heatmap("chf")


def test_a_class_that_is_none(exported, pixels):
    prediction = Predictor(exported["fp32"], class_heatmaps=True).predict(pixels[0])
    with pytest.raises(EgazeError, match="no class 'chf'; there are a, Pleural effusion, b/c"):
        prediction.radiograph_heatmap("chf")


def test_a_run_is_exported_with_them(run, network, tmp_path, monkeypatch):
    monkeypatch.setattr(type(run), "load_model", lambda self: network)
    spec = export_torchscript(run, tmp_path / "model.pt")
    assert spec == check_model(tmp_path / "model.pt") and spec.class_heatmaps
    said = CliRunner().invoke(cli, ["check", str(tmp_path / "model.pt")])
    assert "class_heatmaps: True" in said.output and "format_version: 5" in said.output


class Three(nn.Module):
    """A model with three results, of which the last has so many maps."""

    def __init__(self, maps: int = 3, beyond: float = 0.0) -> None:
        super().__init__()
        self.maps, self.beyond = maps, beyond

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        maps = image.repeat(1, self.maps, 1, 1) + self.beyond
        return image.mean([2, 3]).repeat(1, len(CLASS_NAMES)) * 0.5, image * 1.0, maps


def test_what_the_spec_and_the_program_do_not_both_say_is_refused(refuse):
    promised = {"format_version": 5, "class_heatmaps": True}
    three, two = members_of(make_model(Three())), members_of(make_model())
    refuse(packed(two, **promised), "model_operator", r"\(Tensor, Tensor, Tensor\)")
    refuse(packed(three), "model_operator", r"\(Tensor, Tensor\)")
    refuse(packed(members_of(make_model(Three(4))), **promised), "model_operator", "class_heatmaps of type .*N, 4, 32")
    refuse(packed(three, **promised, heatmap_head=False), "model_spec", 'but no "heatmap_head"')
    refuse(packed(three, format_version=5), "model_spec", 'lacks "class_heatmaps"')
    refuse(packed(two, format_version=3), "model_version", "export the run again")


def test_values_beyond_their_range_fail(runner, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(packed(members_of(make_model(Three(beyond=2.0))), format_version=5, class_heatmaps=True))
    radiograph, message = tmp_path / "one.npy", "values of class heatmaps outside [0, 1]"
    np.save(radiograph, np.zeros((8, 8), np.uint8))
    with pytest.raises(EgazeError, match=re.escape(message)):
        Predictor(path, class_heatmaps=True).predict(radiograph)
    assert message in run(runner, path, radiograph, "--class-heatmaps", code=1).stderr
    run(runner, path, radiograph)  # nobody asked for them
