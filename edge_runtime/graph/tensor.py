"""Tensors: their types, their quantization, and what they are kept for."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Shape = tuple[int, ...]
Array = npt.NDArray[Any]


class DType(enum.Enum):
    """Element types. The value is the name used in dumps, files and messages."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    """Weights only: they stay so in flash, and are computed with in single precision."""
    INT4 = "int4"
    """Of constants only. Arrays hold one value in each int8; files and flash, two a byte."""
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy type that holds one element."""
        return np.dtype("int8" if self is DType.INT4 else self.value)

    @property
    def bytes(self) -> int:
        """Size of one element of an array in bytes."""
        return self.numpy.itemsize

    @property
    def bits(self) -> int:
        """Size of one element as it is stored, in bits."""
        return 4 if self is DType.INT4 else 8 * self.bytes

    @property
    def is_float(self) -> bool:
        """Whether elements are floating point."""
        return self in (DType.FLOAT32, DType.FLOAT16)

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest value of an integer type, false and true being 0 and 1."""
        if self is DType.BOOL:
            return 0, 1
        if self is DType.INT4:
            return -8, 7
        info = np.iinfo(self.value)
        return int(info.min), int(info.max)


class Kind(enum.Enum):
    """What a tensor is kept for, which decides where it lives."""

    ACTIVATION = "activation"
    """Made and used within one inference; lives in the arena. Inputs and outputs are of this kind:
    which they are stands in `Graph.inputs` and `Graph.outputs`."""
    CONSTANT = "constant"
    """Known at export; lives in flash."""
    STATE = "state"
    """Kept from one inference to the next, and put back to its start by a reset; RAM of its own."""


@dataclass(frozen=True)
class Quantization:
    """real = scale * (stored - zero_point), for the whole tensor or for each index along `axis`.

    Scales are single-precision values, as every file format stores them. Symmetric channels have
    zero point 0. `axis` is None for per-tensor quantization, which has one scale.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None = None

    @staticmethod
    def per_tensor(scale: float, zero_point: int = 0) -> Quantization:
        """One scale and zero point for the whole tensor."""
        return Quantization((float(np.float32(scale)),), (int(zero_point),))

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantization."""
        if len(self.scales) != 1:
            raise ValueError(f"{len(self.scales)} scales along axis {self.axis}, not one")
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantization."""
        if len(self.zero_points) != 1:
            raise ValueError(f"{len(self.zero_points)} zero points along axis {self.axis}, not one")
        return self.zero_points[0]

    def _broadcast(self, values: tuple[float, ...], rank: int, dtype: type) -> Array:
        shape = [1] * rank
        if self.axis is not None:
            shape[self.axis] = len(values)
        return np.asarray(values, dtype).reshape(shape)

    def quantize(self, real: Array, dtype: DType) -> Array:
        """Nearest stored value of each real one, halves away from zero, clamped to `dtype`."""
        # The ratio is rounded to single precision first, as TFLite's AffineQuantize does.
        ratio = real.astype(np.float32) / self._broadcast(self.scales, real.ndim, np.float32)
        ratio = np.clip(ratio.astype(np.float64), -(2.0**40), 2.0**40)
        rounded = np.trunc(ratio + np.copysign(0.5, ratio))
        stored = rounded + self._broadcast(self.zero_points, real.ndim, np.float64)
        return np.asarray(np.clip(stored, *dtype.range), dtype.numpy)

    def dequantize(self, stored: Array) -> npt.NDArray[np.float32]:
        """The real values that stored ones stand for, as float32."""
        offset = self._broadcast(self.zero_points, stored.ndim, np.int64)
        scale = self._broadcast(self.scales, stored.ndim, np.float32)
        result: npt.NDArray[np.float32] = (stored.astype(np.int64) - offset).astype(
            np.float32
        ) * scale.astype(np.float32)
        return result


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named array of a fixed shape.

    Layout is NHWC for images and NWC for sequences. Weights have TFLite's layouts: convolution
    OHWI, depthwise 1HWO, fully connected OI. `data` is given for constants only and never written;
    `initial` is what a state tensor starts from, where that is not its zero point everywhere.
    """

    name: str
    shape: Shape
    dtype: DType
    kind: Kind = Kind.ACTIVATION
    quantization: Quantization | None = None
    data: Array | None = None
    initial: Array | None = None

    def __post_init__(self) -> None:
        if self.data is not None:
            self.data.setflags(write=False)

    @staticmethod
    def constant(
        name: str, data: Array, quantization: Quantization | None = None, dtype: DType | None = None
    ) -> Tensor:
        """A constant of the shape and type of `data`, which is copied."""
        array = np.array(data, order="C")
        kept = dtype or DType(array.dtype.name)
        return Tensor(name, array.shape, kept, Kind.CONSTANT, quantization, array)

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """How many bytes its elements take where they are stored."""
        return -(-self.elements * self.dtype.bits // 8)

    @property
    def values(self) -> Array:
        """The data of a constant; ValueError for any other tensor."""
        if self.data is None:
            raise ValueError(f"{self.name} is no constant")
        return self.data

    @property
    def start(self) -> Array:
        """What a state tensor holds after a reset."""
        if self.initial is not None:
            return self.initial
        zero = 0 if self.quantization is None else self.quantization.zero_point
        return np.full(self.shape, zero, self.dtype.numpy)

    @property
    def quant(self) -> Quantization:
        """The quantization; ValueError where there is none."""
        if self.quantization is None:
            raise ValueError(f"{self.name} is not quantized")
        return self.quantization
