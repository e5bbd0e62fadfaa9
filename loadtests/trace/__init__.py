"""Real orders: one trading day that ships with the package, or a whole season from a path."""

from .trace import Correction, Trace, TraceError, TraceLine, TraceOrder

__all__ = ["Correction", "Trace", "TraceError", "TraceLine", "TraceOrder"]
