"""What the translation of a program says of an ONNX graph, which `csrc/archive/onnx` proves and writes."""

from __future__ import annotations

from dataclasses import dataclass

from egaze import _core
from egaze.deploy.spec import ModelSpec

#: The names of the graph's input and outputs.
IMAGE, CLASS_PROBS, HEATMAP, CLASS_HEATMAPS = "image", "class_probs", "heatmap", "class_heatmaps"

#: ONNX's numbers of the types of constants: values are float32, and int64 says shapes.
FLOAT32, INT64 = 1, 7

Attribute = int | float | str | tuple[int, ...]

#: A graph that is not proved; what is said completes a sentence that begins with "its program".
GraphError = _core.ProgramError


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of one dimension: `count`, or `count` for each image of the batch.

    In the second case the elements of one image are adjacent, and the images are in order.
    """

    count: int = 1
    per_image: bool = False


Shape = tuple[Extent, ...]


def result_names(spec: ModelSpec) -> tuple[str, ...]:
    """The names of the results that a spec promises, in their order."""
    return (CLASS_PROBS, HEATMAP, CLASS_HEATMAPS) if spec.class_heatmaps else (CLASS_PROBS, HEATMAP)
