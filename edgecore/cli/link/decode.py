"""`edgecore link decode`: frames in words."""

from __future__ import annotations

import json as notation
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from edgecore.cli.command import Argument, Command
from edgecore.cli.key import key_file_option, key_in
from edgecore.errors import ConfigError

from .log_table import log_files_option, log_tables
from .wording import reading_text

if TYPE_CHECKING:
    from firmware_bridge.decoding import Reading
    from firmware_bridge.log_table import LogTables
    from firmware_bridge.sealing import Seal

EXAMPLES = """\b
Examples:
  edgecore link decode drive.pcapng
  edgecore link decode drive.pcapng --json > drive.jsonl
  edgecore link decode --hex "06 01 01 01 01 07 02 01 0b f4 01 01 02 dc 05 79 9a bd 14 00"
  edgecore link decode - < bytes-off-the-wire.bin
  edgecore link decode drive.pcapng --key-file link.key
"""


@click.command("decode", cls=Command, epilog=EXAMPLES)
@click.argument(
    "file",
    cls=Argument,
    required=False,
    help="A recording, or bytes off the wire; -: standard input.",
)
@click.option("--hex", metavar="BYTES", help="The bytes themselves.")
@log_files_option
@click.option("--json", is_flag=True, help="One JSON object a frame, a line each, on stdout.")
@key_file_option
def decode(
    file: str | None, hex: str | None, logs: tuple[Path, ...], json: bool, key_file: Path | None
) -> None:
    """Print each frame: kind, channel, message, fields with their units; damaged ones as such.

    A recording brings its own table of messages and is timed from its first frame. Bytes without
    one are read by the reference firmware's.

    In a session with a key each frame ends with a seal: its counter and its tag. Given the key,
    each is verified; one that is not by this key is an error, `auth`.
    """
    if (file is None) == (hex is None):
        raise ConfigError("decode: expected a FILE or --hex BYTES, one of them")
    key = key_in(key_file)
    begin_ns: int | None = None
    tables = log_tables(logs)
    read = _of_hex(hex, tables, key) if hex is not None else _of_file(file or "-", tables, key)
    for reading in read:
        if begin_ns is None:
            begin_ns = reading.t_ns
        if json:
            print(notation.dumps(document(reading)))
        else:
            print(reading_text(reading, begin_ns))


def _of_hex(text: str, tables: LogTables, key: bytes | None) -> Iterator[Reading]:
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise ConfigError(f"--hex: expected bytes such as '06 01 00', got {error}") from None
    return _of_stream(iter([data]), tables, key)


def _of_stream(chunks: Iterator[bytes], tables: LogTables, key: bytes | None) -> Iterator[Reading]:
    from firmware_bridge.decoding import Interpreter
    from firmware_bridge.schema import COMPILED

    return Interpreter(COMPILED, tables, key=key).stream(chunks)


def _of_file(name: str, tables: LogTables, key: bytes | None) -> Iterator[Reading]:
    from firmware_bridge.recording import is_recording

    if name == "-":
        yield from _of_stream(_chunks(sys.stdin.buffer), tables, key)
        return
    path = Path(name)
    try:
        with path.open("rb") as file:
            if not is_recording(file.read(4)):
                file.seek(0)
                yield from _of_stream(_chunks(file), tables, key)
                return
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    yield from _of_recording(path, tables, key)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(4096):
        yield chunk


def _of_recording(path: Path, tables: LogTables, key: bytes | None) -> Iterator[Reading]:
    from firmware_bridge.decoding import readings
    from firmware_bridge.recording import Recording

    recording = Recording(path)
    recording.log_tables.include(tables)
    yield from readings(recording, key)
    if recording.shortfall is not None:
        print(f"edgecore: {recording.shortfall}", file=sys.stderr)


def document(reading: Reading) -> dict[str, Any]:
    """A frame for `--json`; times are CLOCK_MONOTONIC ns of the recording machine."""
    frame = reading.frame
    return {
        "t_ns": reading.t_ns,
        "direction": reading.direction,
        "kind": reading.kind,
        **({} if frame is None else {"channel": reading.channel, "sequence": frame.sequence}),
        **({} if frame is None else {"type": frame.type, "message": reading.message}),
        "head": reading.head,
        "records": [
            {name: _finite(value) for name, value in record.items()} for record in reading.records
        ],
        "units": reading.units,
        "seal": None if reading.seal is None else _seal(reading.seal),
        "error": reading.error,
        "bytes": reading.data.hex(),
    }


def _seal(seal: Seal) -> dict[str, Any]:
    return {**seal._asdict(), "tag": seal.tag.hex()}


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: null."""
    if isinstance(value, list):
        return [_finite(element) for element in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
