"""Files that a command leaves behind where an option says."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from edgecore.errors import ConfigError

from .printable import printable


class Output(NamedTuple):
    """A file that was asked for.

    Attributes:
        option: that names it.
        path: where it goes.
        what: it is, in a word.
        make: its content.
    """

    option: str
    path: Path
    what: str
    make: Callable[[], bytes]


def check_place(option: str, path: Path | None) -> None:
    """Refuse a place where no file can be kept, before anything is measured for it.

    Args:
        option: that names it.
        path: of the file; None: it was not asked for.

    Raises:
        ConfigError: there is no such folder, or a folder in the file's place, or neither may be
            written; or the place is `-`, which many commands take for stdout.
    """
    if path is None:
        return
    if str(path) == "-":
        raise ConfigError(f"{option}: expected a file, got -")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ConfigError(f"{option}: {path.parent}: no such folder")
    if path.is_dir():
        raise ConfigError(f"{option}: {path}: expected a file, got a folder")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise ConfigError(f"{option}: {path}: Permission denied")


def check_places(places: Mapping[str, Path | None]) -> None:
    """Refuse places where no file can be kept, and one place for two files.

    Args:
        places: of each option.

    Raises:
        ConfigError: as `check_place`, or two places are the same.
    """
    taken: dict[Path, str] = {}
    for option, path in places.items():
        check_place(option, path)
        if path is None or (path.exists() and not path.is_file()):
            continue
        other = taken.setdefault(path.resolve(), option)
        if other != option:
            raise ConfigError(f"{option}: {path}: expected another file than that of {other}")


@contextmanager
def keeping(outputs: Iterable[Output]) -> Iterator[None]:
    """Leave every file that can be left, and say on stderr where; then have the block print, for
    stdout may be closed by now.

    Raises:
        ConfigError: after the block; a file could not be left.
    """
    kept, failed = [], []
    for output in outputs:
        try:
            _replace(output.path, output.make())
        except OSError as error:
            failed.append(f"{output.option}: {output.path}: {error.strerror or error}")
        else:
            kept.append(printable(f"{output.what}: {output.path}"))
    for line in kept:
        print(line, file=sys.stderr)
    try:
        yield
    finally:
        if failed:
            raise ConfigError("; ".join(failed))


def _replace(path: Path, content: bytes) -> None:
    """Have `path` hold the content, or what it held before where that fails."""
    target = path.resolve()
    exists = target.exists()
    if exists and (not target.is_file() or not os.access(target.parent, os.W_OK)):
        target.write_bytes(content)  # a device or a pipe, or nothing can be made beside it
        return
    beside = target.with_name(f".edgecore-{secrets.token_hex(8)}")
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            if exists:
                found = target.stat()
                with suppress(OSError):  # a disk without modes
                    os.fchmod(file.fileno(), found.st_mode & 0o777)
                with suppress(OSError):  # another's file becomes one's own
                    os.chown(file.fileno(), found.st_uid, found.st_gid)
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
