"""uint8 tensors as int8: the same numbers, less 128, with a zero point less 128.

Models quantized before 2019 have them throughout; newer ones at their interface. Inside, all is
int8; what the model itself takes and gives stays uint8, through a node that changes the sign bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_runtime.graph import DType, Kind, Node, Quantization, Tensor
from edge_runtime.importers.tflite.build import Build
from edge_runtime.importers.tflite.file import File, FileTensor
from edge_runtime.ops import Quantize

HALF = 128
WEIGHTS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0}
"""Operators whose input 1 are weights, and the dimension of these that runs over channels."""


def signed(file: File) -> tuple[File, frozenset[int]]:
    """`file` with every quantized uint8 tensor as int8, and the indices of these tensors.

    Weights whose differences to their zero point are all int8 are stored as these.
    """
    weights = {op.inputs[1] for op in file.operators if op.operation in WEIGHTS and op.inputs[1:]}
    turned = frozenset(i for i, t in enumerate(file.tensors) if t.type == "uint8" and t.scales)
    tensors = tuple(
        _signed(tensor, index in weights) if index in turned else tensor
        for index, tensor in enumerate(file.tensors)
    )
    return replace(file, tensors=tensors), turned


def _signed(tensor: FileTensor, weights: bool) -> FileTensor:
    zeros = tensor.zero_points or (0,)
    shift = HALF
    if tensor.raw is not None and weights and len(set(zeros)) == 1:
        differences = tensor.raw.astype(np.int64) - zeros[0]
        if differences.size and differences.min() >= -HALF and differences.max() < HALF:
            shift = zeros[0]
    raw = tensor.raw
    if raw is not None:
        raw = (raw.astype(np.int64) - shift).astype(np.int8).view(np.uint8)
    moved = tuple(zero - shift for zero in zeros)
    return replace(tensor, type=DType.INT8.value, raw=raw, zero_points=moved)


class Interface:
    """The inputs and outputs of a graph whose uint8 tensors were turned into int8."""

    def __init__(self, build: Build, turned: frozenset[int]) -> None:
        self._build = build
        self._turned = turned
        file = build.file
        self._inputs = self._outside(file.inputs)
        self._outputs = self._outside(file.outputs)

    def _outside(self, indices: Sequence[int]) -> dict[int, str]:
        """The names of those that stay uint8; inside, these get others."""
        names = {}
        for index in indices:
            if index in self._turned and index not in names:
                names[index] = self._build.names[index]
                self._build.names[index] = self._build.unique(f"{names[index]}_int8")
        return names

    def inputs(self) -> list[str]:
        """The names of the graph's inputs; adds a node behind each that stays uint8."""
        return [self._crossed(index, self._inputs, reads=True) for index in self._build.file.inputs]

    def outputs(self) -> list[str]:
        """The names of the graph's outputs; adds a node before each that stays uint8."""
        return [
            self._crossed(index, self._outputs, reads=False) for index in self._build.file.outputs
        ]

    def _crossed(self, index: int, names: dict[int, str], *, reads: bool) -> str:
        build = self._build
        inner = build.tensor(index)
        if inner is None:
            return build.names[index]
        if index not in names:
            return inner.name
        grid = inner.quant
        zeros = tuple(zero + HALF for zero in grid.zero_points)
        outer = Tensor(
            names[index],
            inner.shape,
            DType.UINT8,
            Kind.ACTIVATION,
            Quantization(grid.scales, zeros, grid.axis),
        )
        build.made.append(outer)
        source, made = (outer, inner) if reads else (inner, outer)
        build.nodes.append(Node(made.name, Quantize(), (source.name,), made.name))
        return outer.name
