"""Generating model.c and model.h: constants, one function a layer, and the interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edge_runtime.export import c_code
from edge_runtime.export.stage_c import bracketed, row_layer, stage_tables
from edge_runtime.graph import Graph, Kind, Node, Tensor
from edge_runtime.kernels import Choice, Site, Struct
from edge_runtime.memory import Plan


@dataclass(frozen=True)
class Compiled:
    """A graph with the kernel of each node and the place of each tensor."""

    graph: Graph
    choices: dict[str, Choice]
    plan: Plan
    layerwise: bool = False
    """Whether layers can be called one by one from outside."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Arrays of the arena that are not in the board's first RAM, and which one each is in."""
    optimize: str = "speed"
    """What the compiler is to optimize for."""

    @property
    def working(self) -> tuple[Node, ...]:
        """The nodes that have a kernel, in the order of execution; their index names the layer."""
        by_name = {node.name: node for node in self.graph.nodes}
        return tuple(by_name[name] for name in self.plan.order if name in self.choices)

    @property
    def ram_bytes(self) -> int:
        """All static RAM of the model: arena (activations, inputs, outputs, scratch) and state."""
        return self.plan.ram_bytes

    @property
    def weights_bytes(self) -> int:
        """Packed weights and biases, and constant operands."""
        packed = sum(
            array.nbytes
            for choice in self.choices.values()
            for field, array in choice.demand.constants.items()
            if field in {"weights", "bias"}
        )
        return packed + sum(tensor.bytes for tensor in self._constant_operands().values())

    def _constant_operands(self) -> dict[str, Tensor]:
        """Constants that kernels read as operands, not packed, by C name."""
        read = (
            self._root(name)
            for node in self.working
            for name in self.choices[node.name].operands(node)
        )
        constants = {root.name: root for root in read if root.kind is Kind.CONSTANT}
        return {f"model_constant_{i}": tensor for i, tensor in enumerate(constants.values())}

    def _root(self, name: str) -> Tensor:
        """The tensor that lies somewhere: itself, or what it is a view of."""
        placed = {**self.plan.placements, **self.plan.state}
        while name not in placed and name in self.plan.aliases:
            name = self.plan.aliases[name]
        return self.graph.tensors[name]

    def header(self, provenance: str) -> str:
        """The text of model.h."""
        constants = {
            "INPUTS": len(self.graph.inputs),
            "OUTPUTS": len(self.graph.outputs),
            "LAYERS": len(self.working),
            "ARENA_BYTES": self.plan.arena_bytes,
            "STATE_BYTES": self.plan.state_bytes,
            "RAM_BYTES": self.ram_bytes,
        }
        defines = "".join(f"#define MODEL_{name} {value}u\n" for name, value in constants.items())
        if self.input_rows:
            defines += _ROWS_HEADER.format(rows=self.input_rows)
        if self.layerwise:
            defines += _LAYERWISE_HEADER
        return _HEADER.format(license=c_code.LICENSE, provenance=provenance, defines=defines)

    def source(self, provenance: str) -> str:
        """The text of model.c."""
        constants = self._constant_operands()
        names = {tensor.name: name for name, tensor in constants.items()}
        parts = [
            c_code.LICENSE,
            provenance,
            _PREAMBLE,
            '#include "er_stream.h"\n' if self.plan.stages else "",
            self._memory(),
            *(_ALIGNED + c_code.array(name, t.values) for name, t in constants.items()),
            *(self._layer(index, node, names) for index, node in enumerate(self.working)),
            *(self._stage(number) for number in range(len(self.plan.stages))),
            self._invoke(),
            self._interface(),
            self._layerwise() if self.layerwise else "",
        ]
        return "\n".join(part for part in parts if part)

    def _memory(self) -> str:
        text = "".join(
            _ARENA.format(name=name, size=size) for name, size in self.arena_parts().items()
        )
        if self.plan.state_bytes:
            text += _STATE
        return text

    def arena_parts(self) -> dict[str, str]:
        """The arrays that make up the arena, and their sizes as C has them."""
        if not self.plan.parts:
            return {"model_arena": "MODEL_ARENA_BYTES"}
        return {f"model_arena_{i}": f"{size}u" for i, size in enumerate(self.plan.parts) if size}

    def _arena(self, offset: int) -> str:
        """The C expression of an address in the arena."""
        if not self.plan.parts:
            return f"model_arena + {offset}"
        part = 0
        while offset >= self.plan.parts[part]:
            offset -= self.plan.parts[part]
            part += 1
        return f"model_arena_{part} + {offset}"

    def _address(self, name: str, constants: dict[str, str]) -> str:
        root = self._root(name).name
        if root in constants:
            return constants[root]
        if root in self.plan.state:
            return f"model_state + {self.plan.state[root].offset}"
        return self._arena(self.plan.placements[root].offset)

    def _layer(self, index: int, node: Node, constants: dict[str, str]) -> str:
        choice = self.choices[node.name]
        struct = choice.parameters(Site.of(self.graph, node))
        shape = "x".join(map(str, self.graph.node_output(node).shape))
        scratch = "NULL"
        if choice.demand.scratch_bytes:
            scratch = self._arena(self.plan.scratch[node.name].offset)
        if any(node.name in stage.nodes for stage in self.plan.stages):
            function = row_layer(self.graph, node, choice, index, struct, scratch)
        else:
            function = self._function(index, node, scratch, constants)
        return "".join(
            [
                c_code.comment(f"{index}: {node.op.NAME} to {shape}, {node.name}. {choice.reason}"),
                *(
                    _alignment(field) + c_code.array(f"layer_{index}_{field}", values)
                    for field, values in choice.demand.constants.items()
                ),
                f"static const {struct.type_name} layer_{index} = "
                f"{_initializer(struct, f'layer_{index}_')};\n\n",
                function,
            ]
        )

    def _operands(self, index: int, node: Node, constants: dict[str, str]) -> tuple[list[str], str]:
        """The arguments for what a kernel reads, and the table of them, if it wants one."""
        choice = self.choices[node.name]
        addresses = [self._address(name, constants) for name in choice.operands(node)]
        if choice.kernel.by_table:
            name = f"layer_{index}_operands"
            pointers = "".join(f"    {address},\n" for address in addresses)
            return [name], f"static const void *const {name}[] = {{\n{pointers}}};\n"
        tensors = [self.graph.tensors[name] for name in choice.operands(node)]
        casts = [
            f"(const {c_code.c_type(tensor.dtype.value)} *)(const void *)({address})"
            f"{_share(tensor, choice.demand.images)}"
            for tensor, address in zip(tensors, addresses, strict=True)
        ]
        return casts, ""

    def _function(self, index: int, node: Node, scratch: str, constants: dict[str, str]) -> str:
        """The function of a layer that runs all at once."""
        choice = self.choices[node.name]
        images = choice.demand.images
        read, table = self._operands(index, node, constants)
        write = [
            f"({c_code.c_type(made.dtype.value)} *)(void *)({self._address(made.name, constants)})"
            f"{_share(made, images)}"
            for made in self.graph.node_outputs(node)
        ]
        arguments = ",\n        ".join([f"&layer_{index}", *read, *write, scratch])
        call = f"    {choice.kernel.name}(\n        {arguments});\n"
        if images > 1:
            call = f"    for (uint32_t i = 0; i < {images}u; i++) {{\n{call}    }}\n"
        made = [
            (self._address(tensor.name, constants), f"{tensor.bytes}u")
            for tensor in self.graph.node_outputs(node)
        ]
        body = bracketed(index, call, made)
        return f"{table}MODEL_NOINLINE static void model_layer_{index}(void)\n{{\n{body}}}\n"

    def _stage(self, number: int) -> str:
        layers = {node.name: index for index, node in enumerate(self.working)}
        return stage_tables(
            self.graph,
            self.plan,
            self.choices,
            number,
            layers,
            lambda name: self._address(name, {}),
            self._arena,
        )

    def _invoke(self) -> str:
        """Calls of the layers and stages."""
        fed = next((stage for stage in self.plan.stages if stage.fed), None)
        first = {stage.nodes[0]: number for number, stage in enumerate(self.plan.stages)}
        inside = {name for stage in self.plan.stages for name in stage.nodes[1:]}
        inside |= set(fed.nodes[:1] if fed else ())
        calls = "".join(
            f"    model_stage_{first[node.name]}();\n"
            if node.name in first
            else f"    model_layer_{index}();\n"
            for index, node in enumerate(self.working)
            if node.name not in inside
        )
        if fed is None:
            return f"void model_invoke(void)\n{{\n{calls}}}\n"
        return _INVOKE_BY_ROWS.format(stage=self.plan.stages.index(fed), calls=calls)

    def _layerwise(self) -> str:
        layers = ", ".join(f"model_layer_{index}" for index in range(len(self.working)))
        state = "model_state" if self.plan.state_bytes else "NULL"
        return _LAYERWISE.format(layers=layers, state=state)

    @property
    def input_rows(self) -> int:
        """In how many rows the input comes, one a call; 0 where it comes as a whole."""
        fed = [stage.fed for stage in self.plan.stages if stage.fed]
        return self.graph.tensors[fed[0]].shape[1] if fed else 0

    def _port(self, name: str) -> str:
        """Where an input is to be written, or an output is."""
        fed = [number for number, stage in enumerate(self.plan.stages) if stage.fed == name]
        return f"er_stream_slot(&stage_{fed[0]})" if fed else self._address(name, {})

    def _port_bytes(self, tensor: Tensor) -> int:
        fed = any(stage.fed == tensor.name for stage in self.plan.stages)
        return tensor.bytes // tensor.shape[1] if fed else tensor.bytes

    def _interface(self) -> str:
        start, resets = self._reset()
        resets += "".join(
            f"    er_stream_start(&stage_{number});\n"
            for number, stage in enumerate(self.plan.stages)
            if stage.fed
        )
        ports = "".join(
            _PORT.format(
                qualifier=qualifier,
                side=side,
                cases="".join(
                    f"    case {i}u:\n        return {self._port(tensor.name)};\n"
                    for i, tensor in enumerate(tensors)
                ),
                sizes="".join(
                    f"    case {i}u:\n        return {self._port_bytes(tensor)}u;\n"
                    for i, tensor in enumerate(tensors)
                ),
            )
            for side, qualifier, tensors in (
                ("input", "", [self.graph.tensors[name] for name in self.graph.inputs]),
                ("output", "const ", [self.graph.tensors[name] for name in self.graph.outputs]),
            )
        )
        name = c_code.string(self.graph.name)
        return f"{start}void model_reset(void)\n{{\n{resets}}}\n{ports}{_NAME.format(name=name)}"

    def _reset(self) -> tuple[str, str]:
        """What resetting the state needs, and the statements that do it."""
        arrays, fills, copies = "", "", ""
        for index, tensor in enumerate(self.graph.of_kind(Kind.STATE)):
            place, start = self.plan.state[tensor.name], np.frombuffer(tensor.start.tobytes(), "u1")
            to = f"{place.offset}u, {place.bytes}u"
            if (start == start[0]).all():
                fills += f"    fill({to}, {start[0]}u);\n"
            else:
                arrays += c_code.array(f"model_start_{index}", start)
                copies += f"    copy({to}, model_start_{index});\n"
        functions = (_FILL if fills else "") + (_COPY if copies else "")
        return arrays + functions, fills + copies


