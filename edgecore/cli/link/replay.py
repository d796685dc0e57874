"""`edgecore link replay`: a recorded device for any host."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from edgecore.cli.key import KeyFile, key_in
from edgecore.errors import ConfigError

from .interruption import interruption

EXAMPLES = """
[bold]Examples[/]

edgecore link replay drive.pcapng

edgecore link replay drive.pcapng --pty-link /tmp/ttyREPLAY

edgecore link replay drive.pcapng --listen unix:/tmp/replay.sock
"""


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
    from firmware_bridge.replay import Player, play

    if pty_link is not None and listen is not None:
        raise ConfigError("replay: expected --pty-link or --listen, got both")
    recording = Recording(file)
    player = Player(recording, key_in(key_file))
    try:
        door = Door(pty_link, listen)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{pty_link or listen}: {error}") from None
    if recording.shortfall is not None:
        print(f"edgecore: {recording.shortfall}", file=sys.stderr)
    with door, interruption() as came:
        print(door.url, flush=True)
        play(player, door, came)
    print(f"{player.played} frames of data played", file=sys.stderr)
    if player.refused:
        print(f"edgecore: {player.refused} commands had no recorded answer", file=sys.stderr)
