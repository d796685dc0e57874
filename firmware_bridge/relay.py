"""Stands between a device and its host, copies bytes both ways, and shows them to a third.

A relay stands beside the link and hooks into nothing, so a recording costs the link one more read
and write on the way, and no more.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable

from firmware_bridge.doors import Door
from firmware_bridge.errors import BridgeConnectionError
from firmware_bridge.pcapng import Direction
from firmware_bridge.transport import Port, open_port

Tap = Callable[[Direction, int, bytes], None]

_TURN_S = 0.02
_RETRY_S = 0.5
_TO_DEVICE_MAX = 512
"""Read ahead of the line: little, the rest waits with the host, where commands go first."""
_TO_HOST_MAX = 1 << 16


class Relay:
    """Carries bytes between `url` and a door until closed; a thread of its own.

    A device that goes away is opened again; a host may come and go, or never come. What a host
    does not take in time is lost to it, as on a line, and counted.

    Attributes:
        url: where the host connects.
        lost: bytes for the host that it did not take.
        failure: what ended the relay: an error of the tap; None: nothing did.
        reason: why there is no device now; empty: there is one.
    """

    def __init__(self, url: str, door: Door, tap: Tap) -> None:
        """Opens the device.

        Args:
            url: the device, as for `connect`.
            door: where the host comes; it stays the caller's.
            tap: is shown all bytes with CLOCK_MONOTONIC of their arrival, ns, after they went on.

        Raises:
            BridgeConnectionError, ValueError: as of `connect`.
        """
        self._device_url = url
        self._door = door
        self._tap = tap
        self.url = door.url
        self.lost = 0
        self.failure: Exception | None = None
        self.reason = ""
        self._to_device = b""
        self._to_host = b""
        self._port: Port | None = open_port(url, timeout_s=2.0)
        self._usb = self._port.usb
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"relay {url}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it, for the tap with what it is shown; a second call does nothing."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether it still carries bytes."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn()
        except Exception as failure:
            self.failure = failure
        finally:
            self._drop_port()

    def _turn(self) -> None:
        self._door.look()
        if self._port is None and not self._reopen():
            return
        ready = self._wait()
        if self._door.fd in ready:
            data = self._door.receive(_TO_DEVICE_MAX)
            t_ns = time.monotonic_ns()
            self._to_device += data
            self._push()
            self._show("to_device", t_ns, data)
        if self._port is not None and self._port.fd in ready:
            data = self._read_port()
            t_ns = time.monotonic_ns()
            self._to_host += data
            self._push()
            self._show("from_device", t_ns, data)
        self._push()

    def _wait(self) -> set[int]:
        """Descriptors that have something to read."""
        look = select.poll()
        if self._door.fd is not None:
            wanted = 0 if self._to_device else select.POLLIN
            look.register(self._door.fd, wanted | (select.POLLOUT if self._to_host else 0))
        if self._port is not None:
            wanted = select.POLLIN | (select.POLLOUT if self._to_device else 0)
            look.register(self._port.fd, wanted)
        return {
            fd
            for fd, event in look.poll(_TURN_S * 1000)
            if event & (select.POLLIN | select.POLLHUP | select.POLLERR)
        }

    def _show(self, direction: Direction, t_ns: int, data: bytes) -> None:
        if data:
            self._tap(direction, t_ns, data)

    def _push(self) -> None:
        if self._to_host:
            self._to_host = self._to_host[self._door.send(self._to_host) :]
            self.lost += max(0, len(self._to_host) - _TO_HOST_MAX)
            self._to_host = self._to_host[-_TO_HOST_MAX:]
        if self._to_device and self._port is not None:
            try:
                self._to_device = self._to_device[os.write(self._port.fd, self._to_device) :]
            except BlockingIOError:
                pass
            except OSError as error:
                self._lose(error.strerror or str(error))

    def _read_port(self) -> bytes:
        assert self._port is not None
        try:
            data = os.read(self._port.fd, 4096)
        except BlockingIOError:
            return b""
        except OSError as error:
            self._lose(error.strerror or str(error))
            return b""
        if not data:
            self._lose("closed by the other side")
        return data

    def _lose(self, reason: str) -> None:
        self.reason = reason
        self._drop_port()
        self._to_device = self._to_host = b""
        self._door.leave()

    def _drop_port(self) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None

    def _reopen(self) -> bool:
        with contextlib.suppress(BridgeConnectionError):
            self._port = open_port(self._device_url, timeout_s=2.0, usb=self._usb)
            self.reason = ""
            return True
        self._stop.wait(_RETRY_S)
        return False
