"""Every byte of a model file is covered by its digest or determined, and its spec is read by one grammar."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile

import pytest
from deploy.scripted_models import SPEC_NAME, make_model, members_of, model_sha256, packed, zipped

from egaze.deploy import check_model
from egaze.errors import ModelFileError

SPEC = f"extra/{SPEC_NAME}"
ENTRY, HEADER, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    return members_of(make_model())


@pytest.fixture(scope="module")
def good(members) -> bytes:
    return packed(members)


@pytest.fixture
def verdict(tmp_path, c_library):
    """A file's code and message, the same in Python and in C; "ok" for a sound one."""

    def of(content: bytes) -> tuple[str, str]:
        path = tmp_path / "model.pt"
        path.write_bytes(content)
        in_c = c_library.code_of(path)
        try:
            check_model(path)
            said = "ok", ""
        except ModelFileError as error:
            said = error.code, str(error)
            assert said[1] == c_library.error()
            assert said[1].isprintable()
        assert said[0] == in_c
        return said

    return of


def with_spec(members: dict[str, bytes], change) -> bytes:
    """The model with its spec's text changed by a function, and the digest of what came of it."""
    with zipfile.ZipFile(io.BytesIO(packed(members))) as file:
        spec = json.loads(file.read(f"egaze/{SPEC}"))
    text = change(json.dumps({**spec, "model_sha256": "0" * 64}, ensure_ascii=False))
    sha = model_sha256({**members, SPEC: text.encode()})
    return zipped({**members, SPEC: text.replace("0" * 64 + '"}', sha + '"}').encode()})


NUMBERS = [
    "32.0",
    "3.2e1",
    "32e0",
    "320e-1",
    "3.2E+1",
    "32.5",
    "-32",
    "0",
    "4097",
    "1e400",
    "032",
    "+32",
    "0x20",
    "true",
]


@pytest.mark.parametrize("key", ["input_height_px", "input_width_px", "canvas_height_px", "format_version"])
@pytest.mark.parametrize("number", [*NUMBERS, '"32"', "[32]", "null", "1" * 400, "9223372036854775808"])
def test_a_size_is_a_whole_number_written_as_one(members, verdict, key, number):
    size = {"input_height_px": "32", "input_width_px": "24", "canvas_height_px": "32", "format_version": "4"}[key]
    code, message = verdict(with_spec(members, lambda text: text.replace(f'"{key}": {size}', f'"{key}": {number}')))
    assert code in ("model_spec", "model_version") and (code == "model_spec" or key == "format_version"), message


TEXTS = [
    "\x00",
    "\x07",
    "\n",
    "\r",
    "\t",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "\x9b31m",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
]


@pytest.mark.parametrize("key", ["egaze_version", "torch_version", "recipe", "training_split_sha256", "class_names"])
@pytest.mark.parametrize("sign", TEXTS)
def test_a_text_that_could_act_on_a_terminal_is_refused(members, verdict, key, sign):
    text = f"a{sign}b"
    code, message = verdict(packed(members, **{key: [text, "b"] if key == "class_names" else text}))
    assert code == "model_spec" and f'"{key}"' in message


def test_texts_of_every_script_are_let_pass_and_long_ones_are_not(members, verdict):
    assert verdict(packed(members, class_names=["нормально", "肺炎", "é\u00a0\u200dx"]))[0] == "ok"
    assert verdict(packed(members, recipe="r" * 256))[0] == "ok"
    assert verdict(packed(members, recipe="r" * 257))[0] == "model_spec"
    assert verdict(packed(members, class_names=["é" * 129, "b"]))[0] == "model_spec"


SPEC_TEXTS = {
    "a key twice": lambda text: '{"fit": "stretch", ' + text[1:],
    "a later key twice": lambda text: '{"later": 1, "later": 2, ' + text[1:],
    "a key twice, once by escape": lambda text: '{"f\\u0069t": "stretch", ' + text[1:],
    "deep": lambda text: '{"later": ' + "[" * 100_000 + "]" * 100_000 + ", " + text[1:],
    "deep objects": lambda text: '{"later": ' + '{"a":' * 40 + "1" + "}" * 40 + ", " + text[1:],
    "large": lambda text: '{"later": "' + "x" * (1 << 20) + '", ' + text[1:],
    "many keys": lambda text: "{" + "".join(f'"k{i}": 0, ' for i in range(1025)) + text[1:],
    "a byte order mark": lambda text: "\ufeff" + text,
    "a comment": lambda text: "/**/" + text,
    "NaN": lambda text: '{"later": NaN, ' + text[1:],
    "a lone surrogate": lambda text: '{"later": "\\ud800", ' + text[1:],
}


@pytest.mark.parametrize("name", SPEC_TEXTS)
def test_specs_that_are_no_plain_json(members, verdict, name):
    code, message = verdict(with_spec(members, SPEC_TEXTS[name]))
    assert code == "model_spec", message


def test_what_only_later_versions_know_is_let_pass(members, verdict):
    assert verdict(with_spec(members, lambda text: '{"later": [1.5, -2e3, {"a": null}], ' + text[1:]))[0] == "ok"


@pytest.mark.parametrize(
    "version",
    [
        "",
        "\n",
        "0",
        "1",
        "2",
        "11",
        "-3",
        "+3",
        "03",
        " 3",
        "3 ",
        "3.0",
        "0x3",
        "3\n\n",
        "3\r\n",
        "three",
        "9" * 26,
        "3\0",
    ],
)
def test_versions_that_torch_does_not_write(members, verdict, version):
    code, message = verdict(packed({**members, "version": version.encode()}))
    assert code == "model_archive" and "version" in message


