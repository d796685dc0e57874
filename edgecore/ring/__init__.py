"""Frames of one camera shared among processes on this device, without copying; see docs/ring.md."""

from .consumer import Consumer
from .producer import Producer, Slot

__all__ = ["Consumer", "Producer", "Slot"]
