"""Programs that do more than an exported model are refused: the same verdict in Python and C++."""

from __future__ import annotations

import io

import pytest
import torch
from deploy.scripted_models import PROGRAM, packed, quiet

from egaze import _core
from egaze.deploy import Predictor
from egaze.errors import ModelFileError


def programmed(members, statement, **more):
    """The model with one more statement before its first."""
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
def test_statements_that_no_model_needs_are_refused(members, refuse, statement):
    refuse(programmed(members, statement), "model_operator", "its program")


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


def test_programs_with_more_than_one_forward_method_are_refused(members, refuse):
    for text in heads(members):
        refuse(packed({**members, PROGRAM: text.encode()}), "model_operator", "its program")


def test_code_that_torch_would_run_while_loading_is_refused(members, tmp_path, refuse):
    """torch.jit.load runs __setstate__, as the first part of the test shows; the check refuses the file before that."""
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
    refuse(path, "model_operator", "data.pkl")
    refuse(packed({**members, PROGRAM: text.encode()}), "model_operator", "continues after the return statement")
    assert not written.exists()


def test_the_operators_of_the_loaded_graph_are_checked_too(members, tmp_path, monkeypatch, c_library):
    allowed = _core.model_operators()
    assert allowed == sorted(allowed) and not {"aten::save", "aten::from_file", "prim::Print"} & set(allowed)
    path = tmp_path / "model.pt"
    path.write_bytes(packed(members))
    fewer = [name for name in allowed if name != "aten::conv2d"]
    monkeypatch.setattr("egaze._core.model_operators", lambda: fewer)
    with pytest.raises(ModelFileError, match=r"aten::conv2d") as caught:
        Predictor(path)
    assert caught.value.code == "model_operator"
