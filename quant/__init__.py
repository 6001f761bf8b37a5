"""From a float graph to an int8 one: calibration, conversion, and what it costs in accuracy.

    quantized = quantize(graph, {"input": samples})
    quantized.graph, quantized.report

The steps can be had one by one: `calibrate` gives ranges, `quantize_graph` converts by ranges from
wherever they come, such as training with simulated quantization. What changes weights so that they
quantize better (cross-layer equalisation) is a pass over the float graph before `calibrate`; what
corrects biases by measured errors is one over the int8 graph behind `quantize_graph`.
"""

from edge_runtime.cases import load_arrays
from edge_runtime.quant.calibrate import calibrate
from edge_runtime.quant.convert import quantize_graph
from edge_runtime.quant.post_training import Quantized, quantize
from edge_runtime.quant.ranges import Observer, Range, Ranges
from edge_runtime.quant.report import LayerError, Report, TensorRange, accuracy

__all__ = [
    "LayerError",
    "Observer",
    "Quantized",
    "Range",
    "Ranges",
    "Report",
    "TensorRange",
    "accuracy",
    "calibrate",
    "load_arrays",
    "quantize",
    "quantize_graph",
]
