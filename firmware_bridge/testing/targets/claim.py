"""One program at a time at the commands of a rig."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import struct

from firmware_bridge.testing.targets.target import TargetError

_WAITING_MAX = 128
_CREDENTIALS = struct.Struct("3i")
"""Linux's struct ucred: process, user, group."""


def claim(port: str) -> socket.socket:
    """The right to them, held until the socket is closed, at the latest until this process ends.

    It is a name in Linux's abstract namespace of sockets: whoever starts tests on this machine, in
    whichever folder, meets it; no file is left behind, and no program started here inherits it.

    Args:
        port: a path or URL; its options make no difference.

    Raises:
        TargetError: another process has it.
    """
    place = port.partition("?")[0].removeprefix("serial://").removeprefix("serial:")
    # The same path is another device in another container, also in one that shares our network.
    seen_from = os.readlink("/proc/self/ns/mnt")
    digest = hashlib.sha256(os.fsencode(f"{seen_from} {place}")).hexdigest()
    name = b"\0edgecore-rig-" + digest.encode()
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(name)
        held.listen(_WAITING_MAX)
    except OSError as error:
        held.close()
        if error.errno == errno.EADDRINUSE:
            raise TargetError(f"{port}: in use by {_holder(name)}") from None
        raise TargetError(f"{port}: {error.strerror}") from error
    return held


def _holder(name: bytes) -> str:
    """Who listens there."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.setblocking(False)
        try:
            asking.connect(name)
            said = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return "another process"
    return f"process {_CREDENTIALS.unpack(said)[0]}"
