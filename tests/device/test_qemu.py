"""The whole image in QEMU: it boots, answers, and counts what Unicorn counts."""

from __future__ import annotations

import shutil

import pytest
import tiny_model

from edge_runtime.boards import load_board
from edge_runtime.device import qemu_target
from edge_runtime.device.emulator import emulated
from edge_runtime.device.link import Patience
from edge_runtime.device.qemu_target import QemuTarget
from edge_runtime.device.unicorn_target import UnicornTarget
from edge_runtime.errors import BoardError, EmulationError, ToolchainError

INPUT = bytes((1, 2, 3, 4, 250, 251, 7, 8))


@pytest.mark.qemu
@pytest.mark.parametrize("name", ["mps2_an386", "stm32f405", "riscv32_virt"])
def test_it_agrees_with_unicorn(firmware, qemu, name):
    if name == "riscv32_virt" and shutil.which("qemu-system-riscv32") is None:
        pytest.skip("qemu-system-riscv32 is not installed")
    board, elf = load_board(name), firmware(name)
    with UnicornTarget(elf, board) as unicorn, QemuTarget(elf, board) as target:
        assert target.identify().model == "tiny"
        for each in (unicorn, target):
            each.reset()
        for call in range(3):
            assert target.run([INPUT]) == unicorn.run([INPUT]) == [tiny_model.expected(INPUT, call)]
            assert target.profile() == unicorn.profile()
            assert target.stack_bytes() == unicorn.stack_bytes()
        assert target.instructions() == unicorn.instructions()
    assert target._qemu._process.poll() is not None


@pytest.mark.qemu
def test_a_core_without_a_cycle_model_is_counted_and_not_estimated(firmware, qemu):
    board = load_board("mps3_an547")
    with emulated(firmware(board.name), board) as target:
        assert isinstance(target, QemuTarget)
        target.reset()
        assert target.run([INPUT]) == [tiny_model.expected(INPUT, 0)]
        profile = target.profile()
    assert profile.estimated_cycles is None
    assert all(layer.estimated_cycles is None for layer in profile.layers)
    assert profile.layers[1].instructions > 500  # it writes to 64 bytes of stack, one by one


@pytest.mark.qemu
def test_a_fault_is_told(firmware, qemu):
    elf = firmware("mps2_an386", '__asm__ volatile("udf 0");')
    told = pytest.raises(EmulationError, match=r"model_layer_1\S* took a fault: .*undefined")
    with QemuTarget(elf, load_board("mps2_an386")) as target, told:
        target.run([INPUT])


@pytest.mark.qemu
def test_a_hang_is_told(firmware, qemu, monkeypatch):
    elf = firmware("mps2_an386", 'for (;;) { __asm__ volatile(""); }')
    with QemuTarget(elf, load_board("mps2_an386")) as target:
        target.identify()
        monkeypatch.setattr(target.link, "_patience", Patience(attempts=1, answer=2, run=0.5))
        with pytest.raises(EmulationError, match=r"hangs in model_layer_1\S* \(layer 1 was"):
            target.run([INPUT])


@pytest.mark.qemu
def test_what_qemu_says_is_told(firmware, qemu, monkeypatch):
    monkeypatch.setattr(qemu_target, "library", lambda *_: "/no-such-plugin.so")
    told = pytest.raises(EmulationError, match=r"QEMU ended: .*no-such-plugin")
    with told, QemuTarget(firmware("mps2_an386"), load_board("mps2_an386")) as target:
        target.identify()


def test_qemu_has_no_such_board(firmware):
    with pytest.raises(BoardError, match="nucleo_l4r5zi"):
        QemuTarget(firmware("nucleo_l4r5zi"), load_board("nucleo_l4r5zi"))


@pytest.mark.parametrize(
    ("name", "program", "package", "otherwise"),
    [
        ("mps2_an386", "qemu-system-arm", "qemu-system-arm", True),
        ("mps3_an547", "qemu-system-arm", "qemu-system-arm", False),
        ("riscv32_virt", "qemu-system-riscv32", "qemu-system-misc", True),
    ],
)
def test_qemu_is_not_installed(firmware, monkeypatch, name, program, package, otherwise):
    elf = firmware(name)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ToolchainError, match=f"{program} is not installed") as error:
        QemuTarget(elf, load_board(name))
    assert f"Debian: {package}" in error.value.hint
    assert ("Unicorn" in error.value.hint) == otherwise
