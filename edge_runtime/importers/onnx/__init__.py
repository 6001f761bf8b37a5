"""Reading ONNX models."""

from edge_runtime.importers.onnx.convert import read_onnx

__all__ = ["read_onnx"]
