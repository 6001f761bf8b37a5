"""The native counter against the same accounting in Python."""

from __future__ import annotations

import ctypes
import dataclasses
from collections import Counter as Tally
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.device import counter as counters
from edge_runtime.device.counter import FIRST_LAYER, OUTSIDE, OVERHEAD, Counter, new_memory
from edge_runtime.device.machine import _Watch
from edge_runtime.device.native_library import library
from edge_runtime.device.symbols import Function, Image
from edge_runtime.errors import EmulationError

BASE = 0x0800_0000
LINK = range(BASE, BASE + 0x40)
INVOKE = Function("model_invoke", BASE + 0x40, 0x10)
LAYERS = tuple(Function(f"model_layer_{i}", BASE + 0x60 + 0x20 * i, 0x20) for i in range(2))
KERNEL = Function("kernel", BASE + 0xA0, 0x20)
CODE = range(BASE, BASE + 0x100)
TICK = Function("SysTick_Handler", BASE + 0x20, 0x10)
IMAGE = Image(
    path=Path("firmware.elf"),
    architecture="arm",
    segments=(),
    vectors=BASE,
    code=CODE,
    model_code=range(LINK.stop, CODE.stop),
    functions=(INVOKE, *LAYERS, KERNEL),
)
CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)


class Native:
    """The counter, called as Unicorn calls it."""

    def __init__(self, image=IMAGE):
        self.counter = Counter(image, new_memory(image))
        self.stops = 0
        self._stop = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(self._stopped)
        stop = ctypes.cast(self._stop, ctypes.c_void_p)
        self._watch = _Watch(self.counter.memory.ctypes.data, stop)
        self._call = CALL(("er_on_block", ctypes.CDLL(str(library("unicorn")))))

    def run(self, blocks):
        for address, size in blocks:
            self._call(None, address, size, ctypes.addressof(self._watch))

    def counts(self, bucket):
        return {
            (block.address, block.size): (block.executions, block.taken)
            for block in self.counter.blocks(bucket)
        }

    def _stopped(self, _emulator):
        self.stops += 1
        return 0


def bucket_after(bucket, address):
    if address in LINK:
        return OUTSIDE
    if address in range(INVOKE.address, INVOKE.address + INVOKE.size):
        return OVERHEAD
    for index, layer in enumerate(LAYERS):
        if address == layer.address:
            return FIRST_LAYER + index
    return bucket


def expected(blocks):
    bucket, last = OUTSIDE, None
    executions, taken = Tally(), Tally()
    for address, size in blocks:
        if last is not None and address != last[1] + last[2]:
            taken[last] += 1
        bucket = bucket_after(bucket, address)
        last = bucket, address, size
        executions[last] += 1
    return executions, taken


blocks = st.lists(
    st.tuples(
        st.integers(0, 0x70).map(lambda n: BASE + 2 * n), st.integers(1, 8).map(lambda n: 2 * n)
    ),
    max_size=60,
)


@settings(deadline=None)
@given(blocks)
def test_counts(sequence):
    native = Native()
    native.counter.fuel = 1 << 40
    native.run(sequence)
    executions, taken = expected(sequence)
    for bucket in range(FIRST_LAYER + 2):
        assert native.counts(bucket) == {
            key[1:]: (count, taken[key]) for key, count in executions.items() if key[0] == bucket
        }


def test_clear_keeps_where_it_is():
    native = Native()
    native.counter.fuel = 1 << 40
    native.run([(LAYERS[1].address, 4), (KERNEL.address, 8)])
    assert native.counter.activity == "layer 1"
    assert native.counter.pc == KERNEL.address
    native.counter.clear()
    assert native.counts(FIRST_LAYER + 1) == {}
    native.run([(KERNEL.address, 8), (INVOKE.address, 2), (BASE, 2)])
    assert native.counts(FIRST_LAYER + 1) == {(KERNEL.address, 8): (1, 1)}
    assert native.counter.activity == "no layer"


def test_it_stops_without_fuel_and_counts_nothing_twice():
    native = Native()
    native.counter.fuel = 5
    native.run([(BASE, 4), (BASE + 4, 4), (BASE + 8, 4), (BASE + 8, 4)])
    assert native.stops == 2
    assert native.counter.fuel == -3
    native.counter.fuel = 4
    native.run([(BASE + 8, 4)])
    assert native.counts(OUTSIDE) == {
        (BASE, 4): (1, 0),
        (BASE + 4, 4): (1, 0),
        (BASE + 8, 4): (1, 0),
    }


def test_code_elsewhere_is_not_counted():
    native = Native()
    native.counter.fuel = 1 << 40
    native.run([(BASE, 4), (0x2000_0000, 4), (BASE - 2, 2), (BASE + 4, 4)])
    assert native.counts(OUTSIDE) == {(BASE, 4): (1, 1), (BASE + 4, 4): (1, 0)}


def test_too_many_blocks_are_said(monkeypatch):
    monkeypatch.setattr(counters, "_CAPACITY", 4)
    native = Native()
    native.counter.fuel = 1 << 40
    native.run([(BASE + 2 * n, 2) for n in range(6)])
    with pytest.raises(EmulationError, match="more than 4 blocks"):
        native.counter.blocks(OUTSIDE)


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ((), "some are missing"),
        ((Function("model_layer_1", BASE + 0x60, 2),), "some are missing"),
        ((LAYERS[0], Function("model_layer_1", LAYERS[0].address, 2)), "share their code"),
    ],
)
def test_layers_must_be_there(layers, told):
    image = dataclasses.replace(IMAGE, functions=(INVOKE, *layers))
    with pytest.raises(EmulationError, match=told):
        Counter(image, new_memory(image))


def test_clones_by_the_compiler_are_layers():
    clone = Function("model_layer_1.constprop.0", LAYERS[1].address, 2)
    image = dataclasses.replace(IMAGE, functions=(INVOKE, LAYERS[0], clone, KERNEL))
    assert image.layers == (LAYERS[0], clone)
    assert image.where(KERNEL.address + 6) == "kernel+0x6"
    assert image.where(KERNEL.address) == "kernel"
    assert image.where(0x6000_0000) == "0x60000000"


def test_the_layout_is_that_of_the_native_code():
    assert np.dtype(counters._HEADER).itemsize == 40
    assert np.dtype(counters._BLOCK).itemsize == 32


def test_the_interrupt_that_counts_cycles_is_counted_with_what_it_interrupts():
    native = Native(dataclasses.replace(IMAGE, functions=(TICK, *IMAGE.functions)))
    native.counter.fuel = 1000
    layer = LAYERS[1].address
    native.run([(INVOKE.address, 4), (layer, 4), (TICK.address, 8), (layer + 4, 4)])
    counted = {block.address for block in native.counter.blocks(FIRST_LAYER + 1)}
    assert counted == {layer, TICK.address, layer + 4}
    assert not native.counter.blocks(OUTSIDE)
