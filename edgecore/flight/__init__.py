"""The flight recorder: the last seconds of a run, written on an event, and judged again later."""

from .recorder import FlightRecorder
from .replay import Divergence, Judged, Replay, replay
from .ring import Entry, FlightRing

__all__ = [
    "Divergence",
    "Entry",
    "FlightRecorder",
    "FlightRing",
    "Judged",
    "Replay",
    "replay",
]
