"""What went over a link, both ways, in one file: bytes, when they came, and what they mean.

A recording is a pcapng file (draft-ietf-opsawg-pcapng), so Wireshark opens it as it is. Each frame
on the wire is an Enhanced Packet Block of link type DLT_USER0 with its delimiter, exactly the bytes
that were there, damaged ones too; its flags say `inbound` for what the device sent. Two blocks of
our own, of types reserved for local use, come before them: facts as JSON, and the served table of
messages. A third holds the words of a firmware's log lines, where they are known.

Blocks are written whole or not at all, so a file that was cut is good up to the cut. A recording
may also lie as `link.pcapng` in a ZIP file, such as a flight of `edgecore run`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from firmware_bridge import pcapng
from firmware_bridge.errors import ProtocolError, RecordingError
from firmware_bridge.log_table import LogTable, LogTables
from firmware_bridge.pcapng import Direction
from firmware_bridge.schema import Schema

MEMBER = "link.pcapng"
"""Its name in a ZIP file."""
MEMBER_MAX = 256 << 20
_DIRECTIONS: dict[int, Direction] = {flags: direction for direction, flags in pcapng.FLAGS.items()}
_ZIP = b"PK\3\4"
_BLOCK_MAX = 1 << 20
_UNENDED_MAX = 1024
"""Noise without a delimiter is cut after so many bytes."""


class Piece(NamedTuple):
    """A frame's bytes with its delimiter, or noise; t_ns: CLOCK_MONOTONIC of its first byte."""

    direction: Direction
    t_ns: int
    data: bytes


