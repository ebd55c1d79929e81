"""Folders that others wrote: whatever is in them, one line says what is wrong, and nothing of it runs."""

import hashlib
import json
import pickle
import shutil
import struct

import pytest
import safetensors.torch
import torch
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import EgazeError, SharedModelError
from egaze.sharing import fetch_model, open_shared


@pytest.fixture
def folder(shared_folder, tmp_path):
    """A shared model that may be changed."""
    return shutil.copytree(shared_folder, tmp_path / "shared")


def reseal(folder):
    """Give the spec the digests of the files as they are, as whoever changes them on purpose does."""
    change_spec(
        folder,
        files_sha256={
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in ("model.safetensors", "recipe.toml", "metrics.json")
        },
    )


def change_spec(folder, **values):
    spec = json.loads((folder / "spec.json").read_text())
    (folder / "spec.json").write_text(json.dumps(spec | values))


def refused(folder, tmp_path):
    """The line of the error; no file is written."""
    with pytest.raises(SharedModelError) as caught:
        fetch_model(open_shared(folder), tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()
    said = str(caught.value)
    assert said.startswith(str(folder)) and "\n" not in said and len(said) < 600
    return said


@pytest.mark.parametrize("name", ["model.safetensors", "spec.json", "recipe.toml", "metrics.json"])
def test_a_missing_file(name, folder, tmp_path):
    (folder / name).unlink()
    assert name in refused(folder, tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "recipe.toml", "metrics.json"])
def test_a_file_that_was_changed(name, folder, tmp_path):
    content = bytearray((folder / name).read_bytes())
    content[-5] ^= 1
    (folder / name).write_bytes(content)
    assert f"{name}: not the file that spec.json names by its digest" in refused(folder, tmp_path)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"format_version": 2}, "format version 2, this egaze reads 1"),
        ({"class_names": []}, "at least one"),
        ({"class_names": ["a", "a", "b"]}, "each class once"),
        ({"class_names": ["a", 3, "b"]}, "'class_names[1]' must be a string"),
        ({"class_names": ["a", "b"]}, "classifier.1"),
        ({"label_kind": "ordinal"}, "'exclusive' or 'independent'"),
        ({"canvas": {"height_px": 0, "width_px": 64, "fit": "stretch", "presentation": "voi"}}, "at least 1 px"),
        ({"canvas": {"height_px": 64, "width_px": 64, "fit": "crop", "presentation": "voi"}}, "fit must be one of"),
        ({"files_sha256": {"model.safetensors": "0"}}, "must have the digests of"),
        ({"more": 1}, "'more' is not known"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_spec_that_cannot_be(values, said, folder, tmp_path):
    change_spec(folder, **values)
    assert said in refused(folder, tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 100_000, '{"format_version": 1}', '{"format_version": ' + "9" * 5_000 + "}"],
    ids=["empty", "open", "deep", "bare", "long number"],
)
def test_a_spec_that_is_no_spec(text, folder, tmp_path):
    (folder / "spec.json").write_text(text)
    refused(folder, tmp_path)


@pytest.mark.parametrize(
    "text",
    ["name", "a = " + "[" * 20_000, "a = " + "9" * 5_000, 'name = "x"\nmodel.encoder = "../../etc/passwd"', "\x00"],
    ids=["text", "deep", "long number", "unknown encoder", "zero"],
)
def test_a_recipe_that_is_no_recipe(text, folder, tmp_path):
    (folder / "recipe.toml").write_text(text)
    reseal(folder)
    refused(folder, tmp_path)


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        ("resnet18", "of the recipe's model is missing"),
        ("eva_giant_patch14_560", "recipe.toml: encoder 'eva_giant_patch14_560' has feature maps at strides"),
        ("hf-hub:stranger/model", "recipe.toml: timm has no encoder 'hf-hub:stranger/model'"),
        ("local-dir:/tmp", "recipe.toml: timm has no encoder 'local-dir:/tmp'"),
    ],
)
def test_a_recipe_of_another_encoder(encoder, said, folder, tmp_path):
    recipe = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(recipe.replace("mobilenetv3_small_050", encoder))
    reseal(folder)
    assert said in refused(folder, tmp_path)


@pytest.mark.parametrize("channels", [90_000_000, 1 << 60], ids=["too much memory", "more than a tensor can have"])
def test_a_recipe_of_a_huge_model_allocates_nothing(channels, folder, tmp_path):
    recipe = (folder / "recipe.toml").read_text()
    huge = recipe.replace("    16,\n    16,\n    8,\n", f"    {channels},\n    {channels},\n    8,\n")
    assert huge != recipe
    (folder / "recipe.toml").write_text(huge)
    reseal(folder)
    refused(folder, tmp_path)