def test_one_version_is_due(members, verdict):
    for version in (b"3", b"3\n", b"10\n"):
        assert verdict(packed({**members, "version": version}))[0] == "ok"
    assert verdict(packed({**members, ".data/version": b"3\n"}))[0] == "model_archive"
    assert verdict(packed({k: v for k, v in members.items() if k != "version"}))[0] == "model_archive"


def entries(content: bytes, field: int, value: bytes, *, both: bool, last: bool = False) -> bytes:
    """A field of a directory's entry written over, and in the header before the content where that says it too."""
    changed = bytearray(content)
    at = content.rindex(ENTRY) if last else content.index(ENTRY)
    changed[at + field : at + field + len(value)] = value
    if both:
        place = struct.unpack_from("<I", content, at + 42)[0]
        changed[place + field - 2 : place + field - 2 + len(value)] = value
    return bytes(changed)


FIELDS = {
    "made by": (4, b"\x1e\x00", False),
    "made by MS-DOS": (4, b"\x14\x00", False),
    "version needed": (6, b"\x2d\x00", True),
    "time": (12, b"\x01\x00", True),
    "date": (14, b"\x22\x00", True),
    "checksum": (16, b"\0\0\0\0", True),
    "internal attributes": (36, b"\x01\x00", False),
    "external attributes": (38, b"PK\x06\x07", False),
}


@pytest.mark.parametrize("name", FIELDS)
def test_bytes_that_the_digest_does_not_cover_are_determined(good, verdict, name):
    field, value, both = FIELDS[name]
    for last in (False, True):
        code, message = verdict(entries(good, field, value, both=both, last=last))
        assert code == "model_archive", message


def test_a_hidden_zip64_locator_is_refused(members, verdict):
    """Twenty bytes before the end lie within the last entry, whose attributes could be zip64's sign."""
    content = bytearray(packed(members).replace(b"egaze/version", b"mode/version"))
    content[-4 - 2 - 4 - 4 - 8 - 20 : -4 - 2 - 4 - 4 - 8 - 16] = b"PK\x06\x07"
    assert verdict(bytes(content))[0] != "ok"
    for offset in range(4, 60):
        changed = bytearray(packed(members))
        changed[-22 - offset : -22 - offset + 4] = b"PK\x06\x07"
        assert verdict(bytes(changed))[0] != "ok"


def unsorted(members: dict[str, bytes], top: str = "egaze") -> bytes:
    with zipfile.ZipFile(io.BytesIO(packed(members))) as file:
        contents = {name.partition("/")[2]: file.read(name) for name in file.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in sorted(contents, reverse=top == "egaze"):
            file.writestr(zipfile.ZipInfo(f"{top}/{name}"), contents[name])
    return buffer.getvalue()


def test_members_have_one_order_and_one_folder(members, verdict):
    code, message = verdict(unsorted(members))
    assert code == "model_archive" and "order of their names" in message
    assert verdict(unsorted(members, "model"))[0] == "model_archive"


def test_no_changed_byte_goes_unseen(members, tmp_path):
    """Every byte of headers, directory and end, in turn, and many of the contents."""
    good = packed(members)
    path, contents = tmp_path / "model.pt", set()
    with zipfile.ZipFile(io.BytesIO(good)) as file:
        for info in file.infolist():
            begin = info.header_offset + 30 + len(info.filename)
            contents |= set(range(begin, begin + info.file_size)) - set(range(begin, begin + info.file_size, 97))
    for at in sorted(set(range(len(good))) - contents):
        changed = bytearray(good)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        with pytest.raises(ModelFileError):
            check_model(path)


def pickle_bombs():
    yield b"\x80\x02" + b"(" * ((1 << 24) - 2)
    yield b"\x80\x02" + b")" * ((1 << 24) - 2)
    yield b"\x80\x02" + b"K\x00" * ((1 << 23) - 1)
    yield b"\x80\x02(" + (b"(" + b"K\x00" * 60_000 + b"t") * 130 + b"t."
    yield b"\x80\x02)" + b"".join(b"r" + struct.pack("<I", i) for i in range(3_000_000)) + b"."
    yield b"\x80\x02" + b"X\x00\x01\x00\x00" + b"a" * 256 + b"q\x00" + b"h\x00" * ((1 << 23) - 200)


MEASURE = """
import resource, sys
from egaze import _core
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        _core.read_model(path.encode())
    except _core.ModelError as error:
        assert error.args[0] == "model_archive", error.args
    else:
        raise SystemExit("let pass")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_pickle_is_bounded_before_memory_is_spent(members, tmp_path):
    paths = []
    for number, pickle in enumerate(pickle_bombs()):
        assert len(pickle) <= 1 << 24
        paths.append(tmp_path / f"{number}.pt")
        paths[-1].write_bytes(packed({**members, "constants.pkl": pickle}))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200  # MB


def test_an_empty_tensor_of_impossible_sizes_is_refused(verdict):
    from deploy.test_model_check import TINY, pickled

    sizes = (0,) + (1 << 31,) * 7
    code, message = verdict(packed({**TINY, "constants.pkl": pickled(sizes=sizes, strides=sizes[::-1])}))
    assert code == "model_archive" and "impossible" in message
