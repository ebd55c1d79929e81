"""No byte of a model file can be changed without being noticed, and its spec has one grammar."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile

import pytest
from deploy.pickled_tensors import TINY, pickled
from deploy.scripted_models import SPEC_NAME, model_sha256, packed, zipped

from egaze.deploy import check_model
from egaze.errors import ModelFileError

SPEC = f"extra/{SPEC_NAME}"
ENTRY, HEADER, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


@pytest.fixture
def verdict(tmp_path, c_library):
    """The code and the message with which Python and C refuse a file, which are the same; "ok" for a valid file."""

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
    """The model with the text of its spec changed by a function, and with a correct digest."""
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
def test_sizes_are_written_as_whole_numbers(members, verdict, key, number):
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
def test_texts_that_could_control_a_terminal_are_refused(members, verdict, key, sign):
    text = f"a{sign}b"
    code, message = verdict(packed(members, **{key: [text, "b"] if key == "class_names" else text}))
    assert code == "model_spec" and f'"{key}"' in message


def test_texts_of_all_scripts_are_accepted_up_to_a_length(members, verdict):
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
def test_specs_that_are_not_strict_json_are_refused(members, verdict, name):
    code, message = verdict(with_spec(members, SPEC_TEXTS[name]))
    assert code == "model_spec", message


def test_unknown_keys_are_ignored(members, verdict):
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
def test_versions_that_torch_does_not_write_are_refused(members, verdict, version):
    code, message = verdict(packed({**members, "version": version.encode()}))
    assert code == "model_archive" and "version" in message


def test_there_must_be_exactly_one_version(members, verdict):
    for version in (b"3", b"3\n", b"10\n"):
        assert verdict(packed({**members, "version": version}))[0] == "ok"
    assert verdict(packed({**members, ".data/version": b"3\n"}))[0] == "model_archive"
    assert verdict(packed({k: v for k, v in members.items() if k != "version"}))[0] == "model_archive"


def entries(content: bytes, field: int, value: bytes, *, both: bool, last: bool = False) -> bytes:
    """Overwrite a field of a directory entry and, with `both`, the same field of the local header."""
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
def test_fields_that_the_digest_does_not_cover_have_one_value(good, verdict, name):
    field, value, both = FIELDS[name]
    for last in (False, True):
        code, message = verdict(entries(good, field, value, both=both, last=last))
        assert code == "model_archive", message


def test_a_hidden_zip64_locator_is_refused(members, verdict):
    """A zip64 locator would be 20 bytes before the end, within the last entry of the directory."""
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


def test_members_are_sorted_and_in_one_folder(members, verdict):
    code, message = verdict(unsorted(members))
    assert code == "model_archive" and "sorted by name" in message
    assert verdict(unsorted(members, "model"))[0] == "model_archive"


def test_every_changed_byte_is_noticed(members, tmp_path):
    """All bytes of the headers, the directory and the end are changed in turn, and many of the contents."""
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
        raise SystemExit("accepted")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_large_pickles_are_refused_with_little_memory(members, tmp_path):
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


def test_an_empty_tensor_with_sizes_that_are_too_large_is_refused(verdict):
    sizes = (0,) + (1 << 31,) * 7
    code, message = verdict(packed({**TINY, "constants.pkl": pickled(sizes=sizes, strides=sizes[::-1])}))
    assert code == "model_archive" and "not allowed" in message