def header(content):
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def written(head, data):
    text = json.dumps(head).encode() if isinstance(head, dict) else head
    return struct.pack("<Q", len(text)) + text + data


def without_one(head, data):
    return written({name: value for name, value in head.items() if name != "classifier.1.bias"}, data)


def overlapping(head, data):
    names = [name for name in head if name != "__metadata__"]
    head[names[1]]["data_offsets"] = head[names[0]]["data_offsets"]
    return written(head, data)


def larger(head, data):
    head["classifier.1.weight"]["shape"][0] *= 1 << 40
    return written(head, data)


def of_halves(head, data):
    head["classifier.1.bias"]["dtype"] = "F16"
    head["classifier.1.bias"]["shape"] = [6]
    return written(head, data)


FORGED = {
    "empty": lambda head, data: b"",
    "short": lambda head, data: b"\0" * 7,
    "a header without end": lambda head, data: struct.pack("<Q", 1 << 62) + b"{",
    "a long header": lambda head, data: struct.pack("<Q", 9 << 20) + b" " * (9 << 20),
    "no JSON": lambda head, data: written(b"nonsense", data),
    "deep JSON": lambda head, data: written(b"[" * 100_000, data),
    "cut off": lambda head, data: written(head, data[:-8]),
    "more behind": lambda head, data: written(head, data + b"more"),
    "a tensor less": without_one,
    "overlapping tensors": overlapping,
    "a tensor larger than the file": larger,
    "another type": of_halves,
    "a pickle": lambda head, data: pickle.dumps({"weight": 1}),
}


@pytest.mark.parametrize("kind", FORGED)
def test_forged_weights(kind, folder, tmp_path):
    path = folder / "model.safetensors"
    path.write_bytes(FORGED[kind](*header(path.read_bytes())))
    reseal(folder)
    assert "model.safetensors: " in refused(folder, tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"extra.weight": torch.zeros(3)}, "'extra.weight' has no place in the recipe's model"),
        ({"classifier.1.bias": torch.zeros(4)}, "classifier.1.bias is F32 [4], the recipe's model has F32 [3]"),
        ({"classifier.1.bias": torch.zeros(3, dtype=torch.float64)}, "is F64 [3], the recipe's model has F32 [3]"),
        ({"classifier.1.bias": torch.tensor([0.0, float("nan"), 0.0])}, "values that are not finite"),
    ],
    ids=["unknown", "shape", "type", "nan"],
)
def test_weights_of_another_model(change, said, folder, tmp_path):
    path = folder / "model.safetensors"
    safetensors.torch.save_file(safetensors.torch.load_file(path) | change, path)
    reseal(folder)
    assert said in refused(folder, tmp_path)


class Runs:
    """A pickle of it writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_other_files_are_named_and_not_read(folder, tmp_path):
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Runs(tmp_path / "ran")))
    (folder / "odd\nname").touch()
    (folder / ".cache").mkdir()
    done = CliRunner().invoke(cli, ["fetch", str(folder), str(tmp_path / "model.pt")])
    assert done.exit_code == 0 and (tmp_path / "model.pt").exists() and not (tmp_path / "ran").exists()
    assert done.stderr == f"egaze: note: {folder}: not read: '.cache', 'odd\\nname', 'pytorch_model.bin'\n"


def test_a_model_card_may_be_added_to(folder, tmp_path):
    with (folder / "README.md").open("a") as file:
        file.write("\nThanks to all readers.\n")
    fetch_model(open_shared(folder), tmp_path / "model.pt")


def test_what_is_not_a_shared_model(tmp_path, run):
    for path in (tmp_path, run.path, tmp_path / "none"):
        with pytest.raises(SharedModelError, match=r"not a shared model \(spec.json is missing\)"):
            open_shared(path)


def test_the_suffix_says_what_is_written(shared_folder, tmp_path):
    with pytest.raises(EgazeError, match=r"model.bin: the suffix says what is written: .pt \(torchscript\) or .onnx"):
        fetch_model(open_shared(shared_folder), tmp_path / "model.bin")
    with pytest.raises(EgazeError, match="an ONNX file holds fp32"):
        fetch_model(open_shared(shared_folder), tmp_path / "model.onnx", precision="bf16")
