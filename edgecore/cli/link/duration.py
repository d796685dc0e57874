"""The option --duration of the commands that look on until they are told to stop."""

from __future__ import annotations

from typing import Annotated

import typer


def _a_time(given: float | None) -> float | None:
    if given is not None and not given >= 0:
        raise typer.BadParameter(f"expected 0 seconds or more, got {given:g}")
    return given


Duration = Annotated[
    float | None,
    typer.Option("--duration", "-d", callback=_a_time, help="End by itself.", metavar="SECONDS"),
]
