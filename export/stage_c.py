"""Generating the C of stages: layers that make a few rows a call, and the tables of their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edge_runtime.export import c_code
from edge_runtime.graph import Graph, Node
from edge_runtime.kernels import Choice, Struct
from edge_runtime.memory import PlacedStage, Plan

READS = 2
"""ER_STREAM_READS."""
NONE = "ER_STREAM_NONE"

Address = Callable[[str], str]
"""The C expression for where a tensor starts."""


def row_layer(
    graph: Graph, node: Node, choice: Choice, index: int, struct: Struct, scratch: str
) -> str:
    """The function of a layer that makes some rows: its parameters are narrowed to them."""
    lines = [f"    {struct.type_name} p = layer_{index};"]
    if "window" in dict(struct.fields):
        names = ("in_h", "out_h", "pad_top")
        lines += [f"    p.window.{name} = rows->{name};" for name in names]
    else:
        output = graph.node_output(node)
        elements = output.elements // output.shape[1]
        lines.append(f"    p.elements = rows->out_h * {elements}u;")
    read = [
        f"(const {_type(graph, name)} *)read[{place}]"
        for place, name in enumerate(choice.operands(node))
    ]
    arguments = ", ".join(["&p", *read, f"({_type(graph, node.output)} *)write", scratch])
    output = graph.node_output(node)
    call = f"    {choice.kernel.name}({arguments});\n"
    made = [("write", f"rows->out_h * {output.bytes // output.shape[1]}u")]
    return "\n".join(
        [
            f"MODEL_NOINLINE static void model_layer_{index}(const er_rows *rows,",
            "    const void *const *read, void *write)",
            "{",
            *lines,
            f"{bracketed(index, call, made)}}}",
            "",
        ]
    )


def bracketed(index: int, call: str, made: Sequence[tuple[str, str]]) -> str:
    """A layer's call between the marks of a profiling build; `made` are addresses and sizes."""
    marks = [f"    MODEL_LAYER_MADE({index}u, {data}, {size});\n" for data, size in made]
    begin, end = (f"    MODEL_LAYER_{mark}({index}u);\n" for mark in ("BEGIN", "END"))
    return f"{begin}{call}{end}{''.join(marks)}"


def stage_tables(
    graph: Graph,
    plan: Plan,
    choices: Mapping[str, Choice],
    number: int,
    layers: Mapping[str, int],
    address: Address,
    arena: Callable[[int], str],
) -> str:
    """The tables of stage `number`, and the function that runs it where it is not fed by rows."""
    stage = plan.stages[number]
    nodes = {node.name: node for node in graph.nodes}
    run = [nodes[name] for name in stage.nodes]
    fed = [stage.fed] if stage.fed else []
    reads = [(), *((choices[n.name].operands(n)) for n in run)][1 - len(fed) :]
    writes = [*fed, *(node.output for node in run)]
    both = zip(reads, writes, strict=True)
    names = list(dict.fromkeys(name for read, made in both for name in (*read, made)))
    tensors = [
        _tensor(graph, stage, name, (_maker(writes, name), *_readers(reads, name)), address)
        for name in names
    ]
    rows = [f"    {{NULL, {{{NONE}, {NONE}}}, {names.index(name)}, 1, 1, 1, 0}},\n" for name in fed]
    rows += [_node(node, choices[node.name], layers[node.name], names) for node in run]
    at = stage.state.offset
    state = f"model_state + {at}" if stage.fed else arena(at)
    stage_name = f"stage_{number}"
    text = (
        f"static const er_stream_tensor {stage_name}_tensors[] = {{\n{''.join(tensors)}}};\n"
        f"static const er_stream_node {stage_name}_nodes[] = {{\n{''.join(rows)}}};\n"
        f"static const er_stream {stage_name} = {{{stage_name}_tensors, {stage_name}_nodes,\n"
        f"    (er_stream_state *)(void *)({state}), {len(writes)}, {stage.step}}};\n"
    )
    if stage.fed:
        return text
    return (
        f"{text}\nMODEL_NOINLINE static void model_{stage_name}(void)\n{{\n"
        f"    er_stream_run(&{stage_name});\n}}\n"
    )


def _maker(writes: Sequence[str], name: str) -> str:
    return str(writes.index(name)) if name in writes else NONE


def _readers(reads: Sequence[tuple[str, ...]], name: str) -> tuple[str, str]:
    """The first and the last node that reads a tensor; an output may have none."""
    found = [index for index, operands in enumerate(reads) if name in operands]
    return (str(found[0]), str(found[-1])) if found else ("1", "0")


def _tensor(
    graph: Graph, stage: PlacedStage, name: str, nodes: tuple[str, ...], address: Address
) -> str:
    tensor = graph.tensors[name]
    height = tensor.shape[1]
    room = stage.rows.get(name, height)
    whole = int(name not in stage.rows)
    numbers = (tensor.bytes // height, height, room, *nodes, whole)
    return f"    {{(uint8_t *)({address(name)}), {', '.join(map(str, numbers))}}},\n"


def _node(node: Node, choice: Choice, layer: int, names: list[str]) -> str:
    window = choice.demand.rows
    assert window is not None
    reads = [str(names.index(name)) for name in choice.operands(node)]
    reads += [NONE] * (READS - len(reads))
    numbers = (window.kernel, window.stride, window.dilation, window.pad)
    return (
        f"    {{model_layer_{layer}, {{{', '.join(reads)}}}, {names.index(node.output)},"
        f" {', '.join(map(str, numbers))}}},\n"
    )


def _type(graph: Graph, name: str) -> str:
    return c_code.c_type(graph.tensors[name].dtype.value)
