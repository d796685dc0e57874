"""The link's key, which commands take from a file: an argument would be seen by every `ps`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecore.errors import ConfigError

if TYPE_CHECKING:
    from firmware_bridge import Link

VARIABLE = "EDGECORE_KEY_FILE"
"""Names the file, not the key: children and crash reports inherit an environment."""

key_file_option = click.option(
    "--key-file",
    type=Path,
    envvar=VARIABLE,
    show_envvar=True,
    metavar="FILE",
    help="The link's key, as the device has it; mode 0600.",
)


def key_in(path: Path | None) -> bytes | None:
    """The key of a file; None for none.

    Raises:
        ConfigError: the file cannot be read, is readable by others, or holds no key.
    """
    from firmware_bridge.key import read_key

    if path is None:
        return None
    try:
        return read_key(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None


def connected(url: str, key_file: Path | None, **options: Any) -> Link:
    """An open link, as `firmware_bridge.connect` makes it with these options.

    Raises:
        ConfigError: the URL makes no sense, or see `key_in`.
        firmware_bridge.BridgeError: there is no such device, or it has another key.
    """
    import firmware_bridge as fb

    key = key_in(key_file)
    try:
        return fb.connect(url, key=key, **options)
    except ValueError as error:
        raise ConfigError(str(error)) from None
