"""The pickle of a model's tensors is checked before anything unpickles it: the same verdict in Python and C++."""

from __future__ import annotations

import pytest
from deploy.pickled_tensors import TINY, pickled
from deploy.scripted_models import packed

from egaze.deploy import Predictor, check_model

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
    (pickled(strides=(-1,)), "model_archive", "not allowed"),
    (pickled(sizes=(1 << 62,)), "model_archive", "not allowed"),
    (pickled(sizes=(1 << 20, 1 << 20), strides=(0, 0)), "model_archive", "not allowed"),
    (pickled(sizes=(1,) * 9, strides=(1,) * 9), "model_archive", "no sizes"),
    (pickled(end=b"."), "model_archive", "other than a tuple of tensors"),
    (pickled(end=b"\x85.."), "model_archive", "other than a tuple of tensors"),
    (pickled(end=b""), "model_archive", "no end"),
    (pickled(end=b"t."), "model_archive", "too few values"),
    (DEEP, "model_archive", "nested too deeply"),
    (MEMORY, "model_archive", "a wrong key"),
    (b"\x80\x02X\xff\xff\xff\xff.", "model_archive", "too long"),
    (b"\x80\x04.", "model_operator", "another protocol"),
    (b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.", "model_operator", "'os system'"),
    (b"\x80\x02c__torch__.egaze\nModel\n)\x81.", "model_operator", "egaze Model"),
    (pickled(storage="UntypedStorage"), "model_operator", "UntypedStorage"),
    (b"\x80\x02}.", "model_operator", "instruction 125"),
]


def test_a_pickle_of_tensors_is_accepted(tmp_path, c_library):
    path = tmp_path / "model.pt"
    path.write_bytes(packed({**TINY, "constants.pkl": pickled()}))
    check_model(path)
    Predictor(path)
    assert c_library.code_of(path) == "ok"


@pytest.mark.parametrize(("pickle", "code", "message"), PICKLES)
def test_other_pickles_are_refused(refuse, pickle, code, message):
    refuse(packed({**TINY, "constants.pkl": pickle}), code, message)
