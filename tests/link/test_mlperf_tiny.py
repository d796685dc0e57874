"""The firmware's answers to MLPerf Tiny's text commands: its twin's, over every kind of line."""

import contextlib
import os
import re
import socket
import time
from pathlib import Path

import pytest
import serial
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_bridge._sim import TinyDevice
from tests.link.process import PATIENCE_S, running
from tests.reference.mlperf_tiny import COMMAND_MAX, GREETING, INPUT_MAX, Device, scores

pytestmark = pytest.mark.once

TRANSCRIPT = Path(__file__).resolve().parents[1] / "vectors" / "mlperf_tiny.txt"


def exchanges() -> list[tuple[str, str]]:
    """Commands and their answers; the greeting answers nothing."""
    found = [("", "")]
    for line in TRANSCRIPT.read_text().splitlines():
        if line.startswith("> "):
            found.append((line[2:], ""))
        elif line.startswith("<"):
            found[-1] = (found[-1][0], f"{found[-1][1]}{line[2:]}\r\n")
    return found


def loaded(data: bytes) -> bytes:
    pieces = [data[at : at + 31] for at in range(0, len(data), 31)]
    return f"db load {len(data)}%".encode() + b"".join(
        f"db {piece.hex()}%".encode() for piece in pieces
    )


def greeted(**options: int) -> TinyDevice:
    device = TinyDevice(**options)
    assert device.take() == GREETING.encode()
    return device


def test_transcript_is_what_the_firmware_says_and_its_twin() -> None:
    device, twin = TinyDevice(), Device()
    (_, greeting), *rest = exchanges()
    assert device.take().decode() == greeting == GREETING
    assert len(rest) > 30
    for command, answer in rest:
        device.feed(command.encode())
        assert device.take().decode() == answer, command
        assert twin.feed(command.encode()).decode() == answer, command


words = st.sampled_from(
    ["name", "profile", "help", "timestamp", "results", "db", "load", "print", "infer"]
)
numbers = st.sampled_from(
    ["0", "1", "3", "12", "3072", "27648", "27649", "-1", "1.5", "2147483648"]
)
hexes = st.binary(max_size=40).map(bytes.hex)
command = st.one_of(
    words,
    st.lists(st.one_of(words, st.sampled_from(["", "x", "%", "\r\n"])), max_size=4).map(" ".join),
    st.tuples(st.just("db load"), numbers).map(" ".join),
    st.tuples(st.just("db"), hexes).map(" ".join),
    st.tuples(st.just("infer"), st.sampled_from(["0", "1", "3", "x"]), numbers).map(" ".join),
    st.text("a% \r\n0", max_size=2 * COMMAND_MAX),
)
hostile = st.one_of(
    st.binary(max_size=300), st.lists(command, max_size=20).map(lambda c: "%".join(c).encode())
)


@settings(deadline=None)
@given(st.lists(hostile, max_size=6))
@example([b"x" * COMMAND_MAX + b"%", b"x" * (COMMAND_MAX + 1) + b"%name%"])
@example([b"db load 2%", b"db 010203%", b"db 04%", b"db print%"])
@example([b"na", b"me%\x00\xff%", b"name"])
def test_any_bytes_are_answered_as_by_the_twin(pieces: list[bytes]) -> None:
    device, twin = greeted(), Device()
    for piece in pieces:
        device.feed(piece)
        assert device.take() == twin.feed(piece)


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=3072, max_size=3072), st.integers(1, 20), st.integers(0, 20))
def test_scores_are_the_dense_layers(data: bytes, inferences: int, warmups: int) -> None:
    device, twin = greeted(), Device()
    sent = loaded(data) + f"infer {inferences} {warmups}%".encode()
    device.feed(sent)
    answer = device.take()
    assert answer == twin.feed(sent)
    found = re.search(rb"m-results-\[(.*)\]", answer)
    assert found is not None
    assert [round(float(word) * 1000) for word in found[1].split(b",")] == scores(data)


@pytest.mark.parametrize("level", [b"\x00", b"\xff"])
def test_extreme_inputs_stay_within_their_integers(level: bytes) -> None:
    device, twin = greeted(), Device()
    sent = loaded(level * 3072) + b"infer 1 0%"
    device.feed(sent)
    assert device.take() == twin.feed(sent)


def test_largest_input_is_taken_whole_and_printed_again() -> None:
    data = bytes(at * 7 % 256 for at in range(INPUT_MAX))
    device, twin = greeted(), Device()
    for sent in (loaded(data), b"db 00%db print%"):
        device.feed(sent)
        assert device.take() == twin.feed(sent)


