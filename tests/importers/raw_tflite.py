"""TFLite files written operator by operator, as converters write them and our exporter does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.graph import Array

TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int8": schema.TensorType.INT8,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "resource": schema.TensorType.RESOURCE,
}


class RawModel:
    """Tensors and operators of a model; further subgraphs are RawModels of their own."""

    def __init__(self, main: RawModel | None = None) -> None:
        self.buffers: list[Any] = main.buffers if main else [schema.BufferT()]
        self.codes: list[int] = main.codes if main else []
        self.subgraphs: list[RawModel] = main.subgraphs if main else []
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.inputs: list[int] = []
        self.subgraphs.append(self)

    def tensor(
        self,
        shape: Sequence[int] = (),
        dtype: str = "float32",
        data: Array | None = None,
        scale: tuple[float, int] | None = None,
        signature: Sequence[int] | None = None,
    ) -> int:
        """Add a tensor; its index."""
        made = schema.TensorT(
            shape=list(shape), type=TYPES[dtype], name=f"t{len(self.tensors)}", hasRank=True
        )
        made.buffer = 0
        if data is not None:
            made.buffer = len(self.buffers)
            self.buffers.append(schema.BufferT(data=np.frombuffer(data.tobytes(), np.uint8)))
        if scale is not None:
            made.quantization = schema.QuantizationParametersT(
                scale=np.array([scale[0]], np.float32), zeroPoint=np.array([scale[1]], np.int64)
            )
        if signature is not None:
            made.shapeSignature = list(signature)
        self.tensors.append(made)
        return len(self.tensors) - 1

    def input(self, *shape: int, **more: Any) -> int:
        """Add a tensor that is an input."""
        self.inputs.append(self.tensor(shape, **more))
        return self.inputs[-1]

    def constant(self, values: Any, dtype: str = "int32", **more: Any) -> int:
        """Add a constant."""
        data = np.array(values, dtype)
        return self.tensor(data.shape, dtype, data, **more)

    def operator(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None
    ) -> None:
        """Add an operator with its table of options."""
        code = getattr(schema.BuiltinOperator, name)
        if code not in self.codes:
            self.codes.append(code)
        made = schema.OperatorT(
            opcodeIndex=self.codes.index(code), inputs=list(inputs), outputs=list(outputs)
        )
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            made.builtinOptions = options
        self.operators.append(made)

    def file(self, *outputs: int) -> bytes:
        """The contents of the file, the first subgraph having these outputs."""
        model = schema.ModelT(
            version=3,
            operatorCodes=[
                schema.OperatorCodeT(deprecatedBuiltinCode=min(c, 127), builtinCode=c, version=1)
                for c in self.codes
            ],
            subgraphs=[
                schema.SubGraphT(
                    tensors=graph.tensors,
                    inputs=graph.inputs,
                    outputs=list(outputs) if graph is self else [],
                    operators=graph.operators,
                    name="main" if graph is self else "other",
                )
                for graph in self.subgraphs
            ],
            description="test",
            buffers=self.buffers,
        )
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