_ALIGNED = "MODEL_ALIGNED "


def _share(tensor: Tensor, images: int) -> str:
    """How far image number i of a tensor lies behind its start."""
    return f" + i * {tensor.elements // images}u" if images > 1 else ""


def _alignment(field: str) -> str:
    """Of a constant: weights are read by words; other arrays need no more than their type."""
    return "MODEL_WORD_ALIGNED " if field == "weights" else ""


def _initializer(struct: Struct, prefix: str, indent: str = "    ") -> str:
    """A designated initializer; names of constants get `prefix`."""
    lines = [
        f"{indent}.{name} = {_value(value, prefix, indent)},\n" for name, value in struct.fields
    ]
    return "{\n" + "".join(lines) + indent[4:] + "}"


def _value(value: object, prefix: str, indent: str) -> str:
    if isinstance(value, Struct):
        return _initializer(value, prefix, indent + "    ")
    if isinstance(value, str):
        return prefix + value
    if isinstance(value, tuple):
        return "{" + ", ".join(_value(item, prefix, indent) for item in value) + "}"
    if isinstance(value, float):
        return c_code.single(value)
    return str(value)


_HEADER = """\
{license}{provenance}
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* All static RAM is MODEL_RAM_BYTES: the arena (inputs, outputs, activations, scratch), state. */
{defines}
/* Reset the state kept between inferences. Call it before the first inference. */
void model_reset(void);

/* Run one inference. Inputs are overwritten by it; outputs are valid until the next one starts. */
void model_invoke(void);

/* Buffers, and their sizes in bytes; NULL and 0 for an index that does not exist. */
void *model_input(uint32_t index);
uint32_t model_input_bytes(uint32_t index);
const void *model_output(uint32_t index);
uint32_t model_output_bytes(uint32_t index);

const char *model_name(void);

#ifdef __cplusplus
}}
#endif

#endif
"""

