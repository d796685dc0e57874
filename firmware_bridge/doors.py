"""Places where another program finds us as it would find a device: a pty, a Unix or TCP socket."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import tty
from collections.abc import Iterator
from pathlib import Path

from firmware_bridge.errors import BridgeConnectionError

_PATH_MAX = 107
"""Of Linux's struct sockaddr_un, without the zero at its end."""


@contextlib.contextmanager
def pty(link: Path | None) -> Iterator[tuple[int, str]]:
    """A raw pty's master and the URL of its other side; `link`: a symbolic link to it."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    tty.setraw(slave)
    os.close(slave)
    try:
        if link is None:
            yield master, f"serial://{name}"
            return
        if link.is_symlink():
            link.unlink()
        link.symlink_to(name)
        try:
            yield master, f"serial://{link.absolute()}"
        finally:
            if link.is_symlink() and os.readlink(link) == name:
                link.unlink()
    finally:
        os.close(master)


def _remove_stale_socket(path: str) -> None:
    """Removes a socket nobody listens on any more; leaves all else alone."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(path)
                except ConnectionRefusedError:
                    os.unlink(path)


def check_socket_path(path: str) -> None:
    """BridgeConnectionError where a Unix socket's path is longer than the kernel takes."""
    size = len(os.fsencode(path))
    if size > _PATH_MAX:
        import tempfile  # which no device needs when it boots

        folder = tempfile.gettempdir()
        hint = f"; TMPDIR is {folder}" if path.startswith(folder) else ""
        raise BridgeConnectionError(
            f"unix:{path}: expected a path of at most {_PATH_MAX} bytes, got {size}{hint}"
        )


@contextlib.contextmanager
def _unix(path: str) -> Iterator[tuple[int, str]]:
    check_socket_path(path)
    _remove_stale_socket(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        try:
            listener.listen()
            yield listener.fileno(), f"unix://{os.path.abspath(path)}"
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


@contextlib.contextmanager
def _tcp(host: str, port: int) -> Iterator[tuple[int, str]]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        yield listener.fileno(), f"tcp://{shown}:{listener.getsockname()[1]}"


def listener(address: str) -> contextlib.AbstractContextManager[tuple[int, str]]:
    """A listening socket and its URL.

    Raises:
        ValueError: the address is neither unix:PATH nor tcp:HOST:PORT.
    """
    scheme, _, rest = address.partition(":")
    if scheme == "unix" and rest:
        return _unix(rest)
    host, _, port = rest.rpartition(":")
    if scheme == "tcp" and host and port.isdecimal() and int(port) < 65536:
        return _tcp(host.strip("[]"), int(port))
    raise ValueError(f"expected unix:PATH or tcp:HOST:PORT, got {address!r}")


class Door:
    """One place, and at most one program at a time that came through it.

    Attributes:
        url: for `connect`.
        fd: non-blocking, of who is there; None: nobody.
    """

    def __init__(self, link: Path | None = None, address: str | None = None) -> None:
        """A pty, named by the symbolic link if one is given; or a socket at unix:... or tcp:...

        Raises:
            OSError, ValueError: the place cannot be had, or makes no sense.
        """
        self._closing = contextlib.ExitStack()
        self._visitor: socket.socket | None = None
        self._listening: socket.socket | None = None
        self.fd: int | None = None
        if address is None:
            self._place, self.url = self._closing.enter_context(pty(link))
            os.set_blocking(self._place, False)
        else:
            self._place, self.url = self._closing.enter_context(listener(address))
            self._listening = socket.socket(fileno=os.dup(self._place))
            self._closing.callback(self._listening.close)
            self._listening.setblocking(False)

    @property
    def listening_fd(self) -> int | None:
        """Readable when somebody waits at the door; None: they are only found by a look."""
        return None if self._listening is None else self._listening.fileno()

    def look(self) -> bool:
        """Lets in who waits at the door, if nobody is in; whether somebody is."""
        if self.fd is not None:
            return True
        if self._listening is None:
            self.fd = None if _hung_up(self._place) else self._place
            return self.fd is not None
        with contextlib.suppress(BlockingIOError):
            self._visitor, _ = self._listening.accept()
            self._visitor.setblocking(False)
            self.fd = self._visitor.fileno()
        return self.fd is not None

    def receive(self, size: int = 4096) -> bytes:
        """Bytes of who is there; none: there are none now, or nobody is there any more."""
        data = b""
        if self.fd is None:
            return data
        try:
            data = os.read(self.fd, size)
        except BlockingIOError:
            return data
        except OSError:  # EIO: the pty's other side was closed
            pass
        if not data:
            self.leave()
        return data

    def send(self, data: bytes) -> int:
        """How many of these bytes went out now; to nobody they all go."""
        if self.fd is None:
            return len(data)
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            self.leave()
            return len(data)

    def leave(self) -> None:
        """Who is there is so no more."""
        self.fd = None
        if self._visitor is not None:
            self._visitor.close()
            self._visitor = None

    def close(self) -> None:
        """Ends the place; a second call does nothing."""
        self.leave()
        self._closing.close()

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _hung_up(fd: int) -> bool:
    look = select.poll()
    look.register(fd, 0)
    return any(event & select.POLLHUP for _, event in look.poll(0))
