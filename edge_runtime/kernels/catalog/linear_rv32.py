"""Convolution, depthwise convolution and fully connected: int8, on RV32IM."""

from __future__ import annotations