_PREAMBLE = """\
#include "model.h"

#include <stddef.h>

#include "er_kernels.h"

/* A function an emulator or profiler can tell apart; plain functions elsewhere. */
#if defined(__GNUC__)
#define MODEL_NOINLINE __attribute__((noinline))
#define MODEL_ALIGNED __attribute__((aligned(8)))
#define MODEL_WORD_ALIGNED __attribute__((aligned(4)))
#else
#define MODEL_NOINLINE
#define MODEL_ALIGNED
#define MODEL_WORD_ALIGNED
#endif

/* A layer, or some rows of it, begins; it ends; what it has made. For profiling builds alone. */
#ifdef MODEL_PROFILE
#include "profile.h"
#else
#define MODEL_LAYER_BEGIN(index) ((void)0)
#define MODEL_LAYER_END(index) ((void)0)
#define MODEL_LAYER_MADE(index, data, bytes) ((void)0)
#endif
"""

_ARENA = """\
MODEL_ALIGNED static uint8_t {name}[{size}];
typedef char {name}_is_as_planned[sizeof {name} == {size} ? 1 : -1];
"""

_STATE = """\
MODEL_WORD_ALIGNED static uint8_t model_state[MODEL_STATE_BYTES];
typedef char model_state_is_as_planned[sizeof model_state == MODEL_STATE_BYTES ? 1 : -1];
"""

