"""A network of the space in two forms: a PyTorch module to train, and a float graph to compile.

Unlike MicroNAS's, it has no dropout. Layers of 4 to 16 channels have none to spare, and dropout
before a batch norm leaves it statistics that are not those of inference. By cross-validation over
the training people of the watch data (two architectures): 0.850 with dropout 0.3 behind the time
cells, 0.883 without (60 epochs); then 0.875 with it before the head, 0.882 without (40 epochs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from edge_runtime.graph import DType, Graph, Node, Tensor, Window
from edge_runtime.graph.verify import verify
from edge_runtime.nas.items import Addition, Average, Convolution, Step, tensor_shape
from edge_runtime.nas.space import Architecture


@dataclass(frozen=True, eq=False)
class Weights:
    """One convolution's float32 kernel (out, height, width, in) and bias (out,)."""

    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


def to_graph(arch: Architecture, weights: Mapping[str, Weights]) -> Graph:
    """The float graph: `window` (1, T, S, 1), normalised, to `probabilities` (1, classes).

    `weights` has one entry for each convolution of `arch.steps()`, by the step's name.
    """
    steps = arch.steps()
    tensors = [Tensor("window", (1, *arch.window, 1), DType.FLOAT32)]
    nodes = []
    for step in steps:
        inputs = step.inputs
        if isinstance(step.item, Convolution):
            kernel, bias = weights[step.name].kernel, weights[step.name].bias
            constants = (f"{step.name}.weights", f"{step.name}.bias")
            tensors += [Tensor.constant(constants[0], kernel), Tensor.constant(constants[1], bias)]
            inputs = (*inputs, *constants)
        shape = tensor_shape(step.item.output, step.item)
        tensors.append(Tensor(step.name, shape, DType.FLOAT32))
        nodes.append(Node(step.name, step.item.op(), inputs, step.name))
    return verify(Graph.build("network", tensors, nodes, ["window"], [steps[-1].name]))


def pad(values: torch.Tensor, window: Window) -> torch.Tensor:
    """NCHW `values` with the explicit padding of `window`."""
    (top, left), (bottom, right) = window.pad_before, window.pad_after
    if not (top or left or bottom or right):
        return values
    return functional.pad(values, (left, right, top, bottom))


class Layer(nn.Module):
    """A convolution with its batch norm, without the ReLU: NCHW in, NCHW out."""

    def __init__(self, item: Convolution, normalised: bool) -> None:
        super().__init__()
        self.item = item
        self.convolution = nn.Conv2d(
            item.shape[2], item.channels, item.kernel, item.stride, bias=not normalised
        )
        self.norm = nn.BatchNorm2d(item.channels) if normalised else None

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.convolution(pad(values, self.item.window))
        return result if self.norm is None else self.norm(result)

    def folded(self) -> Weights:
        """Kernel and bias with the batch norm's running statistics folded in."""
        kernel, bias = self.convolution.weight.double(), self.convolution.bias
        if self.norm is not None:
            mean, variance = self.norm.running_mean, self.norm.running_var
            assert mean is not None and variance is not None
            factor = self.norm.weight.double() / (variance.double() + self.norm.eps).sqrt()
            kernel = kernel * factor[:, None, None, None]
            bias = self.norm.bias.double() - mean.double() * factor
        assert bias is not None
        return Weights(
            kernel.detach().permute(0, 2, 3, 1).float().contiguous().numpy(),
            bias.detach().float().numpy(),
        )


class Network(nn.Module):
    """An architecture with weights to train. Input (N, 1, T, S), normalised; output logits."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        self.arch, self.steps = arch, arch.steps()
        self.layers = nn.ModuleDict(
            {
                _key(step): Layer(step.item, normalised=step.name != "head")
                for step in self.steps
                if isinstance(step.item, Convolution)
            }
        )

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        values = {"window": windows}
        for step in self.steps[:-1]:
            values[step.name] = self._step(step, [values[name] for name in step.inputs])
        return values[self.steps[-2].name]

    def _step(self, step: Step, inputs: list[torch.Tensor]) -> torch.Tensor:
        if isinstance(step.item, Addition):
            return (inputs[0] + inputs[1]).relu()
        if isinstance(step.item, Average):
            return inputs[0].mean((2, 3))
        result: torch.Tensor = self.layers[_key(step)](inputs[0])
        if isinstance(step.item, Convolution) and step.item.relu:
            return result.relu()
        return result

    def weights(self) -> dict[str, Weights]:
        """Folded kernels and biases by the step's name, as `to_graph` takes them."""
        found = {}
        for step in self.steps:
            if isinstance(step.item, Convolution):
                layer = self.layers[_key(step)]
                assert isinstance(layer, Layer)
                found[step.name] = layer.folded()
        return found

    def graph(self) -> Graph:
        """The float graph of this network in inference."""
        return to_graph(self.arch, self.weights())


def _key(step: Step) -> str:
    return step.name.replace(".", "_")  # PyTorch takes no dots in names of modules
