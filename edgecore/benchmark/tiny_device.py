"""A device that speaks the MLPerf Tiny benchmark's text protocol, from the host's side."""

from __future__ import annotations

import contextlib
import math
import os
import re
import select
import time
from typing import NamedTuple

from edgecore.errors import DeviceError
from firmware_bridge.transport import Port, open_port
from firmware_bridge.url_options import url_options

BAUD = 115200
"""Of the benchmark's runners; a URL's own `baud` goes before it."""

PIECE_BYTES = 31
"""Of the input in one command, as in mlcommons' runner: devices hold 80 letters."""

_TRIES = 3
_QUIET_S = 0.1
_LINE_BYTES = 4096
_LINES = 1000

_LAP = re.compile(r"m-(?:lap|timestamp)-us-([0-9]{1,20})")  # of 64 bits at most
_RESULTS = re.compile(r"m-results-\[([^\]]*)\]")
_NAME = re.compile(r"m-name-dut-\[([^\]]*)\]")
_PROFILE = re.compile(r"m-profile-\[([^\]]*)\]")
_MODEL = re.compile(r"m-model-\[([^\]]*)\]")


class Inference(NamedTuple):
    """What one `infer` command measured.

    Attributes:
        iterations: inferences between the two laps.
        elapsed_us: by the device's clock.
        results: scores of the last one.
    """

    iterations: int
    elapsed_us: int
    results: tuple[float, ...]


