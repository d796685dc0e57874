"""Plays the part on a board that checks signatures, see csrc/firmware/port/mps2/element.h.

For development: a board in the field has the key in silicon, here whoever starts the machine
chooses it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

from firmware_bridge._codec import crc32c
from firmware_bridge.codec import Decoder
from firmware_bridge.manifest import Verify

_MESSAGE_BYTES, _SIGNATURE_BYTES = 60, 64


def serve(line: socket.socket, verify: Verify) -> threading.Thread:
    """Answers on the line, in a thread of its own, until its other end is closed or killed."""

    def answer() -> None:
        decoder = Decoder()
        with line, contextlib.suppress(ConnectionError):
            while data := line.recv(4096):
                for frame in decoder.feed(data):
                    line.sendall(_verdict(frame.payload, verify))

    thread = threading.Thread(target=answer, name="signature element", daemon=True)
    thread.start()
    return thread


def _verdict(asked: bytes, verify: Verify) -> bytes:
    whole = len(asked) == _MESSAGE_BYTES + _SIGNATURE_BYTES
    good = whole and verify(asked[:_MESSAGE_BYTES], asked[_MESSAGE_BYTES:])
    return struct.pack("<IB", crc32c(asked), good)
