"""Operations that are written in others, where there is no kernel of their own.

A recipe adds ONNX nodes; these are converted in place of the node. All are written for one operator
set, whatever the file's.
"""

from __future__ import annotations

import math

import numpy as np
import onnx

from edge_runtime.importers.onnx.constants import bounded
from edge_runtime.importers.onnx.steps import Recipe, Steps, reduced_axes
from edge_runtime.importers.onnx.values import axis_in
from edge_runtime.importers.unsupported import UnsupportedError


def _sum(steps: Steps) -> None:
    first, *others = steps.node.inputs
    for other in others:
        first = steps("Add", first, other)
    steps("Identity", first, output=steps.node.outputs[0])


def _mean(steps: Steps) -> None:
    first, *others = steps.node.inputs
    for other in others:
        first = steps("Add", first, other)
    factor = steps.number(1 / len(steps.node.inputs))
    steps("Mul", first, factor, output=steps.node.outputs[0])


def _reduction(steps: Steps, operation: str, source: str, *, keep: bool, output: str = "") -> str:
    axes = reduced_axes(steps.build, steps.node)
    if not axes:
        return steps("Identity", source, output=output)
    return steps(operation, source, steps.integers(axes), keepdims=int(keep), output=output)


def _keeps(steps: Steps) -> bool:
    return bool(steps.node.integer("keepdims", 1))


def _reduce_l1(steps: Steps) -> None:
    size = steps("Abs", steps.node.inputs[0])
    _reduction(steps, "ReduceSum", size, keep=_keeps(steps), output=steps.node.outputs[0])


def _reduce_sum_square(steps: Steps) -> None:
    square = steps("Mul", steps.node.inputs[0], steps.node.inputs[0])
    _reduction(steps, "ReduceSum", square, keep=_keeps(steps), output=steps.node.outputs[0])


def _reduce_l2(steps: Steps) -> None:
    square = steps("Mul", steps.node.inputs[0], steps.node.inputs[0])
    total = _reduction(steps, "ReduceSum", square, keep=_keeps(steps))
    steps("Sqrt", total, output=steps.node.outputs[0])


def _reduce_log_sum(steps: Steps) -> None:
    total = _reduction(steps, "ReduceSum", steps.node.inputs[0], keep=_keeps(steps))
    steps("Log", total, output=steps.node.outputs[0])


def _reduce_log_sum_exp(steps: Steps) -> None:
    source = steps.node.inputs[0]
    most = _reduction(steps, "ReduceMax", source, keep=True)
    raised = steps("Exp", steps("Sub", source, most))
    result = steps("Add", steps("Log", _reduction(steps, "ReduceSum", raised, keep=True)), most)
    axes = reduced_axes(steps.build, steps.node)
    if _keeps(steps) or not axes:
        steps("Identity", result, output=steps.node.outputs[0])
    else:
        steps("Squeeze", result, steps.integers(axes), output=steps.node.outputs[0])


def _spatial(steps: Steps) -> str:
    return steps.integers(range(2, len(steps.shape())))


def _global_max_pool(steps: Steps) -> None:
    steps("ReduceMax", steps.node.inputs[0], _spatial(steps), output=steps.node.outputs[0])


def _power(steps: Steps, source: str, p: float) -> str:
    if p == 2:
        return steps("Mul", source, source)
    size = steps("Abs", source)
    return size if p == 1 else steps("Pow", size, steps.number(p))


def _root(steps: Steps, source: str, p: float, output: str) -> None:
    if p == 1:
        steps("Identity", source, output=output)
    elif p == 2:
        steps("Sqrt", source, output=output)
    else:
        steps("Pow", source, steps.number(1 / p), output=output)


def _global_lp_pool(steps: Steps) -> None:
    p = steps.node.integer("p", 2)
    total = steps("ReduceSum", _power(steps, steps.node.inputs[0], p), _spatial(steps))
    _root(steps, total, p, steps.node.outputs[0])


def _lp_pool(steps: Steps) -> None:
    node = steps.node
    if node.integer("ceil_mode", 0):
        raise UnsupportedError("ceil_mode is not supported", "pad the input instead")
    p, kernel = node.integer("p", 2), node.integers("kernel_shape", ())
    mean = steps(
        "AveragePool",
        _power(steps, node.inputs[0], p),
        kernel_shape=kernel,
        count_include_pad=1,
        **{k: v for k, v in node.attributes.items() if k in ("auto_pad", "pads", "strides")},
        dilations=node.attributes.get("dilations"),
    )
    total = steps("Mul", mean, steps.number(math.prod(kernel)))
    _root(steps, total, p, node.outputs[0])


def _tangent(steps: Steps) -> None:
    source = steps.node.inputs[0]
    steps("Div", steps("Sin", source), steps("Cos", source), output=steps.node.outputs[0])


