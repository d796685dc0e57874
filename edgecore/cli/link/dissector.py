"""`edgecore link dissector`: recordings in Wireshark, field by field."""

from __future__ import annotations

from pathlib import Path

import click

from edgecore.cli.command import Argument, Command
from edgecore.cli.key import connected, key_file_option

EXAMPLES = """\b
Examples:
  edgecore link dissector > ~/.local/lib/wireshark/plugins/edgecore.lua
  edgecore link dissector drive.pcapng > pump.lua && wireshark -X lua_script:pump.lua drive.pcapng
"""


@click.command("dissector", cls=Command, epilog=EXAMPLES)
@click.argument(
    "source",
    cls=Argument,
    required=False,
    metavar="[FILE|URL]",
    help="Whose messages: a recording or a device; default: the reference firmware's.",
)
@key_file_option
def dissector(source: str | None, key_file: Path | None) -> None:
    """Print a Wireshark dissector in Lua, made from a table of messages.

    It reads recordings of `edgecore link record`, which are pcapng files of link type DLT_USER0.
    """
    from firmware_bridge.dissector import lua
    from firmware_bridge.recording import Recording
    from firmware_bridge.schema import COMPILED

    sealed = False
    if source is None:
        schema = COMPILED
    elif Path(source).is_file():
        recording = Recording(Path(source))
        schema, sealed = recording.schema, recording.sealed
    else:
        with connected(source, key_file) as link:
            schema = link.schema
    print(lua(schema, sealed=sealed), end="")
