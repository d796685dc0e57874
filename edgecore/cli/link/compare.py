"""`edgecore link compare`: where two recordings part."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .wording import reading_text, value_text

if TYPE_CHECKING:
    from firmware_bridge.decoding import Reading
    from firmware_bridge.divergence import Divergence

EXAMPLES = """
[bold]Examples[/]

edgecore link compare yesterday.pcapng today.pcapng --lax

edgecore link compare drive.pcapng copy.pcapng
"""
_WIDTH_MAX = 240


def compare(
    left: Annotated[Path, typer.Argument(help="A recording.")],
    right: Annotated[Path, typer.Argument(help="Another.")],
    lax: Annotated[
        bool, typer.Option("--lax", help="What was asked and answered only, not every byte.")
    ] = False,
) -> None:
    """Show the first frame in which two recordings differ, side by side with what came before.

    Byte for byte, or, with --lax, command by command: numbers of sessions, times and telemetry do
    not count then, so two runs of the same test can be compared. The exit status is 1 if they
    differ.
    """
    from firmware_bridge.decoding import readings
    from firmware_bridge.divergence import first_divergence
    from firmware_bridge.recording import Recording

    ours, theirs = Recording(left), Recording(right)
    found = first_divergence(readings(ours), readings(theirs), "lax" if lax else "strict")
    if found is None:
        print("alike")
        return
    width = min(_WIDTH_MAX, shutil.get_terminal_size((160, 24)).columns)
    print("\n".join(side_by_side(found, str(left), str(right), width)))
    raise typer.Exit(1)


def side_by_side(found: Divergence, left: str, right: str, width: int) -> list[str]:
    """The divergence as two columns of lines, and below them each field that differs."""
    column = (width - 3) // 2
    lines = [f"{left:{column}} | {right}"]
    for a, b in found.before:
        lines += _row(a, b, column, "|")
    lines += _row(found.left, found.right, column, "!")
    lines.append(f"frame {found.number} differs" + (":" if found.fields else ""))
    for name, (ours, theirs) in found.fields.items():
        lines.append(f"  {name}: {_shown(ours)} | {_shown(theirs)}")
    return lines


def _row(left: Reading | None, right: Reading | None, column: int, mark: str) -> list[str]:
    ours, theirs = (_folded(each, column) for each in (left, right))
    height = max(len(ours), len(theirs))
    ours += [""] * (height - len(ours))
    theirs += [""] * (height - len(theirs))
    return [f"{a:{column}} {mark} {b}".rstrip() for a, b in zip(ours, theirs, strict=True)]


def _folded(reading: Reading | None, column: int) -> list[str]:
    text = "(the end)" if reading is None else reading_text(reading, 0)
    return [
        line[at : at + column] for line in text.splitlines() for at in range(0, len(line), column)
    ]


def _shown(value: object) -> str:
    return "-" if value is None else value_text(value)