class TinyDevice:
    """An open device; a context manager. After an error the rest of an answer may still come.

    Attributes:
        url: as it was given.
        vendor, profile, model: what it says it is.

    Args:
        url: serial line (at 115200 baud unless it says otherwise), or any other of
            `firmware_bridge.connect`.
        timeout_s: for the whole answer to a command.
        inference_timeout_s: for that to an `infer` command, on top of the time it should take.

    Raises:
        DeviceError: it does not answer, or not in this protocol.
        BridgeConnectionError: the line cannot be opened.
        ValueError: the URL makes no sense.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 2.0, inference_timeout_s: float = 60.0
    ) -> None:
        self.url = url
        self._timeout_s = timeout_s
        self._inference_timeout_s = inference_timeout_s
        self._received = b""
        self._port: Port = open_port(_at_baud(url), timeout_s=timeout_s)
        try:
            self.vendor = self._identify()
            profile = self.ask("profile")
            self.profile = _only(_PROFILE, profile, self._about("profile"))
            self.model = _only(_MODEL, profile, self._about("profile"))
        except BaseException:
            self.close()
            raise

    def ask(self, command: str, timeout_s: float | None = None) -> list[str]:
        """Lines of the answer to a command, without the `m-ready` that ends it.

        Raises:
            DeviceError: no whole answer in time, an error as the answer, or a line that closed.
        """
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        self._send(f"{command}%".encode(), deadline, command)
        return self._answer(deadline, command)

    def load(self, data: bytes) -> None:
        """Makes these bytes the input of the inferences that follow.

        Raises:
            DeviceError: it does not take them.
        """
        lines = self.ask(f"db load {len(data)}")
        if f"m-[Expecting {len(data)} bytes]" not in lines:
            raise DeviceError(
                f"{self._about('db load')}: expected 'm-[Expecting {len(data)} bytes]', got {lines}"
            )
        for at in range(0, len(data), PIECE_BYTES):
            lines = self.ask(f"db {data[at : at + PIECE_BYTES].hex()}")
            done = at + PIECE_BYTES >= len(data)
            if ("m-load-done" in lines) != done:
                raise DeviceError(
                    f"{self._about('db')}: expected m-load-done after {len(data)} bytes, "
                    f"got {lines} after {min(at + PIECE_BYTES, len(data))}"
                )

    def infer(self, iterations: int, warmups: int, *, expected_s: float = 0.0) -> Inference:
        """Inferences on the loaded input.

        Args:
            iterations: timed, 1 or more.
            warmups: before them, not timed.
            expected_s: how long they should take.

        Raises:
            DeviceError: no answer in time, or one without two laps and results.
        """
        command = f"infer {iterations} {warmups}"
        about = self._about(command)
        lines = self.ask(command, self._inference_timeout_s + 3 * expected_s)
        laps = [int(found[1]) for line in lines if (found := _LAP.fullmatch(line))]
        if len(laps) != 2:
            raise DeviceError(f"{about}: expected two lines m-lap-us-N, got {len(laps)}")
        text = _only(_RESULTS, lines, about)
        try:
            results = tuple(float(word) for word in text.split(",") if word.strip())
        except ValueError:
            raise DeviceError(f"{about}: expected numbers as results, got {text!r}") from None
        if not results or not all(map(math.isfinite, results)):
            raise DeviceError(f"{about}: expected finite numbers as results, got {text!r}")
        start_us, end_us = laps
        elapsed_us = end_us - start_us
        if elapsed_us < 0 and start_us < 1 << 32:  # a counter of 32 bits went round
            elapsed_us += 1 << 32
        if elapsed_us < 0:
            raise DeviceError(f"{about}: expected laps that go up, got {start_us}, {end_us}")
        return Inference(iterations, elapsed_us, results)

    def close(self) -> None:
        """Closes the line; a second call does nothing."""
        self._port.close()

    def __enter__(self) -> TinyDevice:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _about(self, command: str) -> str:
        shown = command if len(command) <= 40 else f"{command[:37]}..."
        return f"{self.url}: {shown}%"

    def _identify(self) -> str:
        for _ in range(_TRIES - 1):
            with contextlib.suppress(DeviceError):
                return self._ask_name()
        return self._ask_name()

    def _ask_name(self) -> str:
        """Its name, past what was left on the line and a greeting that ends in m-ready too."""
        self._drain()
        deadline = time.monotonic() + self._timeout_s
        self._send(b"name%", deadline, "name")
        for unnamed in range(_LINES):
            try:
                answer = self._answer(deadline, "name")
            except DeviceError as error:
                if not unnamed:
                    raise
                raise DeviceError(
                    f"{error}, after {unnamed} answers without m-name-dut-[...]"
                ) from error
            if any(map(_NAME.fullmatch, answer)):
                return _only(_NAME, answer, self._about("name"))
        raise DeviceError(
            f"{self._about('name')}: expected m-name-dut-[...], got {_LINES} answers without it, "
            f"the last {answer[-1:]}"
        )

    def _drain(self) -> None:
        end = time.monotonic() + self._timeout_s
        while time.monotonic() < end and self._wait(select.POLLIN, _QUIET_S):
            self._read("name")
        self._received = b""

    def _answer(self, deadline: float, command: str) -> list[str]:
        lines: list[str] = []
        while (line := self._line(deadline, command)) != "m-ready":
            if line.startswith("e-"):
                raise DeviceError(f"{self._about(command)}: the device answered {line!r}")
            lines.append(line)
            if len(lines) > _LINES:
                raise DeviceError(
                    f"{self._about(command)}: expected m-ready within {_LINES} lines, "
                    f"last came {line[:60]!r}"
                )
        return lines

    def _wait(self, events: int, timeout_s: float) -> bool:
        waiting = select.poll()
        waiting.register(self._port.fd, events)
        return bool(waiting.poll(max(0, math.ceil(timeout_s * 1000))))

    def _read(self, command: str) -> None:
        try:
            data = os.read(self._port.fd, 4096)
        except BlockingIOError:
            return
        except OSError:  # EIO: a pty's other side is gone
            data = b""
        if not data:
            raise DeviceError(f"{self._about(command)}: the line was closed")
        self._received += data

    def _send(self, data: bytes, deadline: float, command: str) -> None:
        while data:
            if not self._wait(select.POLLOUT, deadline - time.monotonic()):
                raise DeviceError(f"{self._about(command)}: the line takes no more bytes")
            try:
                data = data[os.write(self._port.fd, data) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise DeviceError(f"{self._about(command)}: {error.strerror}") from error

    def _line(self, deadline: float, command: str) -> str:
        while b"\n" not in self._received:
            if len(self._received) > _LINE_BYTES:
                raise DeviceError(
                    f"{self._about(command)}: expected lines, got {len(self._received)} bytes "
                    f"without one, {self._received[:20]!r}..."
                )
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not self._wait(select.POLLIN, left_s):
                shown = f"{self._received[:60]!r}" if self._received else "nothing more"
                raise DeviceError(f"{self._about(command)}: expected m-ready in time, got {shown}")
            self._read(command)
        line, _, self._received = self._received.partition(b"\n")
        text = line.decode("ascii", "replace").strip("\r\0")
        return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _only(pattern: re.Pattern[str], lines: list[str], about: str) -> str:
    found = [match[1] for line in lines if (match := pattern.fullmatch(line))]
    if len(found) != 1:
        wanted = pattern.pattern.partition("\\")[0]
        raise DeviceError(f"{about}: expected one line {wanted}[...], got {lines[:10]}")
    return found[0]


def _at_baud(url: str) -> str:
    """The URL with the benchmark's line speed, where it names a serial line and no speed."""
    if not url.strip():
        raise ValueError(f"expected a URL, got {url!r}")
    if ":" not in url or url.startswith("/"):
        return f"serial://{os.path.abspath(url)}?baud={BAUD}"
    if not url.startswith("serial:") or "baud" in url_options(url):
        return url
    return f"{url}{'&' if '?' in url else '?'}baud={BAUD}"
