"""Flights on disk: `flight-000001-alert.zip`, with a log of JSON lines, pictures and link bytes.

A ZIP file carries a checksum of everything in it and its table at the end: one that was cut off or
damaged is known as such, and people can look into one without this library.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from edgecore.errors import FlightError

from .ring import Entry

FORMAT, VERSION = "edgecore flight", 3
LOG = "flight.jsonl"
LINK = "link.pcapng"
"""Where `firmware_bridge.recording` looks for it."""
FRAME = re.compile(r"frames/(\d{8,12})")
NAME = re.compile(r"flight-(\d{6,12})-[a-z_]{1,32}\.zip")
LINE_MAX = 16 << 20
LOG_MAX = 2 << 30
FRAME_MAX = 1 << 29
CHUNK = 1 << 18


def write_flight(
    folder: Path,
    kind: str,
    header: Mapping[str, Any],
    entries: Iterable[Entry],
    *,
    files: int,
    link: Iterable[bytes] = (),
) -> Path:
    """Write one flight whole or not at all, then remove the oldest beyond `files`.

    Args:
        folder: made if need be; files of other names in it are left alone.
        kind: what triggered it, for the name: small letters and underscores.
        header: plain values; the log's first line.
        entries: as `FlightRing.entries` has them.
        files: how many flights may lie in the folder.
        link: the blocks of a recording of the link; none: there is none.

    Raises:
        OSError: it cannot be written; nothing of it is left, as with what `link` raises.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = max((each[0] for each in _flights(folder)), default=0) + 1
    path, part = folder / f"flight-{number:06}-{kind}.zip", folder / "flight.part"
    try:
        with part.open("wb") as file:
            _write(file, header, list(entries), link)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except Exception:
        part.unlink(missing_ok=True)
        raise
    for _, old in _flights(folder)[:-files]:
        with contextlib.suppress(OSError):  # the new one is written all the same
            old.unlink()
    return path


def _write(
    file: Any, header: Mapping[str, Any], entries: list[Entry], link: Iterable[bytes]
) -> None:
    first = {"record": "flight", "format": FORMAT, "version": VERSION, **header}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(LOG, "w", force_zip64=True) as log:
            log.write(json.dumps(first, default=str).encode() + b"\n")
            for lines in _batches(entry.data + b"\n" for entry in entries if not entry.name):
                log.write(lines)
        for entry in entries:
            if entry.name:
                is_packed = entry.name.endswith(".jpg")
                how = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
                archive.writestr(entry.name, entry.data, how)
        blocks = iter(link)
        first_block = next(blocks, None)
        if first_block is not None:
            with archive.open(LINK, "w", force_zip64=True) as recording:
                for batch in _batches(chain((first_block,), blocks)):
                    recording.write(batch)


def _batches(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """In large ones: zlib then works without the interpreter's lock nearly all the time."""
    batch, size = [], 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(batch)
            batch, size = [], 0
    yield b"".join(batch)


def frame_name(number: int) -> str:
    """Where the pixels of a frame lie, if they are kept."""
    return f"frames/{number:08}"


def _flights(folder: Path) -> list[tuple[int, Path]]:
    """The flights of a folder by number: clocks may be set back, numbers are not."""
    named = ((NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match[1]), path) for match, path in named if match)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The log, line by line, the header first; no more than one line is held in memory.

    Raises:
        FlightError: no such file, not a flight, of another version, cut off or damaged.
    """
    with _opened(path) as archive:
        size = archive.getinfo(LOG).file_size
        if size > LOG_MAX:
            raise FlightError(f"{path}: expected a log of at most {LOG_MAX} bytes, got {size}")
        with archive.open(LOG) as log:  # its checksum first: a damaged line may be JSON still
            while log.read(CHUNK):
                pass
        with archive.open(LOG) as log:
            number = 0
            while line := log.readline(LINE_MAX + 1):
                number += 1
                yield _parsed(line, number, path)


def kept_frames(path: Path) -> frozenset[int]:
    """The numbers of the frames whose pixels are in it.

    Raises:
        FlightError: as `read_lines`.
    """
    with _opened(path) as archive:
        named = (FRAME.fullmatch(name) for name in archive.namelist())
        return frozenset(int(match[1]) for match in named if match)


def has_link(path: Path) -> bool:
    """Whether the bytes of a link are in it.

    Raises:
        FlightError: as `read_lines`.
    """
    with _opened(path) as archive:
        return LINK in archive.namelist()


def read_frame(path: Path, number: int) -> bytes:
    """The pixels of a frame that is among `kept_frames`.

    Raises:
        FlightError: as `read_lines`, or larger than any frame.
    """
    with _opened(path) as archive:
        size = archive.getinfo(frame_name(number)).file_size
        if size > FRAME_MAX:
            raise FlightError(f"{path}: expected a frame of at most {FRAME_MAX} bytes, got {size}")
        return archive.read(frame_name(number))


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as error:
        raise FlightError(f"{path}: cannot be read: {error.strerror or error}") from None
    except KeyError:
        raise FlightError(f"{path}: not a flight: there is no {LOG} in it") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FlightError(f"{path}: not a flight, cut off or damaged: {error}") from None
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise FlightError(f"{path}: not a flight as it is written: {error}") from None


def _parsed(line: bytes, number: int, path: Path) -> dict[str, Any]:
    where = f"{path}: line {number}"
    if len(line) > LINE_MAX:
        raise FlightError(f"{where}: expected at most {LINE_MAX} bytes")
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FlightError(f"{where}: not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise FlightError(f"{where}: expected an object, got {parsed!r:.80}")
    if number == 1 and (parsed.get("format"), parsed.get("version")) != (FORMAT, VERSION):
        came = f"{parsed.get('format')!r:.40}, version {parsed.get('version')!r:.40}"
        raise FlightError(f"{path}: expected {FORMAT!r}, version {VERSION}, got {came}")
    return parsed
