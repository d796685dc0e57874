"""An SMP server with two MCUboot slots behind a test's device, from `smp`'s own types."""

from __future__ import annotations

import hashlib
import struct
import threading
from pathlib import Path
from typing import Any

from smp import header, image_management, os_management

from firmware_bridge.events import Requested, Status
from tests.link.device import Device

SMP = 0xF9
BUFFER_BYTES = 400
PIECE_BYTES = 50
RESET_AFTER_S = 0.1


class Slots:
    """What runs, what was uploaded, and what the next boot makes of it."""

    def __init__(self, running: bytes) -> None:
        self.images: list[bytes | None] = [running, None]
        self.pending = False
        self.confirmed = True
        self._upload = bytearray()
        self._wanted = (0, b"")

    def upload(self, asked: image_management.ImageUploadWriteRequest) -> dict[str, Any]:
        if asked.off == 0:
            assert asked.len is not None
            assert asked.sha is not None
            self._upload, self._wanted = bytearray(), (asked.len, asked.sha)
        if asked.off == len(self._upload):
            self._upload += asked.data
        done = len(self._upload) == self._wanted[0]
        if not done:
            return {"off": len(self._upload)}
        self.images[1] = bytes(self._upload)
        match = hashlib.sha256(self._upload).digest() == self._wanted[1]
        return {"off": len(self._upload), "match": match}

    def states(self) -> list[image_management.ImageState]:
        return [
            image_management.ImageState(
                slot=slot,
                version=image[:5].decode(),
                hash=hashlib.sha256(image).digest(),
                active=slot == 0,
                confirmed=slot == 0 and self.confirmed,
                pending=slot == 1 and self.pending,
            )
            for slot, image in enumerate(self.images)
            if image is not None
        ]

    def mark(self, wanted: image_management.ImageStatesWriteRequest) -> None:
        if wanted.confirm:
            self.confirmed = True
        else:
            self.pending = True

    def boot(self) -> None:
        """MCUboot: a pending image is swapped in on trial; one not confirmed is swapped back."""
        if self.pending or not self.confirmed:
            self.images.reverse()
            self.confirmed = not self.pending
            self.pending = False


class SmpServer:
    """Answers SMP messages in pieces, docs/protocol.md, "SMP"; resets its device when asked to."""

    def __init__(self, path: Path, **key: Any) -> None:
        self.slots = Slots(b"1.0.0 the first")
        self.messages = 0
        self._came = b""
        self._answer = b""
        self.device = Device(path, answer=self.answer, **key)

    def answer(self, request: Requested) -> tuple[int, bytes]:
        if request.type != SMP:
            return Status.UNKNOWN_TYPE, b""
        offset, length = struct.unpack_from("<HH", request.payload)
        data = request.payload[4:]
        if length != 0:
            if offset == 0:
                self._came = b""
            if offset != len(self._came) or length > BUFFER_BYTES:
                return Status.BAD_ARGUMENT, b""
            self._came += data
            if len(self._came) < length:
                return Status.DONE, b""
            self.messages += 1
            self._answer, offset = self.serve(self._came), 0
        piece = self._answer[offset : offset + PIECE_BYTES]
        return Status.DONE, struct.pack("<H", len(self._answer)) + piece

    def serve(self, message: bytes) -> bytes:
        asked = header.Header.loads(message[: header.Header.SIZE])
        answering: dict[str, Any] = {"version": asked.version, "sequence": asked.sequence}
        what = (asked.op.name, int(asked.group_id), int(asked.command_id))
        if what == ("WRITE", 0, 0):
            echo = os_management.EchoWriteRequest.loads(message)
            return os_management.EchoWriteResponse(r=echo.d, **answering).BYTES
        if what == ("WRITE", 0, 5):
            threading.Timer(RESET_AFTER_S, self.reset).start()
            return os_management.ResetWriteResponse(**answering).BYTES
        if what == ("WRITE", 1, 1):
            taken = self.slots.upload(image_management.ImageUploadWriteRequest.loads(message))
            return image_management.ImageUploadWriteResponse(**taken, **answering).BYTES
        if what == ("WRITE", 1, 0):
            self.slots.mark(image_management.ImageStatesWriteRequest.loads(message))
            states = self.slots.states()
            return image_management.ImageStatesWriteResponse(images=states, **answering).BYTES
        if what == ("READ", 1, 0):
            states = self.slots.states()
            return image_management.ImageStatesReadResponse(images=states, **answering).BYTES
        assert what == ("READ", 0, 6)
        return os_management.MCUMgrParametersReadResponse(
            buf_size=BUFFER_BYTES, buf_count=1, **answering
        ).BYTES

    def reset(self) -> None:
        self.device.die()
        self.slots.boot()
        self._came = b""
        self.device.boot()

    def close(self) -> None:
        self.device.die()
