"""A device that is simply there: at a serial port, a socket, any URL of `connect`."""

from __future__ import annotations

from firmware_bridge.testing.targets.target import Target
from firmware_bridge.transport import Port, open_port

_PATIENCE_S = 5.0


class LineTarget(Target):
    """A path or URL; its power is somebody else's.

    Not bridged unless asked for: a host at the port itself knows its USB identity and may make the
    line quicker, through a bridge it cannot.
    """

    def __init__(self, url: str, *, bridged: bool = False) -> None:
        super().__init__()
        self.name = url
        self.bridged = bridged

    @property
    def url(self) -> str:
        """As given."""
        return self.name

    def open(self) -> Port:
        """The port itself."""
        return open_port(self.url, timeout_s=_PATIENCE_S)