_FILL = """\
static void fill(uint32_t offset, uint32_t bytes, uint8_t value)
{
    for (uint32_t i = 0; i < bytes; i++) {
        model_state[offset + i] = value;
    }
}

"""

_COPY = """\
static void copy(uint32_t offset, uint32_t bytes, const uint8_t *from)
{
    for (uint32_t i = 0; i < bytes; i++) {
        model_state[offset + i] = from[i];
    }
}

"""

_ROWS_HEADER = """\

/* The input comes row by row: model_input(0) is where the next row of the image is to be written,
 * of model_input_bytes(0) bytes, and model_invoke takes it in. After so many calls the outputs are
 * those of the image; they are valid until model_input is called again. */
#define MODEL_INPUT_ROWS {rows}u
"""

_INVOKE_BY_ROWS = """\
void model_invoke(void)
{{
    if (er_stream_feed(&stage_{stage}) < MODEL_INPUT_ROWS) {{
        return;
    }}
{calls}}}
"""

_LAYERWISE_HEADER = """\

/* For finding the first layer that goes wrong: memory (0 the arena, 1 the state), and one layer. */
#define MODEL_LAYERWISE 1
uint8_t *model_memory(uint32_t area);
void model_run_layer(uint32_t index);
"""

_LAYERWISE = """\
uint8_t *model_memory(uint32_t area)
{{
    return area == 0 ? model_arena : {state};
}}

void model_run_layer(uint32_t index)
{{
    static void (*const layers[])(void) = {{{layers}}};
    layers[index]();
}}
"""

_PORT = """
{qualifier}void *model_{side}(uint32_t index)
{{
    switch (index) {{
{cases}    default:
        return NULL;
    }}
}}

uint32_t model_{side}_bytes(uint32_t index)
{{
    switch (index) {{
{sizes}    default:
        return 0u;
    }}
}}
"""

_NAME = """
const char *model_name(void)
{{
    return {name};
}}
"""