@settings(deadline=None)
@given(st.lists(hostile, max_size=4), st.integers(1, 9))
def test_slow_line_changes_no_byte(pieces: list[bytes], fifo_bytes: int) -> None:
    device, twin = TinyDevice(fifo_bytes=fifo_bytes), Device()
    sent = b"".join(pieces)
    device.feed(sent)
    assert device.take() == GREETING.encode() + twin.feed(sent)


def test_clock_is_in_the_laps() -> None:
    device = greeted()
    device.advance(2**32 + 5)
    device.feed(b"timestamp%")
    assert device.take() == b"m-lap-us-4294967301\r\nm-ready\r\n"


def test_lost_line_forgets_half_a_command_and_keeps_the_input() -> None:
    device = greeted()
    device.feed(b"db load 2%db 0102%")
    device.take()
    device.feed(b"name%na")
    device.line_lost()
    device.feed(b"db print%")
    assert device.take() == b"m-buffer-01-02\r\nm-ready\r\n"


def test_fifo_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="fifo_bytes must be 1 to 65536, got 0"):
        TinyDevice(fifo_bytes=0)


def answer_of(port: serial.Serial, command: bytes) -> list[bytes]:
    """As published runners ask: the command, then lines until one says it is ready."""
    port.write(command)
    lines = []
    while not lines or b"m-ready" not in lines[-1]:
        lines.append(port.readline())
        assert lines[-1].endswith(b"\r\n"), lines
    return lines


def test_serial_line_of_a_process_is_greeted_and_measured() -> None:
    data = bytes(range(256)) * 12
    with running("--mlperf-tiny") as sim:
        name = sim.wait_for("listening")["address"].removeprefix("serial://")
        with serial.Serial(name, 115200, timeout=PATIENCE_S) as port:
            assert b"".join(answer_of(port, b"")) == GREETING.encode()
            for command in loaded(data).split(b"%")[:-1]:
                answer = answer_of(port, command + b"%")
            assert answer[0] == b"m-load-done\r\n"
            answer = answer_of(port, b"infer 200 5%")
        first, last = (int(line[9:]) for line in answer if line.startswith(b"m-lap-us-"))
        assert first < last
        results = next(line for line in answer if line.startswith(b"m-results-["))
        assert [round(float(w) * 1000) for w in results[11:-3].split(b",")] == scores(data)
        assert sim.end() == 0


def test_client_that_leaves_in_mid_inference_leaves_the_device_to_the_next() -> None:
    with running("--mlperf-tiny") as sim:
        name = sim.wait_for("listening")["address"].removeprefix("serial://")
        with serial.Serial(name, 115200, timeout=PATIENCE_S) as port:
            answer_of(port, b"")
            for command in loaded(bytes(3072)).split(b"%")[:-1]:
                answer_of(port, command + b"%")
            port.write(b"infer 2000000000 0%")
            while not port.readline().startswith(b"m-lap-us-"):
                pass
        for attempt in range(50):
            time.sleep(0.02 * attempt)  # it sees the first one gone only while nobody is there
            with serial.Serial(name, 115200, timeout=0.3) as port:
                port.write(b"name%")
                with contextlib.suppress(serial.SerialException):
                    if b"m-name-dut-" in port.read_until(b"m-ready\r\n"):
                        break
        else:
            pytest.fail("the next client got no answer")
        assert sim.end() == 0


def wait_for_its_name(line: socket.socket) -> bytes:
    """All that came until it had said its name."""
    line.settimeout(PATIENCE_S)
    received = b""
    while b"m-name-dut-" not in received:
        received += line.recv(4096)
    return received


def test_client_that_reads_nothing_does_not_stop_the_process(tmp_path: Path) -> None:
    path = tmp_path / "tiny.sock"
    with running("--mlperf-tiny", "--listen", f"unix:{path}") as sim:
        sim.wait_for("listening")
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    line.send(b"help%" * 100)
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.sendall(b"name%")
            wait_for_its_name(line)
        assert sim.end() == 0


def test_noise_then_a_command_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "tiny.sock"
    with running("--mlperf-tiny", "--listen", f"unix:{path}") as sim:
        sim.wait_for("listening")
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.sendall(os.urandom(20000).replace(b"%", b"") + b"%name%")
            received = wait_for_its_name(line)
        assert b"e-[Command longer than 80 letters]" in received
        assert sim.end() == 0
