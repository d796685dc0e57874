"""A detector in a process of its own, for models and delegates that are not trusted to live."""

from .detector import Death, IsolatedDetector

__all__ = ["Death", "IsolatedDetector"]
