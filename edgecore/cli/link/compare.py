"""`edgecore link compare`: where two recordings part."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecore.cli.command import Argument, Command
from edgecore.cli.side_by_side import page_width, side_by_side

from .wording import reading_text

if TYPE_CHECKING:
    from firmware_bridge.decoding import Reading

EXAMPLES = """\b
Examples:
  edgecore link compare yesterday.pcapng today.pcapng --lax
  edgecore link compare drive.pcapng copy.pcapng
"""


@click.command("compare", cls=Command, epilog=EXAMPLES)
@click.argument("left", cls=Argument, type=Path, help="A recording.")
@click.argument("right", cls=Argument, type=Path, help="Another.")
@click.option("--lax", is_flag=True, help="What was asked and answered only, not every byte.")
def compare(left: Path, right: Path, lax: bool) -> None:
    """Show the first frame in which two recordings differ, side by side with what came before.

    Byte for byte, or, with --lax, command by command: numbers of sessions, times and telemetry do
    not count then, so two runs of the same test can be compared. The exit status is 1 if they
    differ, or, without --lax, if one of them was cut off.
    """
    from firmware_bridge.decoding import readings
    from firmware_bridge.divergence import first_divergence
    from firmware_bridge.recording import Recording

    ours, theirs = Recording(left), Recording(right)
    found = first_divergence(readings(ours), readings(theirs), "lax" if lax else "strict")
    short = [one.shortfall for one in (ours, theirs) if one.shortfall is not None]
    for shortfall in short:
        print(f"edgecore: {shortfall}", file=sys.stderr)
    if found is None:
        print("alike as far as both are whole" if short else "alike")
        if lax or not short:
            return
    else:
        print("\n".join(side_by_side(found, str(left), str(right), page_width(), row_text)))
    sys.exit(1)


def row_text(reading: Reading | None) -> str:
    """A frame of either recording."""
    return "(the end)" if reading is None else reading_text(reading, 0)
