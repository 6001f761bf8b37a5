"""Reading TensorFlow Lite models."""

from edge_runtime.importers.tflite.convert import read_tflite

__all__ = ["read_tflite"]
