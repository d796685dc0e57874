"""`edgecore inspect`: what was decided about a model, and by what."""

from __future__ import annotations

import json as notation
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecore.errors import ModelError

from .command import Argument, Command

if TYPE_CHECKING:
    from edgecore.model import Model, Trial

EXAMPLES = """\b
Examples:
  edgecore inspect yolov8n.tflite
  edgecore inspect yolov5n.tflite --labels coco.txt --json
"""


@click.command("inspect", cls=Command, epilog=EXAMPLES)
@click.argument(
    "model",
    cls=Argument,
    type=Path,
    required=False,
    help="TFLite file; default: the embedded road model.",
)
@click.option(
    "--labels",
    type=Path,
    metavar="FILE",
    help="Text file of class names, in place of the model's own.",
)
@click.option("--json", is_flag=True, help="One JSON object on stdout.")
@click.option(
    "--run/--no-run",
    default=True,
    help="Load it and run it once, in a child process, on every engine here.",
)
def inspect(model: Path | None, labels: Path | None, json: bool, run: bool) -> None:
    """Print each fact about a model and where it came from."""
    from edgecore.model import embedded, read

    path = model or embedded()
    engines, trial = _tried(path) if run else ({}, None)
    found = read(path, labels=labels, trial=trial)
    if json:
        print(notation.dumps(_document(found, engines), indent=2))
    else:
        _print(found, engines)
    if engines and all(reason is not None for reason in engines.values()):
        sys.exit(1)


def _tried(path: Path) -> tuple[dict[str, str | None], Trial | None]:
    """For every engine here, why it cannot run the model, None where it can; and what one saw."""
    from edgecore import engines
    from edgecore.model import verify

    outcomes: dict[str, str | None] = {}
    trial = None
    for name, missing in engines.available().items():
        if missing is None:
            outcomes[name] = None
            try:
                trial = verify(path, name)
            except ModelError as error:
                outcomes[name] = str(error).removeprefix(f"{path}: ")
    return outcomes, trial


def _document(found: Model, engines: dict[str, str | None]) -> dict[str, object]:
    head = found.known_head
    return {
        "path": str(found.path),
        "kind": found.kind,
        "head": None if head is None else {"name": type(head).__name__, **asdict(head)},
        "no_head_reason": found.no_head_reason or None,
        "input_size": found.input_size,
        "labels": found.labels,
        "facts": [fact._asdict() for fact in found.facts],
        "engines": engines,
    }


def _print(found: Model, engines: dict[str, str | None]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(box=box.SIMPLE_HEAD, title=str(found.path), title_justify="left")
    for column in ("fact", "value", "decided by"):
        table.add_column(column, overflow="fold")
    for fact in found.facts:
        table.add_row(*(Text(cell) for cell in fact))
    for name, reason in engines.items():
        verdict = Text("runs", "green") if reason is None else Text(reason, "red")
        table.add_row(Text(name), verdict, Text("one run in a child process"))
    console.print(table)
    if found.known_head is None:
        console.print(Text(f"No detections can be decoded: {found.no_head_reason}", "yellow"))
