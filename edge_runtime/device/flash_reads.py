"""Bytes that loads take from flash in Unicorn, where a board's core waits for them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from unicorn import arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import Uc, UcError, uclib

from edge_runtime.boards import Region
from edge_runtime.device.counter import FIRST_LAYER, Counter
from edge_runtime.errors import EmulationError


class _Reads(ctypes.Structure):
    _fields_ = (
        ("counter", ctypes.c_void_p),
        ("bytes", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("status", ctypes.c_int),
    )


class FlashReads:
    """Counts what is read while `counting`, by the buckets of `counter`.

    Args:
        native: the code of native/unicorn.c.
        uc: the emulator.
        flash: the memory that is meant.
        counter: says where the running code is counted.
        layers: how many the model has.
    """

    def __init__(
        self, native: ctypes.CDLL, uc: Uc, flash: Region, counter: Counter, layers: int
    ) -> None:
        self._uc = uc
        self._flash = flash
        self._bytes = np.zeros(FIRST_LAYER + layers, np.uint64)
        self._callback = ctypes.cast(native.er_on_read, ctypes.c_void_p)
        self._reads = _Reads(
            counter.memory.ctypes.data,
            self._bytes.ctypes.data,
            ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p),
            ctypes.cast(uclib.uc_reg_write, ctypes.c_void_p),
            arm_const.UC_ARM_REG_XPSR,
        )

    def of(self, bucket: int) -> int:
        """Bytes that a bucket's code read."""
        return int(self._bytes[bucket])

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count from here on, from 0. All code that loads runs slower meanwhile."""
        self._bytes[:] = 0
        hook = ctypes.c_size_t()
        self._check(
            uclib.uc_hook_add(
                self._uc._uch,
                ctypes.byref(hook),
                unicorn_const.UC_HOOK_MEM_READ,
                self._callback,
                ctypes.byref(self._reads),
                ctypes.c_uint64(self._flash.start),
                ctypes.c_uint64(self._flash.end - 1),
            )
        )
        self._uc.ctl_flush_tb()  # code that ran before knows nothing of the hook
        try:
            yield
        finally:
            self._check(uclib.uc_hook_del(self._uc._uch, hook))
            self._uc.ctl_flush_tb()

    def _check(self, code: int) -> None:
        if code != unicorn_const.UC_ERR_OK:
            raise EmulationError(f"Unicorn refuses to count reads: {UcError(code)}")
