"""`edgecore link replay`: a recorded device for any host."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edgecore.cli.command import Argument, Command
from edgecore.cli.key import key_file_option, key_in
from edgecore.errors import ConfigError

from .interruption import interruption

EXAMPLES = """\b
Examples:
  edgecore link replay drive.pcapng
  edgecore link replay drive.pcapng --pty-link /tmp/ttyREPLAY
  edgecore link replay drive.pcapng --listen unix:/tmp/replay.sock
"""


@click.command("replay", cls=Command, epilog=EXAMPLES)
@click.argument("file", cls=Argument, type=Path, help="A recording.")
@click.option("--pty-link", type=Path, metavar="PATH", help="A name for the pty.")
@click.option("--listen", metavar="ADDRESS", help="unix:PATH or tcp:HOST:PORT in place of a pty.")
@key_file_option
def replay(file: Path, pty_link: Path | None, listen: str | None, key_file: Path | None) -> None:
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
