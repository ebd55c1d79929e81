"""Only the proved program is run, and no radiograph influences the prediction of another."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from deploy.c_library import CPredictor, radiograph_of
from deploy.scripted_models import PROGRAM, SPEC_NAME, packed

from egaze.deploy import Predictor, check_model
from egaze.deploy.spec import read_model
from egaze.errors import ModelFileError
from egaze.models import DualHeadUNet

FORGED = Path(__file__).parents[3] / "shared" / "cases" / "models"


@pytest.fixture
def refused(tmp_path, c_library):
    """The code with which check_model, Predictor and C refuse a file."""

    def of(content: bytes) -> str:
        path = tmp_path / "model.pt"
        path.write_bytes(content)
        codes = [c_library.code_of(path)]
        for read in (check_model, Predictor):
            with pytest.raises(ModelFileError) as caught:
                read(path)
            codes.append(caught.value.code)
            assert str(caught.value) == c_library.error()
        assert len(set(codes)) == 1
        return codes[0]

    return of


@pytest.mark.realdata
@pytest.mark.parametrize(
    "path",
    # Squeeze and excitation of one channel is a valid program; the tests of the engine compare its predictions.
    [path for path in sorted(FORGED.glob("*.pt")) if not path.stem.startswith("se_")],
    ids=lambda path: path.stem,
)
def test_forged_models_are_refused(refused, path):
    """Each file is refused as it is, and when it is written again with the current spec and a correct digest."""
    with zipfile.ZipFile(path) as file:
        contents = {info.filename.partition("/")[2]: file.read(info) for info in file.infolist()}
    spec = json.loads(contents.pop(f"extra/{SPEC_NAME}"))
    assert refused(path.read_bytes()).startswith("model_")
    kept = {key: spec[key] for key in ("input_height_px", "input_width_px", "class_names")}
    expected = {"spec_float_size": "model_spec", "mem_version_huge": "model_archive"}
    assert refused(packed(contents, **kept)) == expected.get(path.stem, "model_operator")


def test_the_program_that_runs_is_written_from_the_proved_graph(members, tmp_path):
    """The new program has its own names and one statement for each call, and refers to the same constants."""
    path = tmp_path / "model.pt"
    path.write_bytes(packed(members))
    content = read_model(path).content
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.testzip() is None
        program = file.read(f"egaze/{PROGRAM}").decode()
        assert file.read("egaze/constants/0") == members["constants/0"]
    given = members[PROGRAM].decode()
    assert program != given and "input" in given and "input" not in program
    assert "    x0 = torch.mul(image, 4.)\n    x1 = torch.sub(x0, 2.)\n" in program
    # Checking the new program changes nothing more.
    path.write_bytes(packed({**members, PROGRAM: program.encode()}))
    assert read_model(path).content == path.read_bytes()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_predictions_do_not_depend_on_other_radiographs(run, tmp_path, monkeypatch, c_library, precision):
    """A radiograph has bit-identical predictions after any other, and in any batch of the same size."""
    from egaze.deploy import export_torchscript

    torch.manual_seed(0)
    model = DualHeadUNet("mobilenetv3_small_050").eval()
    monkeypatch.setattr(type(run), "load_model", lambda self: model)
    path = tmp_path / "model.pt"
    export_torchscript(run, path, precision=precision)
    first, *others = np.random.default_rng(0).random((4, 64, 64), np.float32)
    others.append(np.ones((64, 64), np.float32))

    in_python = Predictor(path)
    before = in_python.predict(first)
    for other in others:
        in_python.predict(other)
        after = in_python.predict(first)
        np.testing.assert_array_equal(after.class_probs, before.class_probs)
        np.testing.assert_array_equal(after.heatmap, before.heatmap)

    in_c = CPredictor(c_library, path)
    alone = in_c.predict(radiograph_of(first))
    for other in others:
        in_c.predict(radiograph_of(other))
        for ours, theirs in zip(in_c.predict(radiograph_of(first)), alone, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    # In batches with different other radiographs.
    batches = [in_c.predict(*map(radiograph_of, [first, one, other])) for one, other in itertools.pairwise(others)]
    for probs, heatmaps in batches[1:]:
        np.testing.assert_array_equal(probs[0], batches[0][0][0])
        np.testing.assert_array_equal(heatmaps[0], batches[0][1][0])
    in_c.close()


@pytest.mark.parametrize(
    "encoder",
    ["resnet10t", "edgenext_xx_small", "swiftformer_xs"],
)
def test_encoders_of_all_kinds_are_exported_without_control_flow(run, tmp_path, monkeypatch, encoder):
    """Encoders with convolutions, attention, positions computed from sizes, and sums in place."""
    from egaze.deploy import export_torchscript

    torch.manual_seed(0)
    model = DualHeadUNet(encoder).eval()
    monkeypatch.setattr(type(run), "load_model", lambda self: model)
    export_torchscript(run, tmp_path / "model.pt")
    pixels = np.random.default_rng(0).random((64, 64), np.float32)
    prediction = Predictor(tmp_path / "model.pt").predict(pixels)
    with torch.no_grad():
        expected = model.predictions(model(torch.from_numpy(pixels)[None, None]))
    np.testing.assert_allclose(prediction.class_probs, expected.class_probs[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(prediction.heatmap, expected.heatmap[0, 0], rtol=0, atol=1e-5)
