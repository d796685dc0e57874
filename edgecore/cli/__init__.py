"""The command line: `edgecore run | replay | detect | inspect | eval | bench | doctor | link`."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from typing import NoReturn

import click

from edgecore.errors import EdgecoreError

from .command import Group
from .printable import printable


@click.group(
    "edgecore",
    cls=Group,
    places={
        "run": "edgecore.cli.run:run",
        "detect": "edgecore.cli.detect:detect",
        "inspect": "edgecore.cli.inspect:inspect",
        "eval": "edgecore.cli.evaluate:evaluate",
        "bench": "edgecore.cli.bench:bench",
        "replay": "edgecore.cli.replay:replay",
        "doctor": "edgecore.cli.doctor:doctor",
        "link": "edgecore.cli.link:link",
    },
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    },
)
@click.version_option(
    package_name="edgecore", message="%(version)s", help="Print the version and end."
)
def app() -> None:
    """Camera ML on the device: frames to TFLite detections to firmware commands."""


def main() -> None:
    """Run the command line; an expected error is one line on stderr and a non-zero exit."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            _invoke(sys.argv[1:])
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


def _invoke(words: list[str]) -> NoReturn:
    """Have the command that the words name do its work, and end with its status."""
    try:
        with app.make_context("edgecore", words) as context:
            app.invoke(context)
    except click.exceptions.Exit as ending:
        sys.exit(ending.exit_code)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        _complain(said.getvalue())
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    sys.exit(0)


def fail(error: Exception) -> NoReturn:
    """Print the error and end the process."""
    _complain(f"edgecore: {error}\n")
    _stdout_fails()
    raise SystemExit(1)


def _complain(text: str) -> None:
    if sys.stderr is not None:  # else print would take stdout
        with contextlib.suppress(OSError):
            print(printable(text), end="", file=sys.stderr)


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