def _hyperbolic(operation: str) -> Recipe:
    def recipe(steps: Steps) -> None:
        source = steps.node.inputs[0]
        both = steps(operation, steps("Exp", source), steps("Exp", steps("Neg", source)))
        steps("Mul", both, steps.number(0.5), output=steps.node.outputs[0])

    return recipe


def _thresholded_relu(steps: Steps) -> None:
    source = steps.node.inputs[0]
    above = steps("Greater", source, steps.number(steps.node.number("alpha", 1.0)))
    steps("Where", above, source, steps.number(0), output=steps.node.outputs[0])


def _is_nan(steps: Steps) -> None:
    source = steps.node.inputs[0]
    steps("Not", steps("Equal", source, source), output=steps.node.outputs[0])


def _trilu(steps: Steps) -> None:
    node, given = steps.node, steps.shape()
    if len(given) < 2:
        raise UnsupportedError(f"input has the shape {given}; allowed: 2 or more dimensions")
    k = int(steps.build.number(node.input(1))) if node.input(1) else 0
    ones = np.ones(bounded(given[-2:]), bool)
    kept = np.triu(ones, k) if node.integer("upper", 1) else np.tril(ones, k)
    zero = steps("CastLike", steps.number(0), node.inputs[0])
    steps("Where", steps.constant(kept), node.inputs[0], zero, output=node.outputs[0])


MOST_WEIGHTS = 1 << 16
"""Elements of a matrix that stands for what has none of its own."""


def _one_hot(steps: Steps) -> None:
    node, given = steps.node, steps.shape()
    depth = int(steps.build.number(node.input(1)))
    values = steps.build.known(node.input(2)).array.reshape(-1)
    if len(values) != 2:
        raise UnsupportedError(f"it has {len(values)} values; allowed: two, for off and on")
    off, on = values
    if not 0 < depth <= MOST_WEIGHTS:
        raise UnsupportedError(f"depth is {depth}")
    axis = axis_in(node.integer("axis", -1), len(given) + 1)
    shape = [1] * (len(given) + 1)
    shape[axis] = depth
    indices = steps("Unsqueeze", node.inputs[0], steps.integers([axis]))
    negative = steps("Less", indices, steps("CastLike", steps.integers([0]), indices))
    moved = steps("Add", indices, steps("CastLike", steps.integers([depth]), indices))
    indices = steps("Where", negative, moved, indices)
    places = steps("CastLike", steps.constant(np.arange(depth).reshape(shape)), indices)
    hot = steps("Equal", indices, places)
    steps("Where", hot, steps.constant(on), steps.constant(off), output=node.outputs[0])


def _hardmax(steps: Steps) -> None:
    node, given = steps.node, steps.shape()
    old = node.opset < 13
    axis = steps.axis("axis", 1 if old else -1)
    if old and any(size != 1 for size in given[axis + 1 :]):
        raise UnsupportedError(f"it runs over axes {axis} to {len(given) - 1} together")
    shape = [1] * len(given)
    shape[axis] = given[axis]
    first = steps("ArgMax", node.inputs[0], axis=axis)
    places = steps.constant(np.arange(given[axis]).reshape(shape))
    hot = steps("Equal", places, first)
    steps("Cast", hot, to=onnx.TensorProto.FLOAT, output=node.outputs[0])


def _upsample(steps: Steps) -> None:
    """Upsample, which Resize replaced: its coordinates start at the corner."""
    node = steps.node
    scales = node.input(1) or steps.constant(np.asarray(node.numbers("scales", ()), np.float32))
    steps(
        "Resize",
        node.inputs[0],
        "",
        scales,
        mode=node.text("mode", "nearest"),
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
        output=node.outputs[0],
    )


def _mixed_power(steps: Steps) -> None:
    """Pow of two types, in floating point; the result has the type of the base."""
    node = steps.node
    base, exponent = (steps("Cast", name, to=onnx.TensorProto.FLOAT) for name in node.inputs[:2])
    steps("CastLike", steps("Pow", base, exponent), node.inputs[0], output=node.outputs[0])


def _gemm(steps: Steps) -> None:
    """Gemm of two activations, or with another summand than one a column."""
    node = steps.node
    left, right = (
        steps("Transpose", name, perm=(1, 0)) if node.integer(attribute, 0) else name
        for name, attribute in zip(node.inputs, ("transA", "transB"), strict=False)
    )
    product = _times(steps, steps("MatMul", left, right), node.number("alpha", 1.0))
    if node.input(2):
        product = steps("Add", product, _times(steps, node.input(2), node.number("beta", 1.0)))
    steps("Identity", product, output=node.outputs[0])


def _times(steps: Steps, source: str, factor: float) -> str:
    return source if factor == 1.0 else steps("Mul", source, steps.number(factor))


