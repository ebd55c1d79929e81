"""A tiny model's members, and the pickle of its one tensor."""

from __future__ import annotations

import struct

import numpy as np
from deploy.scripted_models import PROGRAM


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
