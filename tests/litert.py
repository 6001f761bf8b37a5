"""LiteRT's reference kernels as an oracle where TFLM has none, in a process of their own."""

from __future__ import annotations

from typing import Any

from tflm import Tflm, Values, serve


class Litert(Tflm):
    """As Tflm, with LiteRT's interpreter and its reference kernels."""

    SCRIPT = __file__


def _run_all(model: bytes, cases: list[list[Values]], outputs: int) -> list[list[Values]]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    return [_run(interpreter, case, outputs) for case in cases]


def _run(interpreter: Any, case: list[Values], outputs: int) -> list[Values]:
    for detail, value in zip(interpreter.get_input_details(), case, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    details = interpreter.get_output_details()[:outputs]
    return [interpreter.get_tensor(detail["index"]).copy() for detail in details]


if __name__ == "__main__":
    serve(_run_all)
