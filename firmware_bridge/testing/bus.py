"""An emulated machine's bus, read and written from outside, by QEMU's qtest protocol."""

from __future__ import annotations

import socket

from firmware_bridge.errors import BridgeError

_PATIENCE_S = 30.0


class Bus:
    """Registers of the machine; the processor runs on meanwhile."""

    def __init__(self, line: socket.socket) -> None:
        line.settimeout(_PATIENCE_S)
        self._line = line
        self._received = b""

    def read(self, address: int) -> int:
        """The word at that address.

        Raises:
            BridgeError: QEMU refused; the text says why.
            EOFError, TimeoutError: it ended, or says nothing.
        """
        return int(self._ask(f"readl {address:#x}"), 16)

    def write(self, address: int, word: int) -> None:
        """Raises as `read`."""
        self._ask(f"writel {address:#x} {word:#x}")

    def _ask(self, command: str) -> str:
        self._line.sendall(command.encode() + b"\n")
        while b"\n" not in self._received:
            piece = self._line.recv(4096)
            if not piece:
                raise EOFError("QEMU ended")
            self._received += piece
        answer, _, self._received = self._received.partition(b"\n")
        verdict, _, said = answer.decode().partition(" ")
        if verdict != "OK":
            raise BridgeError(f"qemu: {command}: {answer.decode()}")
        return said

    def close(self) -> None:
        """A second call does nothing."""
        self._line.close()
