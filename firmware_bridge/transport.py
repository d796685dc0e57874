"""Opens what a URL names and hands out a file descriptor; knows nothing of frames."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import shlex
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import serial

from firmware_bridge.errors import BridgeConnectionError
from firmware_bridge.line_speed import LineSpeed, byte_time_ns
from firmware_bridge.serial_port import UsbIdentity, ask_low_latency
from firmware_bridge.url_options import url_options

DEFAULT_BAUD = 921600
_WITH_OPTIONS = ("serial", "unix", "tcp", "sim", "qemu")
"""Behind the question mark of other URLs stands what is not ours to read."""


@dataclass
class Port:
    """An open line.

    Attributes:
        fd: non-blocking descriptor, both directions.
        byte_ns: time of a byte on a serial line, ns; 0: not a serial line.
        description: for people.
        usb: what is on the other end, if it is a USB device.
        speed: of a serial line that may be made quicker once its device agrees; None: no such line.
    """

    fd: int
    byte_ns: int
    description: str
    _closers: list[Callable[[], object]] = field(default_factory=list)
    usb: UsbIdentity | None = None
    speed: LineSpeed | None = None

    def close(self) -> None:
        """Closes the line and everything behind it; a second call does nothing."""
        self.fd = -1
        while self._closers:
            with contextlib.suppress(OSError):
                self._closers.pop()()


def open_port(url: str, *, timeout_s: float, usb: UsbIdentity | None = None) -> Port:
    """Opens `url`: serial:, a bare path under /dev, unix:, tcp:, exec:, sim:, qemu:, or pyserial's.

    `usb`: the device that a serial line led to before; it is opened wherever it is now.

    Raises:
        BridgeConnectionError: it is not there, not allowed, or in use; the text says which.
        ValueError: the URL or one of its options makes no sense.
    """
    scheme, colon, _ = url.partition(":")
    if url.startswith("/") or not colon:
        return _open_serial(url, {}, usb)
    try:
        if scheme == "exec":
            return _open_program(url)
        if scheme not in _WITH_OPTIONS:
            return _open_pyserial(url)
        parts = urlsplit(url, allow_fragments=False)
        path, options = unquote(parts.netloc + parts.path), _options(url)
        if scheme == "serial":
            return _open_serial(path, options, usb)
        if scheme == "unix":
            send_buffer = options.pop("send_buffer", None)
            _reject(url, options, "send_buffer only")
            return _open_unix(url, path, send_buffer)
        if scheme == "tcp":
            _reject(url, options)
            return _open_tcp(url, parts.hostname, parts.port or 0, timeout_s)
        if scheme == "sim":
            if path:
                raise ValueError(f"{url}: expected sim: or sim:?OPTION=VALUE, got {path!r} between")
            return _open_sim(options)
        return _open_qemu(path, options)
    except BridgeConnectionError:
        raise
    except OSError as error:
        raise BridgeConnectionError(f"{url}: {error.strerror or error}") from error


def _options(url: str) -> dict[str, str]:
    try:
        return url_options(url)
    except ValueError as error:
        raise ValueError(f"{url}: {error}") from None


def _reject(url: str, options: dict[str, str], known: str = "no options") -> None:
    if options:
        raise ValueError(f"{url}: this kind of URL takes {known}, got {', '.join(options)}")


def _open_serial(path: str, options: dict[str, str], usb: UsbIdentity | None) -> Port:
    given = options.pop("baud", str(DEFAULT_BAUD))
    if not given.isdecimal() or int(given) == 0:
        raise ValueError(f"{path}: baud must be a positive integer, got {given!r}")
    low_latency = options.pop("low_latency", "0")
    if low_latency not in ("0", "1"):
        raise ValueError(f"{path}: low_latency must be 0 or 1, got {low_latency!r}")
    quicker = options.pop("quicker", "0")
    if not quicker.isdecimal():
        raise ValueError(f"{path}: quicker must be a baud rate, got {quicker!r}")
    if options:
        raise ValueError(
            f"{path}: expected baud, quicker and low_latency only, got {', '.join(options)}"
        )
    baud = int(given)
    path = path if usb is None else usb.find(path)
    try:
        port = serial.Serial(path, baudrate=baud, timeout=0, exclusive=True)
    except (OSError, ValueError) as error:  # SerialException is an OSError
        raise BridgeConnectionError(f"{path}: {_reason(error)}") from error
    opened = _native(port, path, baud)
    if low_latency == "1":
        opened.description += ask_low_latency(opened.fd)
    if int(quicker):
        opened.speed = LineSpeed(port, baud, int(quicker))
    return opened


def _native(port: Any, path: str, baud: int) -> Port:
    with contextlib.suppress(OSError):
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    os.set_blocking(port.fileno(), False)
    byte_ns = byte_time_ns(baud)
    identity = UsbIdentity.of(path)
    return Port(port.fileno(), byte_ns, f"{path} at {baud} baud", [port.close], identity)


def _reason(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.EAGAIN, errno.EBUSY):
        return "in use by another program"
    if isinstance(number, int):
        return os.strerror(number)
    if "Could not configure port" in str(error):
        return "not a serial port"
    return str(error)


def _open_unix(url: str, path: str, send_buffer: str | None) -> Port:
    """`send_buffer`: bytes that may wait in the socket, where what is urgent overtakes nothing."""
    if send_buffer is not None and not send_buffer.isdecimal():
        raise ValueError(f"{url}: send_buffer: expected bytes, got {send_buffer!r}")
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if send_buffer is not None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, min(int(send_buffer), 1 << 24))
    line.setblocking(False)  # a listener that accepts nobody any more would hold a caller for ever
    try:
        line.connect(path)
    except BlockingIOError:
        line.close()
        raise BridgeConnectionError(f"unix:{path}: too many wait for it already") from None
    except OSError:
        line.close()
        raise
    return Port(line.fileno(), 0, f"unix socket {path}", [line.close])


def _open_tcp(url: str, host: str | None, number: int, timeout_s: float) -> Port:
    if not host or not number:
        raise ValueError(f"{url}: expected tcp://host:port")
    line = socket.create_connection((host, number), timeout=timeout_s)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.setblocking(False)
    return Port(line.fileno(), 0, f"tcp {host}:{number}", [line.close])


_SIM_OPTIONS = {"epoch_ns": range(2**63), "seed": range(2**64), "boot_id": range(1, 2**32)}

_SIM_FILES = ("flash", "public_key", "key_file")
_QEMU_FILES = ("flash", "public_key")
_SIM_STARTS_WITHIN_S = 60.0
"""Firmware says hello when it boots; a busy machine takes its time to start a process."""


def _open_sim(options: dict[str, str]) -> Port:
    """Starts the host build of the firmware; it dies with this process."""
    report = options.pop("report", None)
    files_named = [(name, options.pop(name)) for name in _SIM_FILES if name in options]
    tiny = options.pop("mlperf_tiny", "0")
    if tiny not in ("0", "1"):
        raise ValueError(f"sim: mlperf_tiny must be 0 or 1, got {tiny!r}")
    unknown = set(options) - set(_SIM_OPTIONS)
    if unknown:
        known = ", ".join(["report", "mlperf_tiny", *_SIM_FILES, *_SIM_OPTIONS])
        raise ValueError(f"sim: expected {known}; got {', '.join(unknown)}")
    for name, value in options.items():
        allowed = _SIM_OPTIONS[name]
        if not value.isdecimal() or int(value) not in allowed:
            raise ValueError(
                f"sim: {name} must be a whole number from {allowed[0]} to {allowed[-1]}, "
                f"got {value!r}"
            )
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "firmware_bridge.sim", "--fd", str(theirs.fileno())]
    for name, value in [*options.items(), *files_named]:
        command += [f"--{name.replace('_', '-')}", value]
    if tiny == "1":
        command.append("--mlperf-tiny")
    with theirs, contextlib.ExitStack() as files:
        output: Any = subprocess.DEVNULL
        if report is not None:
            output = files.enter_context(open(report, "ab"))
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C in the terminal is for this program alone
        )
    ours.setblocking(False)
    port = Port(
        ours.fileno(),
        0,
        f"simulated firmware, process {child.pid}",
        [lambda: _end(child), ours.close],
    )
    started = select.poll()
    started.register(ours, select.POLLIN)
    if not started.poll(_SIM_STARTS_WITHIN_S * 1000):
        port.close()
        raise BridgeConnectionError(
            f"sim: the firmware's process said nothing within {_SIM_STARTS_WITHIN_S:g} s"
        )
    return port


def _open_qemu(machine: str, options: dict[str, str]) -> Port:
    from firmware_bridge.testing.qemu import open_machine  # for tests and rigs: seldom needed

    files = {name: Path(options.pop(name)) for name in _QEMU_FILES if name in options}
    if options:
        raise ValueError(f"qemu: expected {', '.join(_QEMU_FILES)}; got {', '.join(options)}")
    return open_machine(machine, **files)


def _open_program(url: str) -> Port:
    """Starts a program whose standard input and output are the line; it dies with the link."""
    try:
        command = shlex.split(url.partition(":")[2])
    except ValueError as error:
        raise ValueError(f"{url}: {error}") from None
    if not command:
        raise ValueError(f"{url}: expected exec:COMMAND with its arguments")
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            child = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=theirs.fileno(), start_new_session=True
            )
        except OSError:
            ours.close()
            raise
    ours.setblocking(False)
    description = f"{command[0]}, process {child.pid}"
    return Port(ours.fileno(), 0, description, [lambda: _end(child), ours.close])


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(2)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _open_pyserial(url: str) -> Port:
    try:
        if "://" not in url:
            raise ValueError("no such scheme")
        port = serial.serial_for_url(url, baudrate=DEFAULT_BAUD, timeout=0.1)
    except ValueError as error:
        raise ValueError(
            f"{url}: expected serial:, unix:, tcp:, exec:, sim:, qemu:, a path or a pyserial URL "
            f"({error})"
        ) from None
    if type(port) is serial.Serial:  # hwgrep:// and the like: a port after all
        return _native(port, port.name or url, DEFAULT_BAUD)
    return _pump(port, url)


def _pump(port: Any, url: str) -> Port:
    """Gives a pyserial object without a descriptor one: two threads move its bytes."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def inwards() -> None:
        with contextlib.suppress(OSError, serial.SerialException, TypeError, AttributeError):
            while True:
                theirs.sendall(port.read(max(1, min(4096, port.in_waiting))))
        with contextlib.suppress(OSError):
            theirs.shutdown(socket.SHUT_RDWR)

    def outwards() -> None:
        with contextlib.suppress(OSError, serial.SerialException, TypeError, AttributeError):
            while data := theirs.recv(4096):
                port.write(data)
        with contextlib.suppress(OSError):
            theirs.shutdown(socket.SHUT_RDWR)

    for target in (inwards, outwards):
        threading.Thread(target=target, name=f"pump {url}", daemon=True).start()
    return Port(ours.fileno(), 0, url, [theirs.close, port.close, ours.close])
