"""`edgecore link ports`: serial ports, and who is behind them."""

from __future__ import annotations

import json as notation
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from serial.tools.list_ports_common import ListPortInfo

EXAMPLES = """\b
Examples:
  edgecore link ports
  edgecore link ports --probe --baud 115200
"""
_ANSWER_S = 1.5


@click.command("ports", epilog=EXAMPLES)
@click.option(
    "--probe",
    is_flag=True,
    help="Say HELLO on each; opening a port may reset the board behind it.",
)
@click.option(
    "--baud", type=click.IntRange(min=1), default=921600, metavar="N", help="Of the probe."
)
@click.option("--json", is_flag=True, help="One JSON object a port, a line each.")
def ports(probe: bool, baud: int, json: bool) -> None:
    """List serial ports with the USB identity of what is plugged in."""
    from serial.tools import list_ports

    rows = [_facts(port, baud if probe else None) for port in sorted(list_ports.comports())]
    if json:
        for row in rows:
            print(notation.dumps(row))
    else:
        _print(rows)


def _facts(port: ListPortInfo, baud: int | None) -> dict[str, str | None]:
    facts = {
        "port": port.device,
        "usb": None if port.vid is None else f"{port.vid:04x}:{port.pid:04x}",
        "serial_number": port.serial_number,
        "product": _known(port.product) or _known(port.description),
        "manufacturer": _known(port.manufacturer),
        "location": port.location,
    }
    if baud is not None:
        facts["firmware"], facts["silence"] = probed(f"serial://{port.device}?baud={baud}")
    return facts


def _known(text: str | None) -> str | None:
    return None if text in (None, "", "n/a") else text


def probed(url: str) -> tuple[str | None, str | None]:
    """Name and version of the firmware that answers at `url`, or why none does."""
    import firmware_bridge as fb

    try:
        with fb.connect(url, timeout=_ANSWER_S, reconnect=False) as link:
            return f"{link.info.name} {link.info.version}".strip(), None
    except fb.BridgeError as error:
        return None, str(error).partition(": ")[2] or str(error)


def _print(rows: list[dict[str, str | None]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not rows:
        console.print("no serial ports found")
        return
    probing = "firmware" in rows[0]
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("port", "USB", "serial number", "product", *(("firmware",) if probing else ())):
        table.add_column(column, overflow="fold")
    for row in rows:
        cells = [
            Text(row["port"] or ""),
            Text(row["usb"] or "-"),
            Text(row["serial_number"] or "-"),
            Text(" ".join(filter(None, (row["manufacturer"], row["product"]))) or "-"),
        ]
        if probing:
            answer = row["firmware"]
            cells.append(Text(answer, "green") if answer else Text(row["silence"] or "", "yellow"))
        table.add_row(*cells)
    console.print(table)
