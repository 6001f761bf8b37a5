"""Reports: one HTML file, and tables for a terminal."""

from edge_runtime.measurement import Layer
from edge_runtime.report.model import Accuracy, Budget, Candidate, ReportData, Search

__all__ = ["Accuracy", "Budget", "Candidate", "Layer", "ReportData", "Search"]
