"""From a float graph to an integer one: calibration, conversion, and what it costs in accuracy.

    quantized = quantize(graph, {"input": samples})
    quantized.graph, quantized.report

The steps can be had one by one, each a function of its own:

    Forms.of            which operations can be integers, and with how many bits   precision.py
    bounded             a pass over the float graph                                masks.py
    equalize            a pass over the float graph                                equalize.py
    calibrate           a range for each tensor                                    calibrate.py
    quantize_graph      the integer graph by these ranges                          convert.py
    refine              a pass over it: GPTQ, bias correction                      refine.py
    build               all of these, kept where they help                         build.py
    mix                 which layers get how many bits                             mix.py
    Opened              a graph without its state, and with it again               streaming.py
    with_integer_recurrence  a pass over the integer graph, for firmware                recurrent.py
    measure             the report                                                 report.py

Ranges may come from elsewhere, such as training with simulated quantization: `quantize_graph` asks
for no more than they.
"""

from edge_runtime.cases import load_arrays
from edge_runtime.quant.calibrate import calibrate
from edge_runtime.quant.convert import quantize_graph
from edge_runtime.quant.data import labelled_of, samples_of
from edge_runtime.quant.mix import LayerChoice, Recipe
from edge_runtime.quant.post_training import (
    Labelled,
    Quantized,
    float_nodes,
    is_quantized,
    quantize,
)
from edge_runtime.quant.precision import Forms, Precision
from edge_runtime.quant.ranges import Observer, Range, Ranges
from edge_runtime.quant.recurrent import with_integer_recurrence
from edge_runtime.quant.report import (
    FloatNode,
    LayerError,
    Report,
    Score,
    TensorRange,
    accuracy,
    score,
)

__all__ = [
    "FloatNode",
    "Forms",
    "Labelled",
    "LayerChoice",
    "LayerError",
    "Observer",
    "Precision",
    "Quantized",
    "Range",
    "Ranges",
    "Recipe",
    "Report",
    "Score",
    "TensorRange",
    "accuracy",
    "calibrate",
    "float_nodes",
    "is_quantized",
    "labelled_of",
    "load_arrays",
    "quantize",
    "quantize_graph",
    "samples_of",
    "score",
    "with_integer_recurrence",
]
