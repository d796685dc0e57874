"""`edgecore link replay`: a recorded device for any host."""

from __future__ import annotations

import select
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecore.cli.key import KeyFile, key_in
from edgecore.errors import ConfigError

from .interruption import interruption

if TYPE_CHECKING:
    from firmware_bridge.doors import Door
    from firmware_bridge.replay import Player

EXAMPLES = """
[bold]Examples[/]

edgecore link replay drive.pcapng

edgecore link replay drive.pcapng --pty-link /tmp/ttyREPLAY

edgecore link replay drive.pcapng --listen unix:/tmp/replay.sock
"""
_TURN_US = 20_000
_LAST_US = 200_000


def replay(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    pty_link: Annotated[
        Path | None, typer.Option(help="A name for the pty.", metavar="PATH")
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(help="unix:PATH or tcp:HOST:PORT in place of a pty.", metavar="ADDRESS"),
    ] = None,
    key_file: KeyFile = None,
) -> None:
    """Play the device's side of a recording on a pty or a socket, in its own time, once.

    It begins half a second after a host has connected, and ends with the recording. The device's
    telemetry, logs and answers are the recorded ones, spoken by a live session: bytes of a
    handshake that is over would be refused by any host. A command for which the recording has no
    answer left is refused as `busy`. With a key only hosts that have it are spoken to, and frames
    of the recording whose seal is not by this key are left out.
    """
    from firmware_bridge.doors import Door
    from firmware_bridge.recording import Recording
    from firmware_bridge.replay import Player

    if pty_link is not None and listen is not None:
        raise ConfigError("replay: expected --pty-link or --listen, got both")
    player = Player(Recording(file), key_in(key_file))
    try:
        door = Door(pty_link, listen)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{pty_link or listen}: {error}") from None
    with door, interruption() as came:
        print(door.url, flush=True)
        _play(player, door, came)
    print(f"{player.played} frames of data played", file=sys.stderr)
    if player.refused:
        print(f"edgecore: {player.refused} commands had no recorded answer", file=sys.stderr)


def _play(player: Player, door: Door, came: threading.Event) -> None:
    while not door.look():  # the device's clock begins with its first host
        if came.wait(0.02):
            return
    begin_us = time.monotonic_ns() // 1000 - player.start_us
    ended_us: int | None = None
    waiting = b""
    while not came.is_set():
        now_us = time.monotonic_ns() // 1000 - begin_us
        there = door.look()
        player.input(now_us, door.receive())
        if there and door.fd is None:
            player.reopen(now_us)
            waiting = b""
        waiting += player.output(now_us)
        waiting = waiting[door.send(waiting) :]
        if player.done and not waiting:
            ended_us = ended_us or now_us
            if now_us >= ended_us + _LAST_US:
                return
        _rest(door, min(player.due_us(now_us) - now_us, _TURN_US), writing=bool(waiting))


def _rest(door: Door, wait_us: float, *, writing: bool) -> None:
    """Until bytes come, the line takes more, or the time is up."""
    look = select.poll()
    if door.fd is not None:
        look.register(door.fd, select.POLLIN | (select.POLLOUT if writing else 0))
    if not writing or door.fd is None:
        look.poll(max(0.0, wait_us / 1000))
    else:
        look.poll(_TURN_US / 1000)
