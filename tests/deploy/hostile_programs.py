"""Programs in model files that could do harm, by kind. The files are otherwise valid, with correct digests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

#: Functions that yield programs, by the kind of harm.
KINDS: dict[str, Callable[[str], Iterator[str]]] = {}

MIN_INT, MAX_INT = "torch.sub(-9223372036854775807, 1)", "9223372036854775807"
# From depths that a parser allows to depths that overflow any stack.
DEPTHS = (20, 300, 5_000, 200_000)


def kind(make: Callable[[str], Iterator[str]]) -> Callable[[str], Iterator[str]]:
    """Register a function under its name."""
    KINDS[make.__name__] = make
    return make


def before(program: str, *lines: str) -> str:
    """The program with lines before its first statement."""
    head, arrow, body = program.partition("Tuple[Tensor, Tensor]:\n")
    return head + arrow + "".join(f"    {line}\n" for line in lines) + body


def instead(program: str, probs: str, heatmap: str, *lines: str) -> str:
    """The program with lines before its return statement, which returns other values than `probs` and `heat`."""
    body, _, last = program.rstrip("\n").rpartition("    return (")
    first, second = last.removesuffix(")").split(", ", 1)
    own = [f"probs = {first}", f"heat = {second}", *lines, f"return ({probs}, {heatmap})"]
    return body + "".join(f"    {line}\n" for line in own)


def counted(program: str, number: str) -> str:
    """The program with probabilities that depend on a number."""
    return instead(program, "torch.add(probs, torch.mul(n, 0))", "heat", f"n = {number}")


@kind
def deep_parentheses(program: str) -> Iterator[str]:
    for depth in DEPTHS:
        yield before(program, "x = " + "(" * depth + "image" + ")" * depth)
        yield before(program, "x = " + "(" * depth)


@kind
def deep_lists(program: str) -> Iterator[str]:
    for depth in DEPTHS:
        yield before(program, "x = " + "[" * depth + "1" + "]" * depth)
        yield before(program, "x = " + "{1: " * depth + "1" + "}" * depth)
        yield before(program, "x = " + "(1, " * depth + "1" + ")" * depth)


@kind
def deep_calls(program: str) -> Iterator[str]:
    for depth in DEPTHS:
        yield before(program, "x = " + "torch.relu(" * depth + "image" + ")" * depth)
        yield counted(program, "torch.add(1, " * depth + "1" + ")" * depth)


@kind
def deep_types(program: str) -> Iterator[str]:
    for name in ("List", "Optional", "Tuple", "Dict[int, "):
        opening = name if name.endswith(" ") else name + "["
        for depth in DEPTHS:
            kind_of = opening * depth + "int" + "]" * depth
            yield before(program, f"x = annotate({kind_of}, [])")


@kind
def deep_blocks(program: str) -> Iterator[str]:
    for opening in ("if True:", "for i in range(1):", "for i in range(2):"):
        for depth in (5, 100, 600, 3_000):
            lines = ["  " * i + opening for i in range(depth)]
            yield before(program, *lines, "  " * depth + "x = 1")


@kind
def long_chains(program: str) -> Iterator[str]:
    for length in (5_000, 100_000):
        yield instead(program, "probs", "heat", *["heat = torch.relu(heat)"] * length)
        yield before(program, *["x = torch.add(1, 1)"] * length)
        yield before(program, "x = [" + "1, " * length + "1]")
        yield before(program, "x" * length + " = 1")
        yield before(program, "x = " + "1" * length)
        yield before(program, 'x = "' + "x" * length + '"')


@kind
def lists_that_hold_themselves(program: str) -> Iterator[str]:
    for change in ("torch.append(x, x)", "torch.insert(x, 0, x)", "torch.extend(x, [x])", "x = [x, x]"):
        yield before(program, "x = annotate(List[Any], [])", change)
        yield before(program, "x = annotate(List[Any], [])", *[change] * 40)
        yield before(program, "x = annotate(List[Any], [])", change, "y = torch.eq(x, x)")
    yield before(program, "x = annotate(Dict[str, Any], {})", 'torch._set_item(x, "a", x)')
    yield before(program, "x = [1]", "for i in range(40):", "  torch.extend(x, x)")


@kind
def dtypes_that_are_none(program: str) -> Iterator[str]:
    for dtype in (-1, 9, 12, 13, 14, 16, 17, 22, 27, 45, 127, 128, 255, 256, 2**31, 2**32, 2**63 - 1):
        yield instead(program, "probs", "torch.to(x, 6)", f"x = torch.to(heat, {dtype})")
        yield instead(program, "torch.to(x, 6)", "heat", f"x = torch.softmax(probs, 1, {dtype})")
        yield before(program, f"x = torch.zeros([2], dtype={dtype})")
        yield before(program, f"x = torch.full([2], 1, dtype={dtype})", "y = torch.add(x, x)")
    for layout in (-1, 1, 2, 6, 255, 2**31):
        yield before(program, f"x = torch.zeros([2], dtype=6, layout={layout})", "y = torch.add(x, 1)")
        yield before(program, f"x = torch.contiguous(image, memory_format={layout})")


@kind
def types_that_lie(program: str) -> Iterator[str]:
    for value in ("5", "1.5", "True", '"text"', "[1, 2]", "[image]", "(image, image)", "None", "annotate(Any, 5)"):
        for claimed in ("Tensor", "List[Tensor]", "str", "Dict[str, Tensor]", "Tuple[Tensor, Tensor]"):
            cast = f"unchecked_cast({claimed}, annotate(Any, {value}))"
            use = {"Tensor": "torch.relu(x)", "List[Tensor]": "torch.cat(x)", "str": "torch.len(x)"}
            yield before(program, f"x = {cast}", "y = " + use.get(claimed, "torch.len(x)"))
    yield before(
        program, "x = unchecked_cast(List[Tensor], annotate(Any, [4702111234474983745, 5]))", "y = torch.cat(x)"
    )
    yield before(program, "x = uninitialized(Tensor)", "y = torch.relu(x)")
    yield before(program, "x = uninitialized(List[Tensor])", "y = torch.cat(x)")
    yield instead(program, "annotate(Tensor, 5)", "heat")


@kind
def integers_at_run_time(program: str) -> Iterator[str]:
    zero = "torch.sub(torch.size(image, 0), torch.size(image, 0))"
    for divide in ("floordiv", "remainder", "div", "fmod", "floor_divide", "pow"):
        for above, below in (("1", zero), (MIN_INT, "torch.neg(torch.size(image, 0))"), (MIN_INT, "-1"), ("7", "0")):
            yield counted(program, f"torch.{divide}({above}, {below})")
    for operation in ("add", "sub", "mul"):
        yield counted(program, f"torch.{operation}({MAX_INT}, {MAX_INT})")
    yield counted(program, f"torch.neg({MIN_INT})")
    yield counted(program, f"torch.abs({MIN_INT})")
    yield counted(program, f"torch.__lshift__(1, {MAX_INT})")
    yield counted(program, "torch.Int(1e300)")
    yield counted(program, "torch.Int(torch.sum(image))")


@kind
def loops_without_end(program: str) -> Iterator[str]:
    for count in (MAX_INT, "2000000000", "torch.mul(torch.size(image, 2), 1000000000)"):
        yield counted(program, "0").replace(
            "    n = 0\n", f"    n = 0\n    for i in range({count}):\n      n = torch.add(n, 1)\n"
        )
        yield before(program, "x = image", f"for i in range({count}):", "  x = torch.relu(x)")
    yield before(program, "n = 0", "go = True", "while go:", "  n = torch.add(n, 1)")
    yield before(program, *["  " * i + "for i in range(100000):" for i in range(5)], "          x = 1")


@kind
def texts(program: str) -> Iterator[str]:
    for grow in ('torch.format("{}{}", s, s)', "torch.add(s, s)", "torch.join(s, [s, s])", "torch.mul(s, 1000)"):
        yield before(program, 's = "aaaaaaaaaaaaaaaa"', "for i in range(40):", f"  s = {grow}", "n = torch.len(s)")
        yield before(program, 's = "aaaaaaaaaaaaaaaa"', *[f"s = {grow}"] * 30)
    for text in ("\\x1b[2J\\n", "%s%n", "\\0", "\\ud800", "a" * 100_000):
        yield before(program, f's = "{text}"')


@kind
def large_memory(program: str) -> Iterator[str]:
    for size in ("1000000000", "[40000, 40000]", "[2000000000]", f"[{MAX_INT}]", f"[{MAX_INT}, 2]", "[-1]"):
        sizes = size if size.startswith("[") else f"[{size}]"
        for make in ("torch.full({}, 1.)", "torch.zeros({})", "torch.ones({})", "torch.new_full(image, {}, 1.)"):
            yield before(program, "x = " + make.format(sizes), "y = torch.mean(x)")
        yield before(program, f"x = torch.expand(torch.ones([1]), {sizes})", "y = torch.add(x, 1)")
    for grow in (
        "torch.arange(2000000000)",
        "torch.linspace(0, 1, 2000000000)",
        "torch.repeat(image, [1, 1, 10000, 10000])",
        "torch.pad(image, [100000, 100000, 10000, 10000])",
        "torch.upsample_nearest2d(image, [100000, 100000])",
        "torch.conv_transpose2d(image, CONSTANTS.c6, None, [10000, 10000])",
        "torch.repeat_interleave(image, 100000000, 1)",
        "torch.matmul(torch.ones([100000, 1]), torch.ones([1, 100000]))",
        "torch.mul(torch.ones([100000, 1]), torch.ones([1, 100000]))",
        "torch.cat([image, image])",
    ):
        yield before(program, f"x = {grow}", "y = torch.mean(x)")
    yield before(program, "x = image", *["x = torch.cat([x, x])"] * 40)
    yield before(program, "x = torch.ones([4000, 4000])", *["x = torch.matmul(x, x)"] * 400)
    yield before(
        program, "l = annotate(List[Tensor], [])", "for i in range(1000000):", "  torch.append(l, torch.ones([1000]))"
    )


@kind
def own_operators(program: str) -> Iterator[str]:
    for name in ("egaze::depthwise", "egaze::excited", "egaze::conv2d", "mkldnn::_convolution_pointwise", "egaze::x"):
        for arguments in ("image", "image, image, image", "1", ""):
            yield before(program, f"x = ops.{name.replace('::', '.')}({arguments})")


@kind
def squeeze_and_excitation(program: str) -> Iterator[str]:
    """Squeeze and excitation that graph rewriting recognises, with tensors whose shapes broadcast."""
    for features, weighed in (("input0", "input0"), ("input0", "input1"), ("image", "input0"), ("input0", "image")):
        for keep, dims in (("True", "[2, 3]"), ("False", "[2, 3]"), ("True", "[3]"), ("True", "[1, 2, 3]")):
            yield instead(
                program,
                "probs",
                "torch.sigmoid(torch.mean(w, [1], True))",
                f"m = torch.mean({features}, {dims}, {keep})",
                "r = torch.relu(torch.conv2d(m, CONSTANTS.c6, CONSTANTS.c7))",
                "e = torch.sigmoid(torch.conv2d(r, CONSTANTS.c0))",
                f"w = torch.mul({weighed}, e)",
            )


@kind
def constants_changed_in_place(program: str) -> Iterator[str]:
    for change in (
        "mul_(c, 0.5)", "add_(c, 1)", "sub_(c, 1)", "div_(c, 2)", "clamp_(c, 0, 1)", "relu_(c)", "sigmoid_(c)",
        "zero_(c)", "fill_(c, 1)", "copy_(c, c)", "add_(torch.slice(c, 0, 0, 1), 1)", "add_(torch.select(c, 0, 0), 1)",
        "mul_(torch.view(c, [-1]), 0)", "add_(torch.detach(c), 1)", "unsqueeze_(c, 0)", "tanh_(torch.t(c))",
        "_set_item([c], 0, c)", "resize_(c, [1])", "set_(c, image)", "silu_(torch.permute(c, [0]))",
    ):  # fmt: skip
        for constant in ("CONSTANTS.c3", "CONSTANTS.c4"):
            yield before(program, f"c = {constant}", f"x = torch.{change}")
    yield instead(
        program, "probs", "torch.sigmoid(prev)", "c = CONSTANTS.c5", "prev = torch.add(heat, torch.mean(c))",
        "y = torch.mul_(c, 0.)", "z = torch.add_(c, torch.mean(image))",
    )  # fmt: skip


@kind
def values_changed_in_place(program: str) -> Iterator[str]:
    for lines in (
        ("x = torch.add_(image, 1.)",),
        ("x = torch.mul_(torch.slice(image, 2, 0, 4), 0.)",),
        ("x = torch.relu_(input0)", "heat = torch.sigmoid(torch.mean(torch.add(x, input0), [1], True))"),
        ("y = torch.conv2d(input0, CONSTANTS.c2, None, [1, 1], [1, 1])", "z = torch.add_(input0, y)",
         "heat = torch.sigmoid(torch.mean(torch.add(input0, z), [1], True))"),
        ("x = torch.expand(torch.mean(image, [2, 3], True), [-1, -1, 32, 24])", "y = torch.add_(x, 1.)"),
    ):  # fmt: skip
        yield before(program, lines[0]) if len(lines) == 1 else instead(program, "probs", "heat", *lines)


@kind
def odd_outputs(program: str) -> Iterator[str]:
    for dtype in (0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 15, 23, 24):
        yield instead(program, f"torch.to(probs, {dtype})", "heat")
        yield instead(program, "probs", f"torch.to(heat, {dtype})")
    for probs in (
        "torch.mul(probs, 1e30)", "torch.sub(probs, 1.)", "torch.log(torch.mul(probs, 0.))", "torch.div(probs, 0.)",
        "torch.slice(probs, 1, 0, 2)", "torch.unsqueeze(probs, 0)", "torch.cat([probs, probs])", "torch.t(probs)",
        "torch.expand(torch.mean(probs), [1, 3])", "torch.to_sparse(probs)", "image", "logits", "None", "1", "[probs]",
        "(probs, probs)", "torch.select(probs, 0, 0)", "torch.zeros([0])", "torch.round(probs)",
    ):  # fmt: skip
        yield instead(program, probs, "heat")
    for heatmap in (
        "torch.mul(heat, 1e30)", "torch.sub(heat, 2.)", "torch.sqrt(torch.sub(heat, 2.))", "torch.squeeze(heat, 0)",
        "torch.transpose(heat, 2, 3)", "torch.flatten(heat)", "torch.slice(heat, 2, 0, 8)", "probs", "features",
        "torch.expand(torch.mean(heat), [1, 1, 32, 24])", "torch.gt(heat, 0.5)", "torch.Float(torch.mean(heat))",
    ):  # fmt: skip
        yield instead(program, "probs", heatmap)


@kind
def exceptions(program: str) -> Iterator[str]:
    for text in ("boom", "a\\nb", "\\x1b[31mred", "x" * 10_000):
        for kind_of in ("", ', "ValueError"', ', "builtins.SystemExit"', ', "os._exit"', ", 5"):
            yield before(program, f'ops.prim.RaiseException("{text}"{kind_of})')
        yield before(program, f'raise AssertionError("{text}")')
    yield before(program, "assert False")
    yield before(program, "if torch.gt(torch.mean(image), 0.3):", '  ops.prim.RaiseException("bright")')


@kind
def shapes_that_follow_from_data(program: str) -> Iterator[str]:
    for lines in (
        ("n = torch.Int(torch.gt(torch.sum(image), 0.))", "x = torch.pad(image, [n, n, n, n])"),
        ("n = torch.Int(torch.sum(image))", "x = torch.slice(image, 2, 0, n)"),
        ("n = torch.Int(torch.sum(image))", "x = torch.ones([n, n])"),
        ("n = torch.Int(torch.sum(image))", "x = torch.repeat(image, [n, n, n, n])"),
        ("x = torch.nonzero(image)",),
        ("x = torch.masked_select(image, torch.gt(image, 0.))",),
        ("x = torch.index(image, [torch.gt(image, 0.5)])",),
        ("x = torch.repeat_interleave(torch.flatten(image), torch.to(torch.flatten(image), 4))",),
        ("if torch.Bool(torch.gt(torch.mean(image), 0.5)):", "  x = torch.relu(image)", "else:", "  x = image"),
        ("for i in range(torch.Int(torch.mul(torch.sum(image), 1e6))):", "  x = torch.relu(image)"),
    ):
        yield before(program, *lines)


@kind
def places_outside(program: str) -> Iterator[str]:
    for call in (
        "as_strided(image, [1000000], [1])", "as_strided(image, [4], [1], -4)",
        "as_strided(image, [4], [1], 1000000000)",
        "select(image, 0, 5)", "select(image, 9, 0)", "narrow(image, 2, 30, 30)", "narrow(image, 2, -5, 5)",
        "index_select(image, 2, torch.full([3], 1000000, dtype=4))",
        "gather(image, 2, torch.full([1, 1, 1, 1], -7, dtype=4))",
        "embedding(image, torch.full([1], 99999, dtype=4))", "take(image, torch.full([1], 99999999, dtype=4))",
        "permute(image, [0, 1, 2, 9])", "permute(image, [0, 0, 0, 0])", "view(image, [-1, -1])", "view(image, [-2])",
        "reshape(image, [0, -1])", "flip(image, [99])", "roll(image, [9223372036854775807], [2])",
        "diagonal(image, 1000)",
        "max_pool2d(image, [0, 0])", "max_pool2d(image, [3, 3], [0, 0])", "avg_pool2d(image, [2, 2], [-1, -1])",
        "conv2d(image, CONSTANTS.c0, None, [0, 0])", "conv2d(image, CONSTANTS.c0, None, [1, 1], [-3, -3])",
        "conv2d(image, CONSTANTS.c0, None, [1, 1], [1, 1], [0, 0])",
        "conv2d(image, CONSTANTS.c0, None, [1], [1], [1], 0)",
        "conv2d(image, CONSTANTS.c0, None, [1, 1], [1, 1], [1, 1], -1)", "conv2d(image, CONSTANTS.c4)",
        "conv2d(image, CONSTANTS.c0, CONSTANTS.c5)", "group_norm(image, 0)", "group_norm(image, -1)",
        "pixel_shuffle(image, 0)",
        "pixel_shuffle(image, -1)", "reflection_pad2d(image, [90, 90, 90, 90])", "upsample_nearest2d(image, [0, 0])",
        "upsample_nearest2d(image, [-1, -1])", "upsample_bilinear2d(image, [4], True)",
        "adaptive_avg_pool2d(image, [-1, 2])",
        "split(image, 0)", "split_with_sizes(image, [-1, 2])", "chunk(image, 0)", "softmax(image, 99)",
        "mean(image, [2, 2])",
        'einsum("abcd,efgh->abcdefgh", [image, image])', 'einsum("", [image])', "layer_norm(image, [])",
        "batch_norm(image, None, None, None, None, True, 0.1, 1e-5, True)",
        "scaled_dot_product_attention(image, image, probs)",
    ):  # fmt: skip
        yield before(program, f"x = torch.{call}", "y = torch.add(x, 1)")


@kind
def numbers_by_chance(program: str) -> Iterator[str]:
    for call in (
        "rand([4])",
        "randn_like(image)",
        "empty([4])",
        "empty_like(image)",
        "bernoulli(image)",
        "new_empty(image, [9])",
    ):
        yield instead(program, "probs", f"torch.clamp(torch.add(heat, torch.mean(torch.{call})), 0., 1.)")
    yield instead(program, "probs", "torch.sigmoid(torch.mean(torch.dropout(features, 0.5, True), [1], True))")


@kind
def reaches_outside(program: str) -> Iterator[str]:
    for line in (
        'x = torch.from_file("/etc/passwd", False, 10, dtype=0)', 'torch.save(image, "/tmp/x")', 'print("x")',
        "import os",
        "x = self.training", "x = __torch__.os.system", "x = ops.prim.CallFunction(image)", "def f(x): return x",
        "x = image.cpu()", "x = getattr(image, x)", "x = fork(image)", 'x = "{}".format(image)', "x = lambda y: y",
    ):  # fmt: skip
        yield before(program, line)


@kind
def strange_letters(program: str) -> Iterator[str]:
    for line in (
        "x = 1\0", "x\0 = 1", "\tx = 1", "x = 1\r", "x = 1\x0c", "x = caf\u00e9", "x = \u202e1", "x = 1 # no",
        "x = 1; y = 2",
        "x = \\\n1", "x = 'a'", "x = f\"a\"", 'x = """a"""', 'x = "a', "x = 1_000", "x = 0x10", "x = 0b1", "x = 3j",
        "x = 1e999",
        "x = 1" + "0" * 400, "x = .5", "x = 5.", "x = 1e", "x = 1.2.3", "x = --1", "x = +1", "x = ~1", "x = `1`",
        "x = $1",
        "x = (1", "x = 1)", "x = [1", "x = ]", "x =", "= 1", "x", "x = x", "x = y", "1 = 1", "x, y = 1", "x: int = 1",
        "return (image, image)", "return None", "pass", "break", "continue", "yield 1", "del image", "global x",
        "async x",
    ):  # fmt: skip
        yield before(program, line)


@kind
def names_that_hide_others(program: str) -> Iterator[str]:
    for name in (
        "torch",
        "ops",
        "CONSTANTS",
        "self",
        "annotate",
        "Tensor",
        "int",
        "__torch__",
        "True",
        "None",
        "forward",
    ):
        yield before(program, f"{name} = image")
        yield before(program, f"x = {name}")


@kind
def other_forms(program: str) -> Iterator[str]:
    yield program.replace("forward", "backward")
    yield program.replace("  __buffers__ = []\n", '  __buffers__ = ["x"]\n')
    yield program.replace("  __buffers__ = []\n", "  __buffers__ = []\n  training : bool\n")
    yield program.replace("image: Tensor", "image: str")
    yield program.replace("image: Tensor", "image: Tensor, more: int=5")
    yield program.replace("Tuple[Tensor, Tensor]:", "Tensor:")
    yield program.replace("class Model(Module)", "class Model(Interface)")
    yield program.replace("class Model(Module)", "class Model(NamedTuple)")
    yield program + "  def __setstate__(self: __torch__.egaze.Model, state: int) -> None:\n    pass\n"
    yield program + program
    yield program + "class Other(Module):\n  __parameters__ = []\n"
    yield "import os\n" + program
    yield program.split("    return")[0]
    yield program.replace("\n", "\r\n")
    yield program.rstrip("\n")
    yield program + "\0"
    yield ""
