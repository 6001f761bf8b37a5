"""The latency model: cycles of a kernel from the shapes around it, fitted to what was measured."""

from edge_runtime.latency.model import Estimate, KernelLatency, LatencyModel, Sample, fit_model

__all__ = ["Estimate", "KernelLatency", "LatencyModel", "Sample", "fit_model"]
