"""What frames say, in words: names, fields and units out of bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from firmware_bridge._link import CHANNELS
from firmware_bridge.codec import Decoder, Frame
from firmware_bridge.errors import ProtocolError
from firmware_bridge.events import Status
from firmware_bridge.log_line import LOG_CHANNEL, LOG_LINE, LogLine
from firmware_bridge.log_table import LogTables
from firmware_bridge.pcapng import Direction
from firmware_bridge.recording import Piece, Recording, Splitter
from firmware_bridge.schema import MessageInfo, Schema
from firmware_bridge.sealing import KEYED, NONCE_BYTES, PROOF_BYTES, PROVEN, Seal, Seals

KINDS = ("DATA", "REQUEST", "RESULT", "ACK", "HELLO", "HEARTBEAT", "PING", "PONG")
DATA, REQUEST, RESULT, ACK, HELLO, HEARTBEAT, PING, PONG = range(len(KINDS))
DESCRIBE = 0xF0
"""Type of the request for the served table."""


class _Layout(NamedTuple):
    """The fixed part of a body, docs/protocol.md, "A frame"."""

    form: struct.Struct
    names: tuple[str, ...]
    units: dict[str, str]


def _layout(form: str, names: str, **units: str) -> _Layout:
    return _Layout(struct.Struct("<" + form), tuple(names.split()), units)


LAYOUTS = {
    REQUEST: _layout("HHH", "session id left", left="ms"),
    RESULT: _layout("HHBx", "session id status"),
    ACK: _layout("HHIHI", "session expected received oldest resolved"),
    HELLO: _layout(
        "BBBBHHIIIHHBx",
        "protocol_min protocol_max role flags session body_max boot_id known_boot schema_hash "
        "first_id payload_max window",
    ),
    HEARTBEAT: _layout("HH", "session lease", lease="ms"),
    PING: _layout("Q", "t1", t1="us"),
    PONG: _layout("QQQ", "t1 t2 t3", t1="us", t2="us", t3="us"),
}


@dataclass(frozen=True)
class Reading:
    """One frame, or bytes that are none.

    Attributes:
        direction, t_ns: as recorded; None: not known.
        data: the bytes on the wire.
        frame: what they hold; None: nothing, `error` says why.
        body: the frame's payload without its seal.
        seal: of a frame in an authenticated session, and the proof of a HELLO; None: it has none.
        error: "cobs", "short", "long" or "crc" as in docs/protocol.md; "cut": the end is missing;
            of a good frame, "auth": its seal is not the key's; or a sentence: its body makes no
            sense; None: all is well.
        message: name of the message, where it has one.
        head: fields of the frame's kind, by name.
        records: fields of each record, by name, in their units.
        units: of `head` and `records`, by field; unitless ones are left out.
    """

    direction: Direction | None
    t_ns: int | None
    data: bytes
    frame: Frame | None = None
    body: bytes = b""
    seal: Seal | None = None
    error: str | None = None
    message: str | None = None
    head: dict[str, Any] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The frame's kind, for people."""
        if self.frame is None:
            return "damaged"
        return KINDS[self.frame.kind] if self.frame.kind < len(KINDS) else f"kind {self.frame.kind}"

    @property
    def channel(self) -> str:
        """The frame's channel, for people."""
        if self.frame is None:
            return ""
        number = self.frame.channel
        return CHANNELS[number] if number < len(CHANNELS) else f"channel {number}"


