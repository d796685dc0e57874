"""`edgecore link log-table`: the words of a firmware's log lines, out of its program file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecore.cli.command import Argument, Command
from edgecore.errors import ConfigError

if TYPE_CHECKING:
    from firmware_bridge.log_table import LogTables

EXAMPLES = """\b
Examples:
  edgecore link log-table firmware.elf > firmware.logs.json
  edgecore link monitor /dev/ttyACM0 --logs firmware.logs.json
"""

log_files_option = click.option(
    "--logs",
    type=Path,
    multiple=True,
    metavar="FILE",
    help="Words of log lines: a firmware's ELF file, or of `log-table`. May be repeated.",
)


@click.command("log-table", cls=Command, epilog=EXAMPLES)
@click.argument("program", cls=Argument, type=Path, metavar="ELF", help="The firmware's ELF file.")
def log_table(program: Path) -> None:
    """Print the words of a firmware's log lines as JSON; the device itself has not got them.

    They belong to this very build: lines of another one are shown as tokens and arguments.
    """
    from firmware_bridge.log_table import LogTable

    try:
        table = LogTable.read(program)
    except OSError as error:
        raise ConfigError(f"{program}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    sys.stdout.write(table.dump().decode())


def log_tables(files: Sequence[Path]) -> LogTables:
    """The tables of --logs."""
    from firmware_bridge.log_table import LogTables

    try:
        return LogTables(files)
    except OSError as error:
        raise ConfigError(f"--logs: {error.filename}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"--logs: {error}") from None
