"""The option --duration of the commands that look on until they are told to stop."""

from __future__ import annotations

import click


def _a_time(
    context: click.Context, parameter: click.Parameter, given: float | None
) -> float | None:
    if given is not None and not given >= 0:
        raise click.BadParameter(f"expected 0 seconds or more, got {given:g}")
    return given


duration_option = click.option(
    "--duration",
    "-d",
    type=float,
    callback=_a_time,
    metavar="SECONDS",
    help="End by itself.",
)
