"""When a device received a command and had done it, by its own clock and by the host's."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firmware_bridge.clock import Clock
    from firmware_bridge.messages import Message
    from firmware_bridge.requests import Result

_FORM = struct.Struct("<QQ")


@dataclass(frozen=True)
class Stamps:
    """The answer to a command whose field `stamped` is 1; docs/protocol.md, "Stamps".

    Attributes:
        received_us: when its last byte had come, us of the device's clock.
        actuated_us: when the outputs were as it asks.
    """

    received_us: int
    actuated_us: int

    @classmethod
    def of(cls, message: Message, result: Result) -> Stamps | None:
        """Those in the answer to a message; None: it did not ask, or the device gave none."""
        if not getattr(message, "stamped", 0) or len(result.payload) != _FORM.size:
            return None
        return cls(*_FORM.unpack(result.payload))

    def on_host(self, clock: Clock) -> HostStamps | None:
        """The same instants on the host's clock; None before the first exchange of clocks."""
        offset_ns, error_ns = clock.offset_ns, clock.error_ns
        if offset_ns is None or error_ns is None:
            return None
        return HostStamps(
            self.received_us * 1000 - offset_ns, self.actuated_us * 1000 - offset_ns, error_ns
        )


@dataclass(frozen=True)
class HostStamps:
    """`Stamps` on the host's clock.

    Attributes:
        received_ns, actuated_ns: CLOCK_MONOTONIC nanoseconds. Their difference is the device's own.
        error_ns: bound of the error of either: how far they may lie off together.
    """

    received_ns: int
    actuated_ns: int
    error_ns: int