def _einsum(steps: Steps) -> None:
    """Einsum of one or two operands, without repeated letters within one."""
    node = steps.node
    text = node.text("equation", "").replace(" ", "")
    given, _, result = text.partition("->")
    terms = given.split(",")
    if "->" not in text:
        letters = "".join(terms)
        result = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    if "." in text or len(terms) not in (1, 2) or any(len(set(t)) < len(t) for t in terms):
        raise UnsupportedError(
            f"its equation is {text}; allowed: one or two operands, no letter twice in one, no ...",
            "write it as Transpose, Reshape and MatMul",
        )
    if len(node.inputs) != len(terms):
        raise UnsupportedError(f"its equation is {text}, but it has {len(node.inputs)} inputs")
    names = [
        _summed(steps, name, term, set(result).union(*(t for t in terms if t is not term)))
        for name, term in zip(node.inputs, terms, strict=True)
    ]
    if len(names) == 1:
        name, term = names[0]
        steps("Transpose", name, perm=[term.index(c) for c in result], output=node.outputs[0])
        return
    (left, a), (right, b) = names
    both = [c for c in a if c in b]
    batch = [c for c in both if c in result]
    inner = [c for c in both if c not in result]
    rows, columns = [c for c in a if c not in b], [c for c in b if c not in a]
    size = dict(zip(terms[0], steps.shape(0), strict=True))
    size.update(zip(terms[1], steps.shape(1), strict=True))

    def matrix(name: str, term: str, *groups: list[str]) -> str:
        order = [term.index(c) for group in groups for c in group]
        shape = [size[c] for c in batch] + [math.prod(size[c] for c in g) for g in groups[1:]]
        return steps("Reshape", steps("Transpose", name, perm=order), steps.integers(shape))

    product = steps(
        "MatMul", matrix(left, a, batch, rows, inner), matrix(right, b, batch, inner, columns)
    )
    made = batch + rows + columns
    split = steps("Reshape", product, steps.integers([size[c] for c in made]))
    steps("Transpose", split, perm=[made.index(c) for c in result], output=node.outputs[0])


def _summed(steps: Steps, name: str, term: str, used: set[str]) -> tuple[str, str]:
    """An operand without the letters that nothing else has, which are summed over."""
    alone = [index for index, letter in enumerate(term) if letter not in used]
    if not alone:
        return name, term
    total = steps("ReduceSum", name, steps.integers(alone), keepdims=0)
    return total, "".join(letter for letter in term if letter in used)


def _refuse(text: str) -> Recipe:
    def recipe(steps: Steps) -> None:
        raise UnsupportedError(text)

    return recipe


def _is_inf(steps: Steps) -> None:
    node, source = steps.node, steps.node.inputs[0]
    signs = [
        sign
        for sign, attribute in ((1, "detect_positive"), (-1, "detect_negative"))
        if node.integer(attribute, 1)
    ]
    if not signs:
        raise UnsupportedError("it detects neither positive nor negative ones")
    ends = [steps("Equal", source, steps.number(sign * math.inf)) for sign in signs]
    steps("Or", ends[0], ends[-1], output=node.outputs[0])


_LOSS = "it is a loss, which only training needs"
_RANDOM = "it draws random numbers, which no kernel does"

RECIPES: dict[str, Recipe] = {
    "NegativeLogLikelihoodLoss": _refuse(_LOSS),
    "SoftmaxCrossEntropyLoss": _refuse(_LOSS),
    "Bernoulli": _refuse(_RANDOM),
    "Multinomial": _refuse(_RANDOM),
    "RandomNormal": _refuse(_RANDOM),
    "RandomNormalLike": _refuse(_RANDOM),
    "RandomUniform": _refuse(_RANDOM),
    "RandomUniformLike": _refuse(_RANDOM),
    "Range": _refuse("its length is computed at run time; shapes must be constant"),
    "Loop": _refuse("it repeats a graph, which is not supported"),
    "Scan": _refuse("it repeats a graph, which is not supported"),
    "Cosh": _hyperbolic("Add"),
    "Einsum": _einsum,
    "Gemm": _gemm,
    "GlobalLpPool": _global_lp_pool,
    "GlobalMaxPool": _global_max_pool,
    "Hardmax": _hardmax,
    "IsInf": _is_inf,
    "IsNaN": _is_nan,
    "LpPool": _lp_pool,
    "Mean": _mean,
    "OneHot": _one_hot,
    "Pow": _mixed_power,
    "ReduceL1": _reduce_l1,
    "ReduceL2": _reduce_l2,
    "ReduceLogSum": _reduce_log_sum,
    "ReduceLogSumExp": _reduce_log_sum_exp,
    "ReduceSumSquare": _reduce_sum_square,
    "Sinh": _hyperbolic("Sub"),
    "Sum": _sum,
    "Tan": _tangent,
    "ThresholdedRelu": _thresholded_relu,
    "Trilu": _trilu,
    "Upsample": _upsample,
}
