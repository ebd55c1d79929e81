import hashlib
import io
import json
import warnings
import zipfile

import numpy as np
import pytest
import torch

from egaze.deploy import Predictor, export_torchscript, read_spec, verify_digest
from egaze.errors import EgazeError, FilmError, ModelFileError
from egaze.imaging import FitGeometry
from egaze.loading import FailedFilm


def film(shape=(90, 70), dtype=np.float32, seed=0):
    values = np.random.default_rng(seed).random(shape)
    return values.astype(dtype) if dtype == np.float32 else (values * np.iinfo(dtype).max).astype(dtype)


def test_the_file_answers_as_the_model_does(run, model_file):
    predictor, model = Predictor(model_file), run.load_model()
    for seed, dtype in enumerate([np.float32, np.uint8, np.uint16]):
        pixels = film(dtype=dtype, seed=seed)
        scaled = pixels if dtype == np.float32 else (pixels / np.iinfo(dtype).max).astype(np.float32)
        canvas = FitGeometry.of(pixels.shape, (64, 64), "stretch").place(scaled)
        with torch.no_grad():
            expected = model(torch.from_numpy(canvas)[None, None])
        prediction = predictor.predict(pixels)
        np.testing.assert_allclose(prediction.class_probs, expected.class_logits.softmax(1)[0], atol=1e-5)
        np.testing.assert_allclose(prediction.heatmap, expected.heatmap_logits.sigmoid()[0, 0], atol=1e-5)
        assert prediction.film_heatmap().shape == pixels.shape


def test_any_libtorch_can_load_it(model_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(str(model_file))
    with torch.no_grad():
        probs, heatmap = module(torch.rand(3, 1, 64, 64))
    assert probs.shape == (3, 3) and torch.allclose(probs.sum(1), torch.ones(3))
    assert heatmap.shape == (3, 1, 64, 64) and heatmap.min() >= 0 and heatmap.max() <= 1


def test_the_spec_says_what_the_run_was(run, model_file):
    spec = verify_digest(model_file)
    assert spec.class_names == run.class_names and spec.recipe == "joint" and spec.heatmap_head
    assert (spec.input_height_px, spec.input_width_px, spec.fit, spec.presentation) == (64, 64, "stretch", "voi")
    assert spec.training_split_sha256 == run.facts["training_split_sha256"] and spec.class_probs == "softmax"


def test_files_from_before_the_spec_said_how_probabilities_are_made(model_file, tmp_path):
    (tmp_path / "old.pt").write_bytes(tamper(model_file, edit_spec("class_probs")))
    assert verify_digest(tmp_path / "old.pt").class_probs == "softmax"


def test_nothing_of_the_machine_or_the_data_is_inside(run, study, model_file):
    with zipfile.ZipFile(model_file) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    for text in (str(study.path), str(run.path), "site-packages", ".py\x85", *study.case_ids[:5]):
        assert text.encode() not in content


def tamper(path, change):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def flip(members):
    name = next(name for name in members if "/constants/" in name and len(members[name]) > 100)
    members[name] = members[name][:50] + bytes([members[name][50] ^ 1]) + members[name][51:]


def edit_spec(*without, **changes):
    def change(members):
        spec = json.loads(members["egaze/extra/egaze_spec.json"])
        spec = {name: value for name, value in spec.items() if name not in without}
        members["egaze/extra/egaze_spec.json"] = json.dumps({**spec, **changes}).encode()

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip, "do not have the digest"),
        (lambda m: m.update({"egaze/code/more.py": b"import os"}), "do not have the digest"),
        (lambda m: m.pop("egaze/extra/egaze_spec.json"), "not a model that egaze exported"),
        (lambda m: m.update({"egaze/extra/egaze_spec.json": b"{"}), "cannot be read"),
        (edit_spec(format_version=2), "model format version 2, this egaze reads 1"),
        (edit_spec(class_names=[]), r"class_names is \[\]"),
        (edit_spec(class_names="abc"), "class_names is 'abc'"),
        (edit_spec(input_width_px=10**9), "input_width_px is 1000000000, expected 1 to 4096"),
        (edit_spec(fit="crop"), "fit is 'crop', expected one of stretch, letterbox"),
        (edit_spec(recipe=None), "recipe is None"),
        (edit_spec(class_probs="argmax"), "class_probs is 'argmax', expected one of softmax, sigmoid"),
    ],
)
def test_changed_archives_are_refused(model_file, tmp_path, change, message):
    (tmp_path / "changed.pt").write_bytes(tamper(model_file, change))
    with pytest.raises(ModelFileError, match=message) as caught:
        Predictor(tmp_path / "changed.pt")
    assert "changed.pt" in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_are_no_models(model_file, tmp_path):
    with pytest.raises(ModelFileError, match="no such file"):
        read_spec(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("no model")
    with pytest.raises(ModelFileError, match="not a TorchScript archive"):
        read_spec(tmp_path / "text.pt")
    (tmp_path / "cut.pt").write_bytes(model_file.read_bytes()[:-500])
    with pytest.raises(ModelFileError, match="not a TorchScript archive, or cut short"):
        read_spec(tmp_path / "cut.pt")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("egaze/data.pkl", bytes(200 << 20))
    with pytest.raises(ModelFileError, match="too large when unpacked"):
        read_spec(tmp_path / "bomb.pt")


def test_bad_films_and_devices(model_file, tmp_path):
    predictor = Predictor(model_file)
    with pytest.raises(FilmError, match="none.png"):
        predictor.predict(tmp_path / "none.png")
    with pytest.raises(ValueError, match=r"shape \(H, W\), got \(3, 4, 5\)"):
        predictor.predict(np.zeros((3, 4, 5), np.float32))
    with pytest.raises(ValueError, match="finite"):
        predictor.predict(np.full((4, 4), np.nan, np.float32))
    with pytest.raises(TypeError, match="got int32"):
        predictor.predict(np.zeros((4, 4), np.int32))
    with pytest.raises(EgazeError, match="no device 'abacus'"):
        Predictor(model_file, device="abacus")


def test_exporting_in_two_processes_gives_the_same_bytes(run, tmp_path):
    import subprocess
    import sys

    digests = set()
    for name in ("a.pt", "b.pt"):
        command = [sys.executable, "-m", "egaze", "export", str(run.path), str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1
    export_torchscript(run, tmp_path / "a.pt")  # an existing file is replaced
    verify_digest(tmp_path / "a.pt")


def test_many_files_get_the_answers_of_each(model_file, tmp_path):
    paths = [tmp_path / f"{number}.npy" for number in range(5)]
    for number, path in enumerate(paths):
        np.save(path, film(seed=number))
    paths[2].write_bytes(b"nothing")
    predictor = Predictor(model_file)
    answers = list(predictor.predict_files(paths, workers=2))
    assert isinstance(answers[2], FailedFilm) and answers[2].path == paths[2]
    for path, answer in zip(paths, answers, strict=True):
        if path != paths[2]:
            expected = predictor.predict(path)
            np.testing.assert_array_equal(answer.class_probs, expected.class_probs)
            np.testing.assert_array_equal(answer.heatmap, expected.heatmap)
            assert answer.geometry == expected.geometry
