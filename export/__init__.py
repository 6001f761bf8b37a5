"""Writing a graph out: ONNX, TFLite, and C firmware for a board."""
