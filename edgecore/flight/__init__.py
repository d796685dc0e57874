"""The flight recorder: the last seconds of a run, written on an event, and judged again later."""

from typing import TYPE_CHECKING, Any

from .recorder import FlightRecorder
from .ring import Entry, FlightRing

if TYPE_CHECKING:
    from .comparison import Judged
    from .process_replay import Replay, replay

__all__ = ["Entry", "FlightRecorder", "FlightRing", "Judged", "Replay", "replay"]


def __getattr__(name: str) -> Any:
    """What replays, on first use: a recorder needs neither pipeline nor link."""
    from importlib import import_module

    modules = {"Judged": ".comparison", "Replay": ".process_replay", "replay": ".process_replay"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(modules[name], __name__), name)
