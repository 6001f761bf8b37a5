"""Every kernel at every hostile case: on the host under sanitizers, and on emulated cores."""

from __future__ import annotations

import shutil

import pytest
from cases import CASES, every_call
from harness import ISAS, Call, Core, Host
from qemu import QemuCore
from sites import Case

from edge_runtime.kernels import KERNELS


def told(case: Case, call: Call) -> str:
    return f"{call.kernel.name} over {call.over}: {case.site.node.op.NAME} {case.name}"


def test_host_under_sanitizers() -> None:
    pairs = list(every_call(CASES, ISAS))
    served = {call.kernel.name for _, call in pairs}
    assert served == {kernel.name for kernel in KERNELS}
    for (case, call), output in zip(pairs, Host().run([c for _, c in pairs]), strict=True):
        assert case.matches(output), told(case, call)


@pytest.mark.gcc
@pytest.mark.parametrize(("board", "isa"), [("rpi_pico", "m0"), ("nucleo_l4r5zi", "dsp")])
def test_emulated_core_built_by_gcc(board: str, isa: str) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    core = Core(board, "gcc")
    for case, call in every_call(CASES, [isa]):
        assert case.matches(core.run(call).output), told(case, call)


@pytest.mark.parametrize("board", ["rpi_pico", "nucleo_l4r5zi", "nucleo_l552ze_q", "esp32c3"])
def test_emulated_core(board: str) -> None:
    core = Core(board)
    for case, call in every_call(CASES, core.isas):
        assert case.matches(core.run(call).output), told(case, call)


@pytest.mark.parametrize("compiler", ["zig", pytest.param("gcc", marks=pytest.mark.gcc)])
def test_core_of_qemu(compiler: str) -> None:
    if compiler == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    core = QemuCore("mps3_an547", compiler)
    pairs = list(every_call(CASES, core.isas))
    for (case, call), output in zip(pairs, core.run([c for _, c in pairs]), strict=True):
        assert case.matches(output), told(case, call)
