"""The example: it reads a sensor buffer, runs the model, prints the class. C, or a sketch."""

from __future__ import annotations

from edge_runtime.export import c_code
from edge_runtime.export.manifest import Port
from edge_runtime.graph import DType

_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}

_CLASSIFY = """\
/* In place of a sensor: a ramp. Yours gives the sample of this index, in the units that the model
 * was trained on. */
static float sensor_sample(uint32_t index, uint32_t count)
{{
    return (float)index / (float)count;
}}
{fills}
static uint32_t largest_output(void)
{{
    const {output} *scores = (const {output} *)model_output(0);
    uint32_t best = 0;
    for (uint32_t i = 1; i < {classes}u; ++i) {{
        if (scores[i] > scores[best]) {{
            best = i;
        }}
    }}
    return best;
}}

/* The class that the model gives what the sensor's buffer holds. */
static uint32_t classify(void)
{{
{calls}    model_invoke();
    return largest_output();
}}
"""

_FILL_INTEGER = """
/* Input {index}, {name}: real value = {scale} * (integer - {zero}). */
static void fill_input_{index}(void)
{{
    {type} *input = ({type} *)model_input({index});
    for (uint32_t i = 0; i < {count}u; ++i) {{
        float value = sensor_sample(i, {count}u) / {scale} + (float){zero};
        value = value < {low}.0f ? {low}.0f : value > {high}.0f ? {high}.0f : value;
        input[i] = ({type})(value < 0 ? value - 0.5f : value + 0.5f);
    }}
}}
"""

_FILL_PLAIN = """
/* Input {index}, {name}. */
static void fill_input_{index}(void)
{{
    {type} *input = ({type} *)model_input({index});
    for (uint32_t i = 0; i < {count}u; ++i) {{
        input[i] = ({type})sensor_sample(i, {count}u);
    }}
}}
"""

_BARE = """\
{license}/* An example for the board without a framework: it takes the place of board/main.c. */
#include <stdint.h>

#include "model.h"
#include "port.h"

{classify}
static void print(const char *text)
{{
    for (; *text != 0; ++text) {{
        port_putc((uint8_t)*text);
    }}
}}

static void print_number(uint32_t value)
{{
    char digits[11];
    char *first = digits + sizeof digits - 1;
    *first = 0;
    do {{
        *--first = (char)('0' + value % 10u);
        value /= 10u;
    }} while (value != 0);
    print(first);
}}

int main(void)
{{
    (void)port_init();
    model_reset();
    for (;;) {{
        print("class ");
        print_number(classify());
        print("\\r\\n");
    }}
}}
"""

_SKETCH = """\
{license}/* Prints the class of what a sensor's buffer holds, once a second. */
{include}#include <model.h>

{classify}
void setup()
{{
    Serial.begin(115200);
    model_reset();
}}

void loop()
{{
    Serial.print("class ");
    Serial.println(classify());
    delay(1000);
}}
"""


def bare_example(inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> str:
    """C for a board without a framework, on its port."""
    return _BARE.format(license=c_code.LICENSE, classify=_classify(inputs, outputs))


def arduino_example(
    inputs: tuple[Port, ...], outputs: tuple[Port, ...], *, sketch: bool = True
) -> str:
    """An Arduino sketch; with `sketch` False the same as a C++ file."""
    include = "" if sketch else "#include <Arduino.h>\n"
    classify = _classify(inputs, outputs)
    return _SKETCH.format(license=c_code.LICENSE, include=include, classify=classify)


def _classify(inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> str:
    return _CLASSIFY.format(
        fills="".join(_fill(index, port) for index, port in enumerate(inputs)),
        calls="".join(f"    fill_input_{index}();\n" for index in range(len(inputs))),
        output=c_code.c_type(outputs[0].dtype),
        classes=outputs[0].tensor().elements,
    )


def _fill(index: int, port: Port) -> str:
    values = {
        "index": index,
        "name": "".join(char if char.isalnum() or char in "_.-/:" else "_" for char in port.name),
        "type": c_code.c_type(port.dtype),
        "count": port.tensor().elements,
    }
    if port.scale is None or DType(port.dtype).is_float:
        return _FILL_PLAIN.format(**values)
    low, high = _LIMITS[port.dtype]
    return _FILL_INTEGER.format(
        **values, scale=f"{port.scale!r}f", zero=port.zero_point, low=low, high=high
    )
