"""The precisions of the steps of a program that computes in bfloat16, for the exporter.

The C++ loader, which can cast a model on loading, is tested with the same table (tests/cpp/test_precision.cpp).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from egaze.deploy import torchscript
from egaze.deploy.graph import compute_in

PROGRAMS = json.loads((Path(__file__).parent / "precision_rule.json").read_text(encoding="utf-8"))["programs"]


def frozen(program: dict) -> torch.jit.ScriptModule:
    torch.manual_seed(0)
    with torchscript._quiet():
        # A new class for each program, because torch.jit keeps one program per class.
        holder = type("Program", (torch.nn.Module,), {})()
        for name, shape in program["parameters"].items():
            holder.register_parameter(name, torch.nn.Parameter(torch.randn(shape), requires_grad=False))
        module = torch.jit.script(holder)
        module.define("def forward(self, image):\n" + "".join(f"    {line}\n" for line in program["body"]))
        return torch.jit.freeze(module.eval())


def computed_in(graph: torch.Graph) -> list[list[str]]:
    """Return the operators that return a tensor, except casts and constants, with the types of their results."""
    observed = graph.copy()
    for _ in list(observed.outputs()):
        observed.eraseOutput(0)
    kinds = []
    for node in observed.nodes():
        if node.kind() not in ("prim::Constant", "prim::ListConstruct", "prim::TupleConstruct", "aten::to"):
            kinds.append(node.kind())
            observed.registerOutput(node.output())
    observed.makeMultiOutputIntoTuple()
    observed.eraseInput(0)  # the module, which a frozen program does not use
    outputs = torch._C._create_function_from_graph("observed", observed)(torch.rand(2, 1, 12, 10))
    return [[kind, str(value.dtype).removeprefix("torch.")] for kind, value in zip(kinds, outputs, strict=True)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_exporter_follows_the_table(name):
    program = frozen(PROGRAMS[name])
    before = computed_in(program.graph)
    assert {dtype for _, dtype in before} == {"float32"}
    compute_in(program.graph, torch.bfloat16)
    assert computed_in(program.graph) == PROGRAMS[name]["computed_in"]
