"""The command line: `edgecore run | replay | detect | inspect | eval | bench | doctor | link`."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import NoReturn

import typer

from edgecore.errors import EdgecoreError

from . import bench as benching
from . import detect as detection
from . import evaluate as evaluation
from . import inspect as inspection
from . import link as linking
from . import replay as replaying
from . import run as running
from .doctor import doctor
from .printable import printable

app = typer.Typer(
    name="edgecore",
    help="Camera ML on the device: frames to TFLite detections to firmware commands.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("edgecore"))
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and end."
    ),
) -> None:
    pass


app.command(epilog=running.EXAMPLES)(running.run)
app.command(epilog=detection.EXAMPLES)(detection.detect)
app.command(epilog=inspection.EXAMPLES)(inspection.inspect)
app.command("eval", epilog=evaluation.EXAMPLES)(evaluation.evaluate)
app.command(epilog=benching.EXAMPLES)(benching.bench)
app.command(epilog=replaying.EXAMPLES)(replaying.replay)
app.command()(doctor)
app.add_typer(linking.app)


def main() -> None:
    """Run the command line; an expected error is one line on stderr and a non-zero exit."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            app(prog_name="edgecore")
        except SystemExit:
            if sys.stdout is not None:
                sys.stdout.flush()
            raise
    except EdgecoreError as error:
        fail(error)
    except Exception as error:
        from firmware_bridge import BridgeError

        if isinstance(error, BridgeError):
            fail(error)
        reason = None
        if isinstance(error, OSError):
            reason = _stdout_fails("\n")  # where nothing is buffered, nothing else tells
        if reason is None:
            raise
        if isinstance(reason, BrokenPipeError):  # as a reader expects that has seen enough
            raise SystemExit(1) from None
        fail(OSError(f"stdout: {reason.strerror}"))


def fail(error: Exception) -> NoReturn:
    """Print the error and end the process."""
    with contextlib.suppress(OSError):
        print(f"edgecore: {printable(str(error))}", file=sys.stderr)
    _stdout_fails()
    raise SystemExit(1)


def _stdout_fails(text: str = "") -> OSError | None:
    """Why it does not take that text, if so; what is left of it goes nowhere then."""
    if sys.stdout is None:
        return None
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None
