"""Peers that do not keep to the protocol, in plain sockets and mappings."""

from __future__ import annotations

import array
import fcntl
import mmap
import os
import socket
import struct
import threading
from contextlib import contextmanager
from pathlib import Path

MAGIC, VERSION = 0x52464345, 1
WELCOME, NOT_ALLOWED, NO_PLACE = range(3)
PIXELS = 12288
MESSAGE = struct.Struct("<IIII")
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class Reader:
    """A reader that has what every reader gets, and uses it as it likes."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        message, self.fds, _, _ = socket.recv_fds(self.socket, 64, 70)
        self.magic, self.version, self.answer, self.count = MESSAGE.unpack(message)
        if self.answer == WELCOME:
            self.page = mmap.mmap(self.fds[1], 16)

    def scribble(self, leases: int, bell: int) -> None:
        self.page[:12] = struct.pack("<QI", leases, bell)

    def close(self) -> None:
        self.socket.close()
        for fd in self.fds:
            os.close(fd)


def memory(content: bytes, seals: int = SEALS) -> int:
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def header(slots: int = 4, slot_bytes: int = 4096, buffers: int = 0, newest: int = 0) -> bytes:
    start = struct.pack("<IIIIQ", MAGIC, VERSION, slots, buffers, slot_bytes)
    return start.ljust(64, b"\0") + struct.pack("<QQ", newest, 0).ljust(64, b"\0")


def described(
    *,
    sequence: int = 1,
    width: int = 8,
    height: int = 8,
    count: int = 1,
    format: bytes = b"gray",
    color: bytes = b"bt601-full",
    planes: tuple[tuple[int, int, int], ...] = ((0, 64, 8),),
) -> bytes:
    """A slot's description; planes: (offset, bytes, stride)."""
    text = struct.pack("<QqIIII8s16s", sequence, 0, width, height, count, 0, format, color)
    for plane in planes:
        text += struct.pack("<QQII", *plane, 0)
    return text.ljust(128, b"\0")


def stream(first_slot: bytes = b"", slots: int = 4, slot_bytes: int = 4096, **fields) -> bytes:
    newest = 1 << 6 if first_slot else 0
    start = header(slots, slot_bytes, newest=newest, **fields) + first_slot
    return start.ljust(PIXELS + 4 * 4096, b"\0")


@contextmanager
def answering(path: Path, message: bytes, fds: list[int]):
    """A producer that says this to each who connects, and never anything else."""
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    door.bind(str(path))
    door.listen()
    guests = []

    def serve() -> None:
        while True:
            try:
                guest, _ = door.accept()
            except OSError:
                return
            guests.append(guest)
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
            guest.sendmsg([message], ancillary if fds else [])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        door.shutdown(socket.SHUT_RDWR)
        thread.join()
        for open_socket in [door, *guests]:
            open_socket.close()
        for fd in fds:
            os.close(fd)
        path.unlink()


def welcome(
    count: int = 2, *, magic: int = MAGIC, version: int = VERSION, answer: int = 0
) -> bytes:
    return MESSAGE.pack(magic, version, answer, count)
