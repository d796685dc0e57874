"""QEMU's machine protocol: a JSON object a line, one answer to each command."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

from firmware_bridge.errors import BridgeError

_PATIENCE_S = 30.0


class Monitor:
    """A conversation with QEMU; its greeting is awaited, so QEMU is up once this is made.

    Threads may share it: a fault of the line and the test itself both have commands.

    Raises:
        EOFError: QEMU ended instead.
        TimeoutError: it says nothing.
    """

    def __init__(self, line: socket.socket) -> None:
        line.settimeout(_PATIENCE_S)
        self._line = line
        self._talking = threading.Lock()
        self._received = b""
        self._next()
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        """What the command returns.

        Raises:
            BridgeError: QEMU refused; the text says why.
            EOFError, TimeoutError: it ended, or says nothing.
        """
        request = {"execute": command, "arguments": arguments}
        with self._talking:
            self._line.sendall(json.dumps(request).encode() + b"\n")
            answer = self._next()
            while not {"error", "return"} & answer.keys():  # all else is events
                answer = self._next()
        if "error" in answer:
            raise BridgeError(f"qemu: {command}: {answer['error']['desc']}")
        return answer["return"]

    def _next(self) -> dict[str, Any]:
        while b"\n" not in self._received:
            piece = self._line.recv(65536)
            if not piece:
                raise EOFError("QEMU ended")
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer
