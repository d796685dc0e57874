"""Files that a command leaves behind where an option says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgecore.errors import ConfigError


def check_place(option: str, path: Path | None) -> None:
    """Refuse a place where no file can be kept, before anything is measured for it.

    Args:
        option: that names it.
        path: of the file; None: it was not asked for.

    Raises:
        ConfigError: there is no such folder, or a folder in the file's place, or neither may be
            written.
    """
    if path is None:
        return
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ConfigError(f"{option}: {path.parent}: no such folder")
    if path.is_dir():
        raise ConfigError(f"{option}: {path}: expected a file, got a folder")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise ConfigError(f"{option}: {path}: Permission denied")


@contextmanager
def writing(option: str, path: Path) -> Iterator[None]:
    """The block writes that file.

    Raises:
        ConfigError: the system does not let it.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{option}: {path}: {error.strerror}") from None