class Interpreter:
    """Reads both directions of a link; a decoder each.

    A device that says HELLO with another table is believed: its messages are bytes until the table
    itself comes by on its way to the host, unless it is known already.

    Attributes:
        schema: the messages as last known.
    """

    def __init__(
        self,
        schema: Schema,
        tables: LogTables | None = None,
        *,
        key: bytes | None = None,
        sealed: bool = False,
        known: MutableMapping[int, Schema] | None = None,
    ) -> None:
        """Begins.

        Args:
            schema: the messages.
            tables: the words of log lines; None: those of firmware that this package has.
            key: to verify seals by.
            sealed: an authenticated session is under way.
            known: tables by their hashes that a HELLO may name; one that passes is added.
        """
        self.schema = schema
        self._known = {schema.hash: schema} if known is None else known
        self._tables = LogTables() if tables is None else tables
        self._seals = Seals(key, sealed=sealed)
        self._said_hash = 0
        self._overheard = _Overheard()
        self._decoders: dict[Direction | None, Decoder] = {}

    def read(self, piece: Piece) -> Reading:
        """What a piece says."""
        return self._read(piece.direction, piece.t_ns, piece.data)

    def stream(self, chunks: Iterable[bytes]) -> Iterator[Reading]:
        """What a plain stream of bytes says, of which neither direction nor time is known."""
        splitter = Splitter()
        for chunk in chunks:
            for _, data in splitter.feed(0, chunk):
                yield self._read(None, None, data)
        for _, data in splitter.flush():
            if any(data):
                yield Reading(None, None, data, error="cut")

    def _read(self, direction: Direction | None, t_ns: int | None, data: bytes) -> Reading:
        decoder = self._decoders.get(direction)
        if decoder is None:
            decoder = self._decoders[direction] = Decoder()
        before = decoder.errors
        frames = decoder.feed(data)
        if not frames:
            after = decoder.errors
            reasons = [name for name in after if after[name] != before[name]]
            return Reading(direction, t_ns, data, error=reasons[0] if reasons else "cut")
        return self._explain(Reading(direction, t_ns, data, frames[0]), frames[0])

    def _explain(self, reading: Reading, frame: Frame) -> Reading:
        body, seal = frame.payload, None
        if frame.kind != HELLO:
            body, seal = self._seals.open(reading.direction, frame)
        reading = replace(reading, body=body, seal=seal)
        if seal is not None and seal.verified is False:
            return replace(reading, error="auth")
        try:
            head, payload = _opened(frame, body)
        except ValueError as error:
            return replace(reading, error=str(error))
        units = dict(LAYOUTS[frame.kind].units) if head else {}
        reading = replace(reading, head=head, units=units)
        if frame.kind == HELLO:
            seal = self._seals.hello(frame, head, len(body) - len(payload))
            forged = seal is not None and seal.verified is False
            reading = replace(reading, seal=seal, error="auth" if forged else None)
            if forged:
                return reading
        self._notice(frame, head, payload)
        if (frame.kind, frame.channel, frame.type) == (DATA, LOG_CHANNEL, LOG_LINE):
            return self._logged(reading, payload)
        if frame.kind not in (DATA, REQUEST, RESULT):
            return reading
        info = self._message(frame.type)
        if info is None:
            return replace(reading, message="descriptors" if frame.type == DESCRIBE else None)
        reading = replace(reading, message=info.name)
        if frame.kind == RESULT:
            return reading
        units.update({each.name: each.unit for each in info.fields if each.unit})
        try:
            return replace(reading, records=records(info, payload, batch=frame.kind == DATA))
        except ValueError as error:
            return replace(reading, error=str(error))

    def _logged(self, reading: Reading, payload: bytes) -> Reading:
        try:
            line = LogLine.parse(payload)
        except ValueError as error:
            return replace(reading, message="log_line", error=str(error))
        said = line.read(self._tables)
        record = {"t_us": line.t_us, "number": line.number, "level": line.level, **said._asdict()}
        return replace(reading, message="log_line", records=[record], units={"t_us": "us"})

    def _notice(self, frame: Frame, head: dict[str, Any], payload: bytes) -> None:
        """Follows which table is in force."""
        if frame.kind == HELLO:
            self._said_hash = head["schema_hash"] or self._said_hash
            self.schema = self._known.get(self._said_hash, self.schema)
        elif frame.kind in (REQUEST, RESULT) and frame.type == DESCRIBE:
            passed = self._overheard.take(frame.kind, head, payload)
            if passed is not None:
                self.schema = self._known[passed.hash] = passed

    def _message(self, type: int) -> MessageInfo | None:
        known = self._said_hash in (0, self.schema.hash)
        return self.schema.by_type.get(type) if known else None


def _opened(frame: Frame, body: bytes) -> tuple[dict[str, Any], bytes]:
    """The fixed part of a body by name, and what follows it.

    Raises:
        ValueError: the body is too short.
    """
    layout = LAYOUTS.get(frame.kind)
    if layout is None:
        return {}, body
    size = layout.form.size
    if len(body) < size:
        raise ValueError(f"{KINDS[frame.kind]} has at least {size} bytes, got {len(body)}")
    head = dict(zip(layout.names, layout.form.unpack_from(body), strict=True))
    payload = body[size:]
    if frame.kind == HELLO:
        name, version, rest = [*payload.split(b"\0", 2), b"", b""][:3]
        head["name"] = name.decode("utf-8", "replace")
        head["version"] = version.decode("utf-8", "replace")
        nonce, proof = rest[:NONCE_BYTES], rest[NONCE_BYTES : NONCE_BYTES + PROOF_BYTES]
        if head["flags"] & KEYED and len(nonce) == NONCE_BYTES:
            head["nonce"] = nonce.hex()
            if head["flags"] & PROVEN and len(proof) == PROOF_BYTES:
                head["proof"] = proof.hex()
        payload = rest
    elif frame.kind == RESULT and head["status"] in Status.__members__.values():
        head["status"] = Status(head["status"]).name
    return head, payload


class _Overheard:
    """A table that passes by in pieces, docs/protocol.md, "Descriptors"."""

    def __init__(self) -> None:
        self._asked: dict[tuple[int, int], int] = {}
        self._pieces: dict[int, bytes] = {}

    def take(self, kind: int, head: dict[str, Any], payload: bytes) -> Schema | None:
        """The table, when this was the last piece of it that lacked."""
        key = (head["session"], head["id"])
        if kind == REQUEST and len(payload) >= 2:
            self._asked[key] = int.from_bytes(payload[:2], "little")
        elif kind == RESULT and len(payload) > 2 and key in self._asked:
            offset = self._asked.pop(key)
            if offset == 0:
                self._pieces.clear()
            self._pieces[offset] = payload[2:]
            blob = b"".join(self._pieces[at] for at in sorted(self._pieces))
            if len(blob) == int.from_bytes(payload[:2], "little"):
                with suppress(ProtocolError):
                    return Schema.parse(blob)
        return None


def readings(recording: Recording, key: bytes | None = None) -> Iterator[Reading]:
    """What each piece of a recording says, by the tables in it; `key`: to verify seals by."""
    interpreter = Interpreter(
        recording.schema, recording.log_tables, key=key, sealed=recording.sealed
    )
    schema = recording.schema
    for piece in recording:
        if recording.schema is not schema:
            interpreter.schema = schema = recording.schema
        yield interpreter.read(piece)


def records(info: MessageInfo, payload: bytes, *, batch: bool) -> list[dict[str, Any]]:
    """Fields of each record in a payload, in their units; a batch holds whole records only.

    Raises:
        ValueError: a required field is not wholly there.
    """
    count = max(1, len(payload) // info.size) if batch and info.size else 1
    pieces = [payload[i * info.size : (i + 1) * info.size] for i in range(count)]
    if count == 1:
        pieces = [payload]
    return [
        {name: info.field(name).physical(raw) for name, raw in info.unpack(piece).items()}
        for piece in pieces
    ]
