"""The reference firmware as a process: ``python -m firmware_bridge.sim``.

It prints one line of JSON per change of state: first where it listens, then boot, safe, active,
alert, alert_end, output, refused, connected, disconnected, offered, stored, activated, confirmed,
each with its time since boot.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import mmap
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_bridge import _sim
from firmware_bridge.doors import listener, pty

if TYPE_CHECKING:
    from firmware_bridge.manifest import Verify

_EXAMPLES = """examples:
  python -m firmware_bridge.sim                              a pty; its name is printed
  python -m firmware_bridge.sim --pty-link /tmp/ttyFIRMWARE  a pty with a name that stays
  python -m firmware_bridge.sim --listen unix:/run/fw.sock
  python -m firmware_bridge.sim --listen tcp:127.0.0.1:7000  port 0 takes a free one
  python -m firmware_bridge.sim --flash /tmp/flash --public-key author.pem   can be updated
"""


_SECTOR_BYTES, _SECTORS = 4096, 258
"""Of the flash: room for images of half a megabyte."""
_CLOCK_BYTES = 8


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


@contextlib.contextmanager
def _clock(path: Path | None) -> Iterator[memoryview | None]:
    """The number of microseconds that a file of eight bytes holds, as it is at any time."""
    if path is None:
        yield None
        return
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size != _CLOCK_BYTES:
            raise ValueError(f"{path}: no clock: expected {_CLOCK_BYTES} bytes")
        with mmap.mmap(file.fileno(), _CLOCK_BYTES, prot=mmap.PROT_READ) as page:
            number = memoryview(page).cast("q")
            try:
                yield number
            finally:
                number.release()


def _verify(path: Path | None) -> Verify | None:
    if path is None:
        return None
    from firmware_bridge.manifest import verifier  # which nothing else of a boot needs

    return verifier(path)


def _key(path: Path | None) -> bytes | None:
    if path is None:
        return None
    from firmware_bridge.key import read_key  # brings numpy, which no other part of a boot needs

    return read_key(path)


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
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="key of the link, mode 0600; commands and updates are then for hosts that have it",
    )
    parser.add_argument(
        "--clock",
        type=Path,
        metavar="FILE",
        help="by how much its clock is ahead, us: 8 bytes that may change while it runs",
    )
    parser.add_argument(
        "--mlperf-tiny",
        action="store_true",
        help="answer the MLPerf Tiny benchmark's text commands in place of the link",
    )
    options = parser.parse_args(arguments)
    for name in ("flash", "public_key", "key_file"):
        if options.mlperf_tiny and getattr(options, name) is not None:
            parser.error(
                f"--mlperf-tiny: has no updates and no key, got --{name.replace('_', '-')}"
            )
    return options


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
            kind, line = _sim.LISTENER, listener(options.listen)
        else:
            kind, line = _sim.PTY, pty(options.pty_link)
        verify = _verify(options.public_key)
        key = _key(options.key_file)
        with (
            line as (fd, address),
            _flash(options.flash, verify) as flash,
            _clock(options.clock) as ahead_us,
        ):
            listening = {"event": "listening", "t_us": 0, "address": address, "pid": os.getpid()}
            with contextlib.suppress(BrokenPipeError):
                os.write(1, (json.dumps(listening) + "\n").encode())
            _sim.run_process(
                fd,
                kind,
                report_fd=1,
                dies_with_parent=options.fd is not None,
                boot_id=options.boot_id or int.from_bytes(os.urandom(4), "big") or 1,
                seed=options.seed,
                epoch_ns=options.epoch_ns,
                flash=flash,
                key=key,
                ahead_us=ahead_us,
                mlperf_tiny=options.mlperf_tiny,
            )
    except (OSError, ValueError, ModuleNotFoundError) as error:
        print(f"firmware_bridge.sim: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
