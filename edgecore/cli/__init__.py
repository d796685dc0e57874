"""The command line: `edgecore run | replay | detect | inspect | eval | bench | doctor | link`."""

from __future__ import annotations

import contextlib
import io
import os
import sys

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
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except EdgecoreError as error:
        fail(error)
    except OSError as error:
        if sys.stdout is None or not _drop_stdout():
            raise
        if isinstance(error, BrokenPipeError):  # as a pipe's reader expects that has seen enough
            raise SystemExit(1) from None
        fail(OSError(f"stdout: {error.strerror}"))
    except Exception as error:
        from firmware_bridge import BridgeError

        if not isinstance(error, BridgeError):
            raise
        fail(error)


def _drop_stdout() -> bool:
    """Whether stdout fails; what is left of it goes nowhere then, and without another error."""
    try:
        sys.stdout.write("\n")  # where nothing is buffered, nothing else is left that may fail
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def fail(error: Exception) -> None:
    """Print the error and end the process."""
    with contextlib.suppress(OSError):
        print(f"edgecore: {printable(str(error))}", file=sys.stderr)
    raise SystemExit(1)
