"""`edgecore link record`: bytes of both directions, their times and their meaning, in one file."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from edgecore.cli.command import Argument, Command
from edgecore.cli.key import connected, key_file_option, key_in
from edgecore.errors import ConfigError

from .duration import duration_option
from .interruption import interruption
from .log_table import log_files_option, log_tables

if TYPE_CHECKING:
    from firmware_bridge import Link, LinkInfo, Schema, StateChange
    from firmware_bridge.doors import Door
    from firmware_bridge.recording import Recorder
    from firmware_bridge.relay import Relay

EXAMPLES = """\b
Examples:
  edgecore link record "serial:///dev/ttyACM0?baud=921600" drive.pcapng --duration 60
  edgecore link record /dev/ttyACM0 drive.pcapng --pty-link /tmp/ttyRECORDED
  edgecore link record sim: drive.pcapng --listen unix:/tmp/recorded.sock

The last two stand between the device and a host of yours, which connects to the place they print.
The first is the host itself: it takes the telemetry and commands nothing, so the firmware stays in
its safe state. The file opens in Wireshark; see `edgecore link dissector`.
"""


@click.command("record", cls=Command, epilog=EXAMPLES)
@click.argument("url", cls=Argument, help="The device, as for `edgecore run --link`.")
@click.argument("file", cls=Argument, type=Path, help="The recording; one there is replaced.")
@duration_option
@click.option(
    "--pty-link",
    type=Path,
    metavar="PATH",
    help="Stand between: a host finds the device at this name.",
)
@click.option("--listen", metavar="ADDRESS", help="The same at unix:PATH or tcp:HOST:PORT.")
@log_files_option
@key_file_option
def record(
    url: str,
    file: Path,
    duration: float | None,
    pty_link: Path | None,
    listen: str | None,
    logs: tuple[Path, ...],
    key_file: Path | None,
) -> None:
    """Record a link until Ctrl-C or the given time.

    The device's table of messages is asked for first, over a session of its own, so the file
    explains itself. A key is used to speak with the device and is not written into the file.
    """
    from firmware_bridge.log_table import offered
    from firmware_bridge.recording import Recorder
    from firmware_bridge.relay import Relay

    if pty_link is not None and listen is not None:
        raise ConfigError("record: expected --pty-link or --listen, got both")
    between = pty_link is not None or listen is not None
    tables = log_tables(logs)
    with ExitStack() as stack:
        came = stack.enter_context(interruption())
        door = _door(stack, pty_link, listen)
        info, schema = _introduce(url, key_file)
        device = {
            "name": info.name,
            "version": info.version,
            "authenticated": info.authenticated,
        }
        recorder = stack.enter_context(Recorder(file, url=url, device=device))
        recorder.table(schema)
        for table in (*offered(), *tables):
            recorder.log_table(table)
        relay = stack.enter_context(Relay(url, door, recorder.add))
        if between:
            print(door.url, flush=True)
        else:
            _Host(stack, relay.url, recorder, schema, key_in(key_file))
        _wait(relay, recorder, came, duration)
    print(f"{recorder.frames} frames: {file}", file=sys.stderr)
    if relay.lost:
        print(f"edgecore: the host did not take {relay.lost} bytes in time", file=sys.stderr)


def _door(stack: ExitStack, pty_link: Path | None, listen: str | None) -> Door:
    """Where the host comes: as told, or a place for ourselves alone."""
    from firmware_bridge.doors import Door

    if pty_link is None and listen is None:
        folder = stack.enter_context(TemporaryDirectory(prefix="edgecore-"))
        listen = f"unix:{folder}/link"
    try:
        return stack.enter_context(Door(pty_link, listen))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{pty_link or listen}: {error}") from None


def _introduce(url: str, key_file: Path | None) -> tuple[LinkInfo, Schema]:
    with connected(url, key_file) as link:
        return link.info, link.schema


class _Host:
    """We ourselves, behind the relay; a device that comes back with another table is noted."""

    def __init__(
        self, stack: ExitStack, url: str, recorder: Recorder, schema: Schema, key: bytes | None
    ) -> None:
        import firmware_bridge as fb

        self._recorder = recorder
        self._schema = schema
        self._link: Link | None = None  # it tells of its state before it is ours
        self._link = fb.Link(url, on_state=self._note, key=key)
        stack.callback(self._link.close)

    def _note(self, change: StateChange) -> None:
        link = self._link
        if change.state == "open" and link is not None and link.schema.hash != self._schema.hash:
            self._schema = link.schema
            self._recorder.table(self._schema)


def _wait(relay: Relay, recorder: Recorder, came: threading.Event, duration: float | None) -> None:
    """Until told to stop, the time is up, or the disk is full."""
    from rich.console import Console

    console = Console(stderr=True)
    begin = time.monotonic()
    with console.status("") if console.is_terminal else nullcontext() as status:
        while relay.running and not came.wait(0.1):
            spent = time.monotonic() - begin
            if duration is not None and spent >= duration:
                return
            if status is not None:
                away = f"; no device: {relay.reason}" if relay.reason else ""
                status.update(f"{recorder.frames} frames in {spent:.0f} s{away}")
    if relay.failure is not None:
        raise relay.failure