class Splitter:
    """Cuts a stream after each delimiter that ends something; nothing is left out."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._since_ns = 0

    def feed(self, t_ns: int, data: bytes) -> list[tuple[int, bytes]]:
        """Pieces that these bytes complete, each with the time of its first byte, ns."""
        pieces = []
        at = 0
        while at < len(data):
            begun = any(self._held)
            if not self._held:
                self._since_ns = t_ns
            start = at
            if not begun:
                while at < len(data) and data[at] == 0:
                    at += 1
            end = data.find(0, at)
            if end < 0:
                self._held += data[start:]
                if len(self._held) >= _UNENDED_MAX:
                    pieces += self.flush()
                break
            self._held += data[start : end + 1]
            at = end + 1
            pieces += self.flush()
        return pieces

    def flush(self) -> list[tuple[int, bytes]]:
        """What waits for its delimiter, if anything."""
        held, self._held = bytes(self._held), bytearray()
        return [(self._since_ns, held)] if held else []


class Recorder:
    """Writes a recording; may be called from any thread.

    Raises:
        RecordingError: the disk is full, or the file cannot be written. All that was taken before
            is in it, whole.
    """

    def __init__(self, path: Path, *, url: str, device: dict[str, Any]) -> None:
        """Begins a file; one that is there is replaced.

        `device`: what it says of itself; `authenticated`: whether an authenticated session with
        it may be under way when the recording begins.
        """
        self.path = path
        self.frames = 0
        self._lock = threading.Lock()
        self._splitters: dict[Direction, Splitter] = {
            "from_device": Splitter(),
            "to_device": Splitter(),
        }
        monotonic_ns = time.monotonic_ns()
        self._wall_ns = time.time_ns() - monotonic_ns
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
            self._fd = os.open(path, flags, 0o644)
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror}") from None
        self._length = 0
        try:
            for block in pcapng.head(url, self._wall_ns, device):
                self._write(block)
        except RecordingError:
            self.close()
            raise

    def table(self, schema: Schema) -> None:
        """From here on, records are of this table."""
        with self._lock:
            self._write(pcapng.table(schema))

    def log_table(self, table: LogTable) -> None:
        """Log lines of this program may come."""
        with self._lock:
            self._write(pcapng.log_table(table))

    def add(self, direction: Direction, t_ns: int, data: bytes) -> None:
        """Bytes as they came off the line, at CLOCK_MONOTONIC t_ns."""
        with self._lock:
            for since_ns, piece in self._splitters[direction].feed(t_ns, data):
                self._packet(direction, since_ns, piece)

    def _packet(self, direction: Direction, t_ns: int, data: bytes) -> None:
        self._write(pcapng.packet(direction, t_ns + self._wall_ns, data))
        self.frames += 1

    def _write(self, block: bytes) -> None:
        if self._fd < 0:
            raise RecordingError(f"{self.path}: the recording is closed")
        try:
            written = os.write(self._fd, block)
            if written < len(block):
                written += os.write(self._fd, block[written:])  # says why it was not all
            if written < len(block):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._length)
            raise RecordingError(
                f"{self.path}: {error.strerror}; the {self.frames} frames before are in the file"
            ) from None
        self._length += len(block)

    def close(self) -> None:
        """Ends it, with what still waited for its delimiter; a second call does nothing."""
        with self._lock:
            if self._fd < 0:
                return
            try:
                for direction, splitter in self._splitters.items():
                    for since_ns, piece in splitter.flush():
                        self._packet(direction, since_ns, piece)
            finally:
                os.close(self._fd)
                self._fd = -1

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Recording:
    """Reads a recording, as often as one iterates: its pieces in the order they were written.

    Attributes:
        path: the file.
        url: where it was recorded.
        device: what the device said of itself: name, version, boot_id.
        schema: its messages; iterating follows a change of them.
        log_tables: by which its log lines are read; more may be added.
        cut: where the first block begins that is not whole, bytes; None: there is none, as far as
            the last pass that reached its end saw.
        frames: how many that pass saw.
    """

    def __init__(self, path: Path) -> None:
        """Looks at the head of a file.

        Raises:
            RecordingError: it cannot be read, or is no recording.
        """
        self.path = path
        self.cut: int | None = None
        self.frames = 0
        self.log_tables = LogTables()
        facts: dict[str, Any] = {}
        schema = None
        for kind, body in self._blocks():
            if kind == pcapng.FACTS:
                facts = _facts(body)
            elif kind == pcapng.TABLE:
                schema = _table(body)
            elif kind == pcapng.LOG_TABLE:
                self._know(body)
            elif kind == pcapng.PACKET and facts:
                break
        if facts.get("recording") != 1 or schema is None:
            if self.shortfall is not None:
                raise RecordingError(self.shortfall)
            raise RecordingError(f"{path}: a pcapng file, but not of `edgecore link record`")
        self.url = str(facts["url"])
        self.device: dict[str, Any] = facts["device"]
        self.schema = schema
        self._wall_ns = int(facts["wall_ns"])

    def _know(self, body: bytes) -> None:
        with contextlib.suppress(ValueError):
            self.log_tables.add(LogTable.parse(body))

    @property
    def sealed(self) -> bool:
        """Whether an authenticated session may be under way where it begins."""
        return self.device.get("authenticated") is True

    @property
    def shortfall(self) -> str | None:
        """For people, in one line: where the file is not whole, as after a loss of power, and how
        much before that is; None: `cut` is."""
        if self.cut is None:
            return None
        return (
            f"{self.path}: cut off or damaged in the block at byte {self.cut}; "
            f"whole frames before it: {self.frames}"
        )

    def __iter__(self) -> Iterator[Piece]:
        for kind, body in self._blocks():
            if kind == pcapng.TABLE:
                self.schema = _table(body) or self.schema
            elif kind == pcapng.PACKET and len(body) >= 20:
                _, high, low, length, _ = struct.unpack_from("<5I", body)
                flags = body[20 + length + -length % 4 :]
                if len(flags) < 8 or length == 0:
                    continue
                direction = _DIRECTIONS.get(flags[4] & 3)
                if direction is not None:
                    t_ns = (high << 32 | low) - self._wall_ns
                    yield Piece(direction, t_ns, body[20 : 20 + length])

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        """Blocks up to the end of the file or to the first that is not whole."""
        try:
            with self.path.open("rb") as file:
                if file.read(4) == _ZIP:
                    yield from self._blocks_of_member(file)
                else:
                    file.seek(0)
                    yield from self._blocks_of(file)
        except OSError as error:
            raise RecordingError(f"{self.path}: {error.strerror}") from None

    def _blocks_of_member(self, file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        try:
            with zipfile.ZipFile(file) as archive:
                size = archive.getinfo(MEMBER).file_size
                if size > MEMBER_MAX:
                    raise RecordingError(
                        f"{self.path}: expected at most {MEMBER_MAX} bytes of {MEMBER}, got {size}"
                    )
                with archive.open(MEMBER) as member:  # its checksum first: a cut would hide it
                    while member.read(_BLOCK_MAX):
                        pass
                with archive.open(MEMBER) as member:
                    yield from self._blocks_of(member)
        except KeyError:
            raise RecordingError(f"{self.path}: no recording: there is no {MEMBER} in it") from None
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise RecordingError(f"{self.path}: cut off or damaged: {error}") from None
        except (NotImplementedError, RuntimeError, ValueError) as error:
            raise RecordingError(f"{self.path}: not as it is written: {error}") from None

    def _blocks_of(self, file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        at = frames = 0
        while True:
            head = file.read(8)
            if at == 0 and head[:4] != struct.pack("<I", pcapng.SECTION):
                raise RecordingError(f"{self.path}: no recording; expected a pcapng file")
            if not head:
                self.cut, self.frames = None, frames
                return
            kind, length = struct.unpack("<II", head.ljust(8, b"\0"))
            body = file.read(length - 8) if 12 <= length <= _BLOCK_MAX else b""
            if len(head) < 8 or len(body) < length - 8 or body[-4:] != head[4:]:
                self.cut, self.frames = at, frames
                return
            at += length
            frames += kind == pcapng.PACKET
            yield kind, body[:-4]


def is_recording(head: bytes) -> bool:
    """Whether a file that begins so may be a recording."""
    return head[:4] in (struct.pack("<I", pcapng.SECTION), _ZIP)


def _facts(body: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(facts, dict) or not {"url", "device", "wall_ns"} <= facts.keys():
        return {}
    known = isinstance(facts["device"], dict) and isinstance(facts["wall_ns"], int)
    return facts if known else {}


def _table(body: bytes) -> Schema | None:
    (length,) = struct.unpack_from("<I", body.ljust(4, b"\0"))
    try:
        return Schema.parse(body[4 : 4 + length])
    except ProtocolError:
        return None
