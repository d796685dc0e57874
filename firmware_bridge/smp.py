"""SMP over a link: what `smpclient` needs to manage an MCUboot or Zephyr device through it.

The Simple Management Protocol is smpclient's to speak; this carries its messages, whole and in
order, beside the commands and telemetry of the same link (docs/smp.md).
"""

from __future__ import annotations

import asyncio
import struct
from concurrent.futures import Future

from firmware_bridge.errors import BridgeConnectionError, ProtocolError, RefusedError
from firmware_bridge.events import Status
from firmware_bridge.link import Link
from firmware_bridge.messages import Message
from firmware_bridge.patience import Patience
from firmware_bridge.requests import Result
from firmware_bridge.schema import MessageInfo
from firmware_bridge.transfer import BULK_CHANNEL

SMP = 0xF9
_PIECE = struct.Struct("<HH")
_LENGTH = struct.Struct("<H")


class _Piece(Message, info=MessageInfo("SMP", SMP, BULK_CHANNEL, 0, ())):
    def __init__(self, offset: int, length: int, data: bytes = b"") -> None:
        self._record = _PIECE.pack(offset, length) + data

    def pack(self) -> bytes:
        return self._record


class SmpTransport:
    """A transport for `smpclient.SMPClient`, over a link that others may use meanwhile.

    It has the methods of `smpclient.transport.SMPTransport`. Errors come as the link's own, such as
    RefusedError (with `Status.UNAUTHENTICATED`: the link needs the key), UnknownOutcomeError after
    a reset, LinkClosedError.
    """

    def __init__(self, link: Link, *, mtu: int = 384, timeout: float = 40.0) -> None:
        """Makes a transport for one client.

        Args:
            link: open, or about to be; it stays the caller's.
            mtu: bytes of an SMP message, until the server has said how many it takes.
            timeout: the longest a message may wait before the device begins with it, s; one that
                waited longer is never executed.

        Raises:
            ValueError: mtu outside 64..65535.
        """
        if not 64 <= mtu <= 0xFFFF:
            raise ValueError(f"mtu must be in 64..65535 bytes, got {mtu}")
        self._link = link
        self._mtu = mtu
        self._timeout = timeout
        self._server_takes: int | None = None
        self._answer: Future[Result] | None = None

    @property
    def mtu(self) -> int:
        """Bytes of an SMP message at most, as given."""
        return self._mtu

    @property
    def max_unencoded_size(self) -> int:
        """Bytes of an SMP message at most, as the server said, or else as given."""
        return self._server_takes or self._mtu

    def initialize(self, smp_server_transport_buffer_size: int) -> None:
        """The server takes messages of so many bytes."""
        self._server_takes = min(0xFFFF, smp_server_transport_buffer_size)

    async def connect(self, address: str, timeout_s: float) -> None:
        """Waits for the link to be open. `address`: of the link, which is known already.

        Raises:
            BridgeConnectionError: it is not, within the time.
        """
        patience = Patience(timeout_s)
        while self._link.state != "open":
            slice_s = patience.slice_s()
            if self._link.state == "closed" or slice_s == 0.0:
                raise BridgeConnectionError(
                    f"{address}: expected an open link, got one that is {self._link.state} "
                    f"({self._link.state_reason})"
                )
            await asyncio.sleep(slice_s)

    async def disconnect(self) -> None:
        """Forgets an answer that is still to come; the link stays open."""
        self._answer = None

    async def send(self, data: bytes) -> None:
        """Sends an SMP message; `receive` gives its answer.

        Raises:
            ValueError: the message is empty or longer than 65535 bytes.
            LinkBusyError, LinkClosedError: it was not sent.
        """
        if not 0 < len(data) <= 0xFFFF:
            raise ValueError(f"an SMP message has 1 to 65535 bytes, got {len(data)}")
        room = self._link.info.payload_max - _PIECE.size
        for offset in range(0, len(data), room):
            piece = _Piece(offset, len(data), data[offset : offset + room])
            self._answer = self._link.submit(piece, self._timeout)

    async def receive(self) -> bytes:
        """The SMP message that answers the last one sent.

        Raises:
            ProtocolError: nothing was sent, or the device's answer makes no sense.
            BridgeError: how the request ended, if not well.
        """
        if self._answer is None:
            raise ProtocolError("SMP: no message was sent that could be answered")
        future, self._answer = self._answer, None
        try:
            payload = (await asyncio.wrap_future(future)).payload
        except RefusedError as error:
            if error.status == Status.UNKNOWN_TYPE:
                text = "the device has no SMP server behind its link"
                raise RefusedError(text, status=error.status) from None
            raise
        length, answer = _taken(payload)
        step = len(answer)
        rest = [
            self._link.submit(_Piece(at, 0), self._timeout)
            for at in range(step, length, max(1, step))
        ]
        for future in rest:
            total, piece = _taken((await asyncio.wrap_future(future)).payload)
            if total != length:
                raise ProtocolError(f"SMP: an answer of {length} bytes became one of {total}")
            answer += piece
        if len(answer) != length or length == 0:
            raise ProtocolError(f"SMP: expected an answer of {length} bytes, got {len(answer)}")
        return answer

    async def send_and_receive(self, data: bytes) -> bytes:
        """`send`, and its answer by `receive`."""
        await self.send(data)
        return await self.receive()


def _taken(payload: bytes) -> tuple[int, bytes]:
    """The length of an answer, and the piece of it that came."""
    if len(payload) < _LENGTH.size:
        raise ProtocolError(f"SMP: an answer has at least 2 bytes, got {len(payload)}")
    return _LENGTH.unpack_from(payload)[0], payload[_LENGTH.size :]
