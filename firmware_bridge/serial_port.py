"""What a serial port is beside its bytes: the USB device behind it, and how long it holds them."""

from __future__ import annotations

import array
import fcntl
import os
from typing import NamedTuple

_TIOCGSERIAL, _TIOCSSERIAL = 0x541E, 0x541F
_FLAGS = 4
"""Index of `flags` in Linux's struct serial_struct, in ints (linux/serial.h)."""
_STRUCT_INTS = 18
_ASYNC_LOW_LATENCY = 1 << 13


class UsbIdentity(NamedTuple):
    """One USB device among others: its maker's numbers, and its own, or else its socket.

    Attributes:
        vid, pid: vendor and product.
        serial_number: None: it has none, and is known by where it is plugged in.
        location: bus and ports on the way.
    """

    vid: int
    pid: int
    serial_number: str | None
    location: str | None

    @classmethod
    def of(cls, path: str) -> UsbIdentity | None:
        """Of the device behind a port; None: not USB, or not to be known."""
        real = os.path.realpath(path)
        return next((identity for device, identity in _ports() if device == real), None)

    def find(self, path: str) -> str:
        """Where the device is now; `path` if it is still there, or nowhere to be seen."""
        if self._same(UsbIdentity.of(path)):
            return path
        return next((device for device, found in _ports() if self._same(found)), path)

    def _same(self, other: UsbIdentity | None) -> bool:
        if other is None or (self.vid, self.pid) != (other.vid, other.pid):
            return False
        if self.serial_number is not None or other.serial_number is not None:
            return self.serial_number == other.serial_number
        return self.location == other.location


def _ports() -> list[tuple[str, UsbIdentity]]:
    """Ports of USB devices, by their real paths."""
    from serial.tools.list_ports import comports  # looks through /sys: only when it is needed

    return [
        (
            os.path.realpath(port.device),
            UsbIdentity(port.vid, port.pid, port.serial_number, port.location),
        )
        for port in comports()
        if port.vid is not None
    ]


def ask_low_latency(fd: int) -> str:
    """Asks the driver to hand bytes on at once; says what the driver says afterwards.

    An FTDI chip otherwise holds them for up to 16 ms.
    """
    settings = array.array("i", bytes(4 * _STRUCT_INTS))
    try:
        fcntl.ioctl(fd, _TIOCGSERIAL, settings, True)
        settings[_FLAGS] |= _ASYNC_LOW_LATENCY
        fcntl.ioctl(fd, _TIOCSSERIAL, settings)
        fcntl.ioctl(fd, _TIOCGSERIAL, settings, True)
    except OSError as error:
        return f", low latency refused by the driver ({error.strerror})"
    on = settings[_FLAGS] & _ASYNC_LOW_LATENCY
    return ", low latency" if on else ", low latency asked for, but the driver says it is off"
