"""Model files that differ from exported ones in anything but the program, by kind, each with its expected code.

Digests are correct where the kind of file allows it. `hostile_programs` has the programs.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator

from deploy.scripted_models import SPEC_NAME, model_sha256, packed, zipped

Members = dict[str, bytes]
Forged = Iterator[tuple[bytes, str]]

#: Functions that yield files and their expected codes, by the kind of file.
KINDS: dict[str, Callable[[Members], Forged]] = {}

SPEC, PROGRAM = f"extra/{SPEC_NAME}", "code/__torch__/egaze.py"
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def kind(make: Callable[[Members], Forged]) -> Callable[[Members], Forged]:
    """Register a function under its name."""
    KINDS[make.__name__] = make
    return make


def with_spec(members: Members, change: Callable[[str], str]) -> bytes:
    """The model with the text of its spec changed, and with a correct digest."""
    with zipfile.ZipFile(io.BytesIO(packed(members))) as file:
        spec = json.loads(file.read(f"egaze/{SPEC}"))
    text = change(json.dumps({**spec, "model_sha256": "0" * 64}, ensure_ascii=False))
    sha = model_sha256({**members, SPEC: text.encode()})
    return zipped({**members, SPEC: text.replace("0" * 64 + '"}', sha + '"}').encode()})


def written_over(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


@kind
def cut_files(members: Members) -> Forged:
    good = packed(members)
    for share in (0.0, 0.001, 0.01, 0.3, 0.5, 0.9, 0.99):
        yield good[: int(share * len(good))], "model_truncated"
    yield good[:-1], "model_truncated"
    yield good + b"\0", "model_truncated"
    yield good + good, "model_archive"
    yield b"\0" + good, "model_foreign"
    yield bytes(len(good)), "model_foreign"
    yield b"PK", "model_truncated"


@kind
def changed_headers(members: Members) -> Forged:
    """Change each field of the first and the last directory entry, of their local headers, and of the end record."""
    good = packed(members)
    for magic, fields in (
        (LOCAL, (4, 6, 8, 10, 12, 14, 18, 22, 26, 28, 30)),
        (CENTRAL, (4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 30, 32, 34, 36, 38, 42, 46)),
    ):
        for begin in (good.index(magic), good.rindex(magic)):
            for field in fields:
                for value in (b"\x01\x00", b"\xff\xff"):
                    changed = written_over(good, begin + field, value)
                    if changed != good:
                        yield changed, "model_archive"
    end = good.rindex(END)
    for field in (4, 6, 8, 10, 12, 14, 16, 18):
        yield written_over(good, end + field, b"\xff\xff"), ""
    yield written_over(good, end + 20, b"\x01\x00"), "model_truncated"


@kind
def second_directories(members: Members) -> Forged:
    """Hide a zip64 record or a second archive where only some zip readers look."""
    good = packed(members)
    end = good.rindex(END)
    for offset in range(4, 40):
        yield written_over(good, end - offset, b"PK\x06\x07"), ""
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, 0, 1)
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, 46, 0)
    yield good[:end] + locator + good[end:], "model_archive"
    yield good[:end] + record + locator + good[end:], "model_archive"
    directory = good.index(CENTRAL)
    yield (
        good[:directory] + b"\0" + good[directory : end + 16] + struct.pack("<I", directory + 1) + b"\0\0",
        "model_archive",
    )


@kind
def member_names(members: Members) -> Forged:
    for name in (
        "../../etc/passwd", "/etc/passwd", "a//b", "na\tme", "na\x1b[2Jme", "caf\u00e9", "Data.pkl", "constants/007",
        "constants/1000000", "constants/x", "code/more.py", "extra/more", ".data/serialization_id", "n" * 300,
    ):  # fmt: skip
        yield zipped({**members, **contents(members), name: b"x"}), ""
    for name in members:
        yield packed({other: content for other, content in members.items() if other != name}), ""
        yield packed(members).replace(f"egaze/{name}".encode(), f"ogaze/{name}".encode()), "model_archive"
    for size in (0, 1, 95, 97, 1 << 20):
        yield packed({**members, "signature": bytes(size)}), "model_archive"


def contents(members: Members) -> Members:
    """The members of a valid archive, with its spec."""
    with zipfile.ZipFile(io.BytesIO(packed(members))) as file:
        return {name.removeprefix("egaze/"): file.read(name) for name in file.namelist()}


@kind
def versions(members: Members) -> Forged:
    for version in (
        "",
        "0",
        "2",
        "11",
        "-3",
        "03",
        " 3",
        "3.0",
        "0x3",
        "3\n\n",
        "three",
        "9" * 26,
        "9" * 64,
        "3\0",
        "\n",
        "1e1",
    ):
        yield packed({**members, "version": version.encode()}), "model_archive"
    yield packed({**members, ".data/version": b"3\n"}), "model_archive"
    for order in (b"big", b"", b"little\0", b"LITTLE"):
        yield packed({**members, "byteorder": order}), "model_archive"


@kind
def spec_numbers(members: Members) -> Forged:
    sizes = {"input_height_px": "32", "input_width_px": "24", "canvas_height_px": "32", "canvas_width_px": "24"}
    for key, size in sizes.items():
        for number in (
            f"{size}.0",
            f"{size}e0",
            "3.2e1",
            "0",
            "-1",
            "4097",
            "1e400",
            "032",
            "true",
            '"32"',
            "null",
            "9" * 400,
        ):
            wrong = f'"{key}": {number}'
            yield (
                with_spec(
                    members, lambda text, key=key, size=size, wrong=wrong: text.replace(f'"{key}": {size}', wrong)
                ),
                "model_spec",
            )


@kind
def spec_texts(members: Members) -> Forged:
    for key in ("recipe", "egaze_version", "torch_version", "training_split_sha256"):
        for sign in ("\0", "\n", "\r", "\x1b[2J", "\x7f", "\x9b2J", "\u2028", "\u202e"):
            yield packed(members, **{key: f"a{sign}b"}), "model_spec"
        yield packed(members, **{key: "a" * 257}), "model_spec"
        yield packed(members, **{key: 5}), "model_spec"
    for names in ([], ["a", "a"], ["a", ""], ["a", 5], ["a\nb"], [f"{i}" for i in range(5000)], "abc", {"a": 1}):
        yield packed(members, class_names=names), "model_spec"
    for key, value in (
        ("fit", "crop"),
        ("precision", "fp8"),
        ("class_probs", "argmax"),
        ("presentation", "RAW"),
        ("heatmap_head", 1),
    ):
        yield packed(members, **{key: value}), "model_spec"


@kind
def spec_json(members: Members) -> Forged:
    for before in (
        '"fit": "stretch", ', '"a": 1, "a": 2, ', '"f\\u0069t": "stretch", ', '"a": NaN, ', '"a": "\\ud800", ',
        "'a': 1, ",
        '"a": ' + "[" * 100_000 + "]" * 100_000 + ", ", '"a": ' + '{"a":' * 40 + "1" + "}" * 40 + ", ",
        '"a": "' + "x" * (1 << 20) + '", ', "".join(f'"k{i}": 0, ' for i in range(1025)),
        '"a": [' + "[" * 500_000 + ", ",
    ):  # fmt: skip
        yield with_spec(members, lambda text, before=before: "{" + before + text[1:]), "model_spec"
    for text in ("", "{", "[]", "null", "{}", "\ufeff{}", "[" * 1_000_000, '"' * 1000, "{}" * 1000):
        yield zipped({**members, SPEC: text.encode()}), "model_spec"
    yield packed(members, format_version=6), "model_version"
    yield packed(members, format_version=1), "model_version"
    yield packed(members, model_sha256="A" * 64), "model_spec"
    yield packed(members, model_sha256="a" * 64), "model_digest"


@kind
def pickles(members: Members) -> Forged:
    start = b"\x80\x02"
    good = members["constants.pkl"]
    for pickle in (
        start + b"(" * ((1 << 24) - 2), start + b")" * ((1 << 24) - 2), start + b"K\0" * ((1 << 23) - 1),
        start + b"\x85" * 20 + b".",
        start + b")" + b"\x85" * 100_000 + b".", start + b"X\xff\xff\xff\xff.", start + b"X\xff\xff\xff\x7f.",
        start + b".",
        start + b"t.", start + b"(t", start + b")q\x05.", start + b"h\0.", start + b")r\xff\xff\xff\x7f.", start, b"",
        start + b")" + b"".join(b"r" + struct.pack("<I", i) for i in range(600_000)) + b".", good + b".", good[:-1],
        good[:50],
        bytes(1 << 24) + b".",
    ):  # fmt: skip
        yield packed({**members, "constants.pkl": pickle}), ""
    for pickle in (
        b"\x80\x04.", start + b"cos\nsystem\n(X\x02\0\0\0lstR.", start + b"c__torch__.egaze\nModel\n)\x81.",
        start + b"}.", start + b"].",
        start + b"N.", start + b"cbuiltins\neval\n(X\x01\0\0\x001tR.", start + b"c" + b"\x1b[2J" * 10 + b"\nx\n.",
        good.replace(b"FloatStorage", b"BoolStorage"), good.replace(b"FloatStorage", b"UntypedStorage"),
    ):  # fmt: skip
        yield packed({**members, "constants.pkl": pickle}), "model_operator"
    for storage in (b"DoubleStorage", b"HalfStorage", b"LongStorage", b"BFloat16Storage"):
        yield packed({**members, "constants.pkl": good.replace(b"FloatStorage", storage)}), "model_archive"
    for place, byte in enumerate(good):
        if place % 23 == 0:
            yield packed({**members, "constants.pkl": written_over(good, place, bytes([byte ^ 0x41]))}), ""
    for pickle in (b"", b"\x80\x02.", members["data.pkl"] + b".", members["data.pkl"].replace(b"}", b"}X\1\0\0\0ans")):
        yield packed({**members, "data.pkl": pickle}), "model_operator"


@kind
def storages_of_other_sizes(members: Members) -> Forged:
    for name in ("constants/0", "constants/5"):
        for content in (b"", members[name][:-1], members[name] + b"\0", members[name] * 2, bytes(1 << 22)):
            yield packed({**members, name: content}), "model_archive"


@kind
def weights_that_are_no_numbers(members: Members) -> Forged:
    """Weights that the check accepts, and whose predictions are refused in the same way everywhere."""
    for value in (float("nan"), float("inf"), -float("inf")):
        yield packed({**members, "constants/1": struct.pack("<f", value) * 8}), "model_failed"


@kind
def promises_not_kept(members: Members) -> Forged:
    for names in (["a"], ["a", "b"], list("abcd")):
        yield packed(members, class_names=names), "model_operator"
