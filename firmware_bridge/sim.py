"""The reference firmware as a process: ``python -m firmware_bridge.sim``.

It prints one line of JSON per change of state: first where it listens, then boot, safe, active,
alert, alert_end, output, refused, connected, disconnected, offered, stored, activated, confirmed,
each with its time since boot.
"""

import argparse
import contextlib
import json
import mmap
import os
import secrets
import socket
import stat
import sys
import tty
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from firmware_bridge import _sim
from firmware_bridge.manifest import Verify, verifier

_EXAMPLES = """examples:
  python -m firmware_bridge.sim                              a pty; its name is printed
  python -m firmware_bridge.sim --pty-link /tmp/ttyFIRMWARE  a pty with a name that stays
  python -m firmware_bridge.sim --listen unix:/run/fw.sock
  python -m firmware_bridge.sim --listen tcp:127.0.0.1:7000  port 0 takes a free one
  python -m firmware_bridge.sim --flash /tmp/flash --public-key author.pem   can be updated
"""


@contextlib.contextmanager
def _pty(link: Path | None) -> Iterator[tuple[int, str]]:
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


@contextlib.contextmanager
def _unix(path: str) -> Iterator[tuple[int, str]]:
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


def _listener(address: str) -> contextlib.AbstractContextManager[tuple[int, str]]:
    scheme, _, rest = address.partition(":")
    if scheme == "unix" and rest:
        return _unix(rest)
    host, _, port = rest.rpartition(":")
    if scheme == "tcp" and host and port.isdecimal() and int(port) < 65536:
        return _tcp(host.strip("[]"), int(port))
    raise ValueError(f"expected unix:PATH or tcp:HOST:PORT, got {address!r}")


_SECTOR_BYTES, _SECTORS = 4096, 258
"""Of the flash: room for images of half a megabyte."""


@contextlib.contextmanager
def _flash(path: Path | None, verify: Verify | None) -> Iterator[_sim.Flash | None]:
    """A flash whose content is a file's, so that it outlives the process."""
    if path is None:
        yield None
        return
    size = _SECTOR_BYTES * _SECTORS
    if not path.exists():
        path.write_bytes(b"\xff" * size)
    with path.open("r+b") as file:
        if os.fstat(file.fileno()).st_size != size:
            raise ValueError(f"{path}: no flash of this simulator: it has {size} bytes")
        # Not closed: the flash keeps the pages, which end with the process.
        pages = mmap.mmap(file.fileno(), size)
        yield _sim.Flash(sector_bytes=_SECTOR_BYTES, sectors=_SECTORS, memory=pages, verify=verify)


def _number(bits: int, least: int = 0) -> Callable[[str], int]:
    def integer(text: str) -> int:
        value = int(text, 0)
        if not least <= value < 1 << bits:
            raise argparse.ArgumentTypeError(f"expected {least} to 2**{bits} - 1, got {text}")
        return value

    return integer


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m firmware_bridge.sim",
        description="The reference firmware; its vehicle drives the synthetic road's scenario.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    line = parser.add_mutually_exclusive_group()
    line.add_argument(
        "--fd",
        type=_number(31),
        help="an inherited stream, e.g. a socket; the process ends with it or with its parent",
    )
    line.add_argument("--pty-link", type=Path, metavar="PATH", help="a symbolic link to a pty")
    line.add_argument("--listen", metavar="ADDRESS", help="unix:PATH or tcp:HOST:PORT")
    parser.add_argument(
        "--epoch-ns",
        type=_number(63),
        default=0,
        help="CLOCK_MONOTONIC at the scenario's time zero; default: the start of the process",
    )
    parser.add_argument("--seed", type=_number(64), default=0, help="of the sensors' noise")
    parser.add_argument(
        "--boot-id", type=_number(32, least=1), help="default: one at random, as on a real boot"
    )
    parser.add_argument(
        "--flash", type=Path, metavar="FILE", help="content of the flash; made when it is not there"
    )
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="PEM",
        help="Ed25519 key of who may sign images; without one it takes none",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit status."""
    options = _arguments(arguments)
    _sim.catch_signals()
    line: contextlib.AbstractContextManager[tuple[int, str]]
    try:
        if options.fd is not None:
            os.fstat(options.fd)
            kind, line = _sim.STREAM, contextlib.nullcontext((options.fd, f"fd:{options.fd}"))
        elif options.listen is not None:
            kind, line = _sim.LISTENER, _listener(options.listen)
        else:
            kind, line = _sim.PTY, _pty(options.pty_link)
        verify = None if options.public_key is None else verifier(options.public_key)
        with line as (fd, address), _flash(options.flash, verify) as flash:
            listening = {"event": "listening", "t_us": 0, "address": address, "pid": os.getpid()}
            with contextlib.suppress(BrokenPipeError):
                os.write(1, (json.dumps(listening) + "\n").encode())
            _sim.run_process(
                fd,
                kind,
                report_fd=1,
                dies_with_parent=options.fd is not None,
                boot_id=options.boot_id or secrets.randbelow(2**32 - 1) + 1,
                seed=options.seed,
                epoch_ns=options.epoch_ns,
                flash=flash,
            )
    except (OSError, ValueError, ModuleNotFoundError) as error:
        print(f"firmware_bridge.sim: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
