"""What a model file must be before anything of it is loaded: the same answer from Python and from C++."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from deploy.c_library import CLibrary
from deploy.scripted_models import SPEC_NAME, make_model, members_of, packed, quiet, zipped

from egaze.cli import cli
from egaze.deploy import Predictor, check_model
from egaze.errors import ModelFileError

PROGRAM = "code/__torch__/egaze.py"


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    return members_of(make_model())


@pytest.fixture(scope="module")
def good(members) -> bytes:
    return packed(members)


def refuse(path: Path, content: bytes | None, code: str, message: str = "") -> None:
    if content is not None:
        path.write_bytes(content)
    for read in (check_model, Predictor):
        with pytest.raises(ModelFileError, match=message or None) as caught:
            read(path)
        assert caught.value.code == code
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.fixture
def in_c(request):
    """What C++ says of a file; nothing where it is not built."""

    def says(path: Path, code: str) -> None:
        library: CLibrary = request.getfixturevalue("c_library")
        assert library.code_of(path) == code, library.error()
        with pytest.raises(ModelFileError) as caught:
            check_model(path)
        assert str(caught.value) == library.error()

    return says


def test_a_sound_file_is_let_pass(good, tmp_path, c_library):
    path = tmp_path / "model.pt"
    path.write_bytes(good)
    assert check_model(path).precision == "fp32"
    assert c_library.code_of(path) == "ok"


def jit_saved() -> bytes:
    buffer = io.BytesIO()
    with quiet():
        torch.jit.save(make_model(), buffer)
    return buffer.getvalue()


def torch_saved() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": torch.zeros(3)}, buffer)
    return buffer.getvalue()


FILES = {
    "empty": (lambda good: b"", "model_truncated", "empty"),
    "a byte": (lambda good: good[:1], "model_truncated", ""),
    "a hundredth": (lambda good: good[: len(good) // 100], "model_truncated", ""),
    "half": (lambda good: good[: len(good) // 2], "model_truncated", "is truncated"),
    "all but a byte": (lambda good: good[:-1], "model_truncated", ""),
    "more": (lambda good: good + b"\0", "model_truncated", "something follows its end"),
    "text": (lambda good: b"hello", "model_foreign", "not exported by egaze"),
    "a picture": (lambda good: b"\x89PNG\r\n\x1a\n" + bytes(500), "model_foreign", ""),
    "weights": (lambda good: torch_saved(), "model_foreign", "egaze_spec.json"),
    "another program": (lambda good: jit_saved(), "model_foreign", "egaze_spec.json"),
}


@pytest.mark.parametrize("name", FILES)
def test_truncated_and_foreign_files(good, tmp_path, in_c, name):
    make, code, message = FILES[name]
    refuse(tmp_path / "model.pt", make(good), code, message)
    in_c(tmp_path / "model.pt", code)


def test_no_file(tmp_path, in_c):
    refuse(tmp_path / "none.pt", None, "file_not_found", "no such file")
    in_c(tmp_path / "none.pt", "file_not_found")
    refuse(tmp_path, None, "model_foreign", "not a file")
    in_c(tmp_path, "model_foreign")


SPECS = [
    ({"format_version": 1}, "model_version", "format version 1, this egaze reads version 4: export the run again"),
    ({"format_version": 5}, "model_version", "exported by a newer egaze"),
    ({"format_version": "4"}, "model_spec", "format_version"),
    ({"format_version": None}, "model_spec", "format_version"),
    ({"class_names": []}, "model_spec", "class_names"),
    ({"class_names": ["a", "a"]}, "model_spec", "class_names"),
    ({"input_width_px": 10**9}, "model_spec", "input_width_px"),
    ({"fit": "crop"}, "model_spec", "stretch, letterbox"),
    ({"precision": "fp8"}, "model_spec", "fp32, bf16"),
    ({"class_probs": "argmax"}, "model_spec", "softmax, sigmoid"),
    ({"label_kind": "several"}, "model_spec", "exclusive, independent"),
    ({"label_kind": "independent"}, "model_spec", "independent classes cannot have: softmax"),
    ({"thresholds": [0.5]}, "model_spec", "thresholds"),
    ({"thresholds": [0.5, None, 3]}, "model_spec", "neither null nor numbers from 0 to 2"),
    ({"thresholds": [0.5, None, 0.1]}, "model_spec", 'without a "threshold_rule"'),
    ({"threshold_rule": "Youden"}, "model_spec", "or the rule without them"),
    ({"recipe": 3}, "model_spec", "recipe"),
    ({"model_sha256": "a" * 64}, "model_digest", "SHA-256"),
    ({"model_sha256": "A" * 64}, "model_spec", "model_sha256"),
]


@pytest.mark.parametrize(("changes", "code", "message"), SPECS)
def test_old_new_and_impossible_specs(members, tmp_path, in_c, changes, code, message):
    refuse(tmp_path / "model.pt", packed(members, **changes), code, message)
    in_c(tmp_path / "model.pt", code)


@pytest.mark.parametrize("member", ["constants/2", PROGRAM, "data.pkl", "constants.pkl", f"extra/{SPEC_NAME}"])
def test_changed_contents_lack_the_digest(good, tmp_path, in_c, member):
    with zipfile.ZipFile(io.BytesIO(good)) as file:
        contents = {info.filename.partition("/")[2]: file.read(info) for info in file.infolist()}
    if member.endswith(SPEC_NAME):
        contents[member] = contents[member].replace(b"pneumonia", b"pneumonib")
    else:
        contents[member] = bytes([contents[member][0] ^ 1]) + contents[member][1:]
    refuse(tmp_path / "model.pt", zipped(contents), "model_digest", "damaged or changed")
    in_c(tmp_path / "model.pt", "model_digest")


def with_member(members, name, content=b"x", **info):
    """A sound archive and one more member."""
    buffer = io.BytesIO(packed(members))
    with zipfile.ZipFile(buffer, "a") as file:
        entry = zipfile.ZipInfo(f"egaze/{name}")
        for key, value in info.items():
            setattr(entry, key, value)
        file.writestr(entry, content)
    return buffer.getvalue()


def duplicated(members):
    with pytest.warns(UserWarning, match="Duplicate name"):
        return with_member(members, "data.pkl", members["data.pkl"])


def patched(members, magic, offset, value):
    """The first header of a kind with some bytes written over."""
    content = bytearray(packed(members))
    at = content.index(magic) + offset
    content[at : at + len(value)] = value
    return bytes(content)


def shifted(members):
    """A byte before the first member, every offset moved: readers that go by the directory do not see it."""
    content = bytearray(b"\0" + packed(members))
    at = -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        content[at + 42 : at + 46] = struct.pack("<I", struct.unpack("<I", content[at + 42 : at + 46])[0] + 1)
    end = content.rindex(b"PK\x05\x06")
    content[end + 16 : end + 20] = struct.pack("<I", struct.unpack("<I", content[end + 16 : end + 20])[0] + 1)
    return bytes(content)


def hole(members):
    """The directory moved behind a byte that belongs to nothing."""
    content = packed(members)
    directory = content.index(b"PK\x01\x02")
    end = content.rindex(b"PK\x05\x06")
    tail = content[directory : end + 16] + struct.pack("<I", directory + 1) + content[end + 20 :]
    return content[:directory] + b"\0" + tail


def two_names(members):
    content = packed(members)
    return content.replace(b"egaze/byteorder", b"egaze/byteordex", 1)


def many(members):
    buffer = io.BytesIO(packed(members))
    with zipfile.ZipFile(buffer, "a") as file:
        for number in range(20_001):
            file.writestr(zipfile.ZipInfo(f"egaze/constants/{number + 100}"), b"")
    return buffer.getvalue()


ARCHIVES = {
    "compressed": (lambda m: with_member(m, "bomb", bytes(1 << 20), compress_type=zipfile.ZIP_DEFLATED), "compressed"),
    "twice": (duplicated, "two members of the name"),
    "twice by case": (lambda m: with_member(m, "Data.pkl"), "two members of the name"),
    "upwards": (lambda m: with_member(m, "../../etc/passwd"), "not named as a model's are"),
    "absolute": (lambda m: packed(m).replace(b"egaze/byteorder", b"/gaze/byteorder"), "not named as a model's are"),
    "another folder": (lambda m: packed(m).replace(b"egaze/byteorder", b"ogaze/byteorder"), "not named as"),
    "strange letters": (lambda m: with_member(m, "na\tme"), "not named as a model's are"),
    "unknown member": (lambda m: packed({**m, "code/more.py": b""}), "holds a member 'code/more.py'"),
    "odd key": (lambda m: packed({**m, "constants/007": b""}), "holds a member 'constants/007'"),
    "a member missing": (lambda m: packed({k: v for k, v in m.items() if k != PROGRAM}), "lacks the member"),
    "big-endian": (lambda m: packed({**m, "byteorder": b"big"}), "little-endian"),
    "too many": (many, "20"),
    "extra field": (lambda m: with_member(m, "byteordex", extra=b"\xfe\xca\x01\x00x"), "not stored plainly"),
    "comment": (lambda m: with_member(m, "byteordex", comment=b"hello"), "not stored plainly"),
    "encrypted": (lambda m: patched(m, b"PK\x01\x02", 8, b"\x01"), "not stored plainly"),
    "two sizes": (lambda m: patched(m, b"PK\x01\x02", 20, b"\xff"), "not stored plainly"),
    "another offset": (lambda m: patched(m, b"PK\x01\x02", 42, b"\x01"), "does not follow"),
    "two headers": (lambda m: patched(m, b"PK\x03\x04", 14, b"\xff\xff"), "told of in two ways"),
    "two names": (two_names, "told of in two ways"),
    "far offset": (lambda m: patched(m, b"PK\x05\x06", 16, b"\xff\xff\xff\x7f"), "directory is broken"),
    "several parts": (lambda m: patched(m, b"PK\x05\x06", 4, b"\x01"), "several parts"),
    "a hole": (hole, "between its members and its directory"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_of_another_layout(members, tmp_path, in_c, name):
    make, message = ARCHIVES[name]
    refuse(tmp_path / "model.pt", make(members), "model_archive", message)
    in_c(tmp_path / "model.pt", "model_archive")


def test_an_archive_that_begins_late(members, tmp_path, in_c):
    refuse(tmp_path / "model.pt", shifted(members), "model_foreign")
    in_c(tmp_path / "model.pt", "model_foreign")


def programmed(members, statement, **more):
    """The model with a statement before its first."""
    text = members[PROGRAM].decode()
    head, arrow, body = text.partition("Tuple[Tensor, Tensor]:\n")
    return packed({**members, PROGRAM: f"{head}{arrow}    {statement}\n{body}".encode(), **more})


STATEMENTS = [
    'stolen = torch.from_file("/etc/passwd", False, 10, dtype=0)',
    'torch.save(image, "/tmp/out.pt")',
    'ops.aten.save(image, "/tmp/out.pt")',
    "x = torch.empty([1000])",
    "x = torch.rand_like(image)",
    'print("hello")',
    'print ("hello")',
    '(print)("hello")',
    'x = print\n    x("hello")',
    '[print][0]("hello")',
    "import os",
    "from os import path",
    "x = image.cpu()",
    "x = (image).cpu()",
    "x = image .cpu()",
    'x = "{}".format(image)',
    'x = f"{image}"',
    "x = self.training",
    "x = self",
    "x = __torch__.os.system",
    "x = ops.prim.CallFunction(image)",
    "x = ops.quantized.linear(image)",
    "x = ops.torchvision.nms",
    "x = CONSTANTS.c99",
    "x = CONSTANTS.d0",
    "x = torch",
    "x = torch.jit.load",
    "x = torch.ops.aten.save",
    "def inner(x): return x",
    "class Other(Module): pass",
    "with image: pass",
    "while True: pass",
    "x = lambda y: y",
    "raise image",
    "assert image",
    "x = image + image",
    "x = image @ image",
    "x = 3j",
    "x = 'text'",
    'x = """text"""',
    "x = 1 # comment",
    "x = 1; y = 2",
    "@torch.jit.export",
    'x = "no end',
    "\tx = 1",
    "x = `1`",
    "x = torch.fork(image)",
    "x = fork(image)",
    "x = getattr(image, x)",
    "x = caf\u00e9",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_programs_that_do_more_than_a_model(members, tmp_path, in_c, statement):
    refuse(tmp_path / "model.pt", programmed(members, statement), "model_operator", "its program")
    in_c(tmp_path / "model.pt", "model_operator")


def heads(members):
    text = members[PROGRAM].decode()
    yield text.replace("forward", "backward")
    yield text.replace("  __buffers__ = []\n", '  __buffers__ = ["x"]\n')
    yield text.replace("  __buffers__ = []\n", "  __buffers__ = []\n  training : bool\n")
    yield text.replace("image: Tensor", "image: str")
    yield text.replace("Tuple[Tensor, Tensor]:", "Tensor:")
    yield text + "  def __setstate__(self: __torch__.egaze.Model, state: int) -> None:\n    pass\n"
    yield text + "class Other(Module):\n  __parameters__ = []\n"
    yield "import os\n" + text
    yield ""


def test_programs_of_another_form(members, tmp_path, in_c):
    for text in heads(members):
        refuse(tmp_path / "model.pt", packed({**members, PROGRAM: text.encode()}), "model_operator", "its program")
        in_c(tmp_path / "model.pt", "model_operator")


def test_what_torch_would_run_while_loading_is_refused_before(members, tmp_path, in_c):
    """__setstate__ runs when torch.jit.load makes the object: the attack is real, and does not get that far."""
    written, path = tmp_path / "written", tmp_path / "model.pt"
    text = members[PROGRAM].decode() + (
        "  def __getstate__(self: __torch__.egaze.Model) -> int:\n    return 0\n"
        "  def __setstate__(self: __torch__.egaze.Model, state: int) -> None:\n"
        f'    torch.save(torch.zeros([1]), "{written}")\n'
    )
    pickled = b"\x80\x02c__torch__.egaze\nModel\nq\x00)\x81K\x00b."
    path.write_bytes(packed({**members, PROGRAM: text.encode(), "data.pkl": pickled}))
    with quiet():
        torch.jit.load(io.BytesIO(path.read_bytes()))
    assert written.exists()
    written.unlink()
    refuse(path, None, "model_operator", "data.pkl")
    in_c(path, "model_operator")
    refuse(path, packed({**members, PROGRAM: text.encode()}), "model_operator", "goes on after its end")
    in_c(path, "model_operator")
    assert not written.exists()


def pickled(*, key="0", numel=4, offset=0, sizes=(4,), strides=(1,), storage="FloatStorage", end=b"\x85."):
    """constants.pkl with one tensor."""

    def number(value: int) -> bytes:
        return b"\x8a\x08" + struct.pack("<q", value)

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def row(values) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    stored = b"(" + text("storage") + f"ctorch\n{storage}\n".encode() + text(key) + text("cpu") + number(numel) + b"tQ"
    tensor = stored + number(offset) + row(sizes) + row(strides) + b"\x89ccollections\nOrderedDict\n)R"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + tensor + b"tR" + end


TINY = {
    PROGRAM: b"class Model(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
    b"  def forward(self: __torch__.egaze.Model,\n    image: Tensor) -> Tuple[Tensor, Tensor]:\n"
    b"    means = torch.repeat(torch.mean(image, [2, 3]), [1, 3])\n"
    b"    return (torch.softmax(means, 1), torch.mul(image, torch.mean(CONSTANTS.c0, [0])))\n",
    "data.pkl": b"\x80\x02c__torch__.egaze\nModel\nq\x00)\x81}(ubq\x01.",
    "byteorder": b"little",
    "version": b"4\n",
    "constants/0": np.arange(4, dtype=np.float32).tobytes(),
}
DEEP = b"\x80\x02" + b")" + b"\x85" * 20 + b"."
MEMORY = b"\x80\x02(" + b"".join(b")q" + bytes([i]) for i in range(256)) + b")r\xff\xff\xff\x7ft."
PICKLES = [
    (pickled(numel=5), "model_archive", "another size"),
    (pickled(numel=-1), "model_archive", "another size"),
    (pickled(storage="DoubleStorage"), "model_archive", "another size"),
    (pickled(key="1"), "model_archive", "another size"),
    (pickled(key="../data.pkl"), "model_archive", "another size"),
    (pickled(offset=1), "model_archive", "beyond its storage"),
    (pickled(sizes=(5,)), "model_archive", "beyond its storage"),
    (pickled(sizes=(2, 2), strides=(1 << 31, 1)), "model_archive", "beyond its storage"),
    (pickled(strides=(-1,)), "model_archive", "impossible"),
    (pickled(sizes=(1 << 62,)), "model_archive", "impossible"),
    (pickled(sizes=(1 << 20, 1 << 20), strides=(0, 0)), "model_archive", "impossible"),
    (pickled(sizes=(1,) * 9, strides=(1,) * 9), "model_archive", "no sizes"),
    (pickled(end=b"."), "model_archive", "no list of tensors"),
    (pickled(end=b"\x85.."), "model_archive", "no list of tensors"),
    (pickled(end=b""), "model_archive", "no end"),
    (pickled(end=b"t."), "model_archive", "too few values"),
    (DEEP, "model_archive", "too deep"),
    (MEMORY, "model_archive", "a wrong place"),
    (b"\x80\x02X\xff\xff\xff\xff.", "model_archive", "too long a text"),
    (b"\x80\x04.", "model_operator", "another protocol"),
    (b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.", "model_operator", "'os system'"),
    (b"\x80\x02c__torch__.egaze\nModel\n)\x81.", "model_operator", "egaze Model"),
    (pickled(storage="UntypedStorage"), "model_operator", "UntypedStorage"),
    (b"\x80\x02}.", "model_operator", "instruction 125"),
]


def test_a_pickle_of_tensors_is_let_pass(tmp_path, c_library):
    path = tmp_path / "model.pt"
    path.write_bytes(packed({**TINY, "constants.pkl": pickled()}))
    check_model(path)
    Predictor(path)
    assert c_library.code_of(path) == "ok"


@pytest.mark.parametrize(("pickle", "code", "message"), PICKLES)
def test_pickles_of_anything_but_tensors(tmp_path, in_c, pickle, code, message):
    refuse(tmp_path / "model.pt", packed({**TINY, "constants.pkl": pickle}), code, message)
    in_c(tmp_path / "model.pt", code)


def test_a_graph_is_checked_besides_its_text(members, tmp_path, monkeypatch, c_library):
    from egaze import _core

    allowed = _core.model_operators()
    assert allowed == sorted(allowed) and not {"aten::save", "aten::from_file", "prim::Print"} & set(allowed)
    path = tmp_path / "model.pt"
    path.write_bytes(packed(members))
    fewer = [name for name in allowed if name != "aten::conv2d"]
    monkeypatch.setattr("egaze._core.model_operators", lambda: fewer)
    with pytest.raises(ModelFileError, match=r"aten::conv2d") as caught:
        Predictor(path)
    assert caught.value.code == "model_operator"


def test_no_flipped_bit_goes_unseen(tmp_path):
    """One bit of every few bytes, headers among them: refused, or of no account (a date, a checksum of the zip)."""
    good = packed({**TINY, "constants.pkl": pickled()})
    path, passed = tmp_path / "model.pt", 0
    for at in range(0, len(good), 3):
        changed = bytearray(good)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        try:
            check_model(path)
            passed += 1
            with zipfile.ZipFile(io.BytesIO(good)) as before, zipfile.ZipFile(io.BytesIO(changed)) as after:
                for old, new in zip(before.infolist(), after.infolist(), strict=True):
                    assert (old.filename, old.header_offset) == (new.filename, new.header_offset)
                    begin = old.header_offset + 30 + len(old.filename)
                    content = slice(begin, begin + old.file_size)
                    assert old.file_size == new.file_size and good[content] == changed[content]
        except ModelFileError:
            pass
    assert passed < 0.1 * len(good) / 3


def test_the_command_says_the_code(good, tmp_path):
    (tmp_path / "good.pt").write_bytes(good)
    (tmp_path / "cut.pt").write_bytes(good[:-9])
    done = CliRunner().invoke(cli, ["check", str(tmp_path / "good.pt")])
    assert done.exit_code == 0 and "proved by types and shapes" in done.output and "format_version: 4" in done.output
    done = CliRunner().invoke(cli, ["check", str(tmp_path / "cut.pt")])
    assert done.exit_code == 1 and done.output == "" and isinstance(done.exception, ModelFileError)
    assert str(done.exception).endswith("[model_truncated]") and "\n" not in str(done.exception)
