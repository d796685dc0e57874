"""`edgecore link dissector`: recordings in Wireshark, field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgecore.errors import ConfigError

EXAMPLES = """
[bold]Examples[/]

edgecore link dissector > ~/.local/lib/wireshark/plugins/edgecore.lua

edgecore link dissector drive.pcapng > pump.lua && wireshark -X lua_script:pump.lua drive.pcapng
"""


def dissector(
    source: Annotated[
        str | None,
        typer.Argument(
            help="Whose messages: a recording or a device; default: the reference firmware's.",
            metavar="FILE|URL",
        ),
    ] = None,
) -> None:
    """Print a Wireshark dissector in Lua, made from a table of messages.

    It reads recordings of `edgecore link record`, which are pcapng files of link type DLT_USER0.
    """
    import firmware_bridge as fb
    from firmware_bridge.dissector import lua
    from firmware_bridge.recording import Recording
    from firmware_bridge.schema import COMPILED

    if source is None:
        schema = COMPILED
    elif Path(source).is_file():
        schema = Recording(Path(source)).schema
    else:
        try:
            with fb.connect(source) as link:
                schema = link.schema
        except ValueError as error:
            raise ConfigError(str(error)) from None
    print(lua(schema), end="")
