"""`edgecore bench --mlperf-tiny`: the reference firmware measured, and devices that are none."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgecore.benchmark import mlperf_tiny as tiny
from edgecore.benchmark.tiny_device import Inference, TinyDevice
from edgecore.errors import ConfigError, DeviceError
from firmware_bridge import BridgeConnectionError
from tests.link.pty_firmware import firmware
from tests.reference.mlperf_tiny import Device, scores
from tests.runtime.test_cli import edgecore

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
SIM = "sim:?mlperf_tiny=1"

Answer = Callable[[bytes], bytes]


@contextlib.contextmanager
def device_that(answer: Answer, greeting: bytes = b"") -> Iterator[str]:
    """A pty behind which a function answers each command, without its %; yields its name."""
    master, slave = os.openpty()
    tty.setraw(slave)

    def serve() -> None:
        received = b""
        with contextlib.suppress(OSError):
            os.write(master, greeting)
            while data := os.read(master, 4096):
                *commands, received = (received + data).split(b"%")
                for command in commands:
                    os.write(master, answer(command))

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.close(slave)
        serving.join(5)
        os.close(master)


def twin_but(**others: bytes) -> Answer:
    """The twin, but for commands that begin with a word."""
    twin = Device()

    def answer(command: bytes) -> bytes:
        word = command.split(b" ")[0].decode()
        return others.get(word) or twin.feed(command + b"%")

    return answer


def opened(url: str, *, timeout_s: float = 20.0, inference_timeout_s: float = 20.0) -> TinyDevice:
    return TinyDevice(url, timeout_s=timeout_s, inference_timeout_s=inference_timeout_s)


def test_reference_firmware_is_known_loaded_and_measured_over_a_pty() -> None:
    data = bytes(range(256)) * 12
    with firmware("--mlperf-tiny") as name, TinyDevice(name) as device:
        assert (device.vendor, device.model) == ("edgecore untrained reference", "ic01")
        device.load(data)
        run = device.infer(20, 2)
    assert run.iterations == 20
    assert run.elapsed_us > 0
    assert [round(score * 1000) for score in run.results] == scores(data)


def test_windows_are_as_long_as_asked_for_and_five() -> None:
    with TinyDevice(SIM) as device:
        windows = list(tiny.performance(device, [bytes(3072)], window_s=0.02))
    assert len(windows) == 5
    assert all(run.elapsed_us >= 20_000 and run.iterations >= 10 for run in windows)
    assert not tiny.by_the_rules(windows)


def test_rules_ask_for_five_windows_of_ten_seconds_and_ten_inferences() -> None:
    good = Inference(10, 10_000_000, (0.0, 1.0))
    assert tiny.by_the_rules([good] * 5)
    assert not tiny.by_the_rules([good] * 4)
    assert not tiny.by_the_rules([good] * 4 + [good._replace(elapsed_us=9_999_999)])
    assert not tiny.by_the_rules([good] * 4 + [good._replace(iterations=9)])
    assert tiny.median_us([good._replace(elapsed_us=us) for us in (10, 50, 20, 90, 30)]) == 3.0


def dataset(folder: Path, wrong: int) -> Path:
    """Four inputs labelled by their highest score, but so many of them by another."""
    lines = []
    for index in range(4):
        data = bytes((at * (index + 1)) % 251 for at in range(3072))
        (folder / f"{index}.bin").write_bytes(data)
        ranked = scores(data)
        label = (ranked.index(max(ranked)) + (index < wrong)) % 10
        lines.append(f"{index}.bin, 10, {label}\n")
    (folder / "y_labels.csv").write_text("".join(lines))
    return folder


@pytest.mark.parametrize("wrong", [0, 1, 4])
def test_accuracy_counts_labels_with_the_highest_score(wrong: int, tmp_path: Path) -> None:
    with TinyDevice(SIM) as device:
        samples = tiny.read_samples(dataset(tmp_path, wrong), device.model)
        assert tiny.accuracy(device, samples) == (4 - wrong, 4)


def test_command_prints_a_table_and_keeps_json(tmp_path: Path) -> None:
    folder = tmp_path / "ic01"
    folder.mkdir()
    dataset(folder, 1)
    done = edgecore(
        tmp_path,
        "bench",
        *("--mlperf-tiny", SIM, "--dataset", ".", "--seconds", "0.02", "--json", "tiny.json"),
    )
    assert done.returncode == 0, done.stderr
    assert "edgecore untrained reference, model ic01" in done.stdout
    assert "not by the benchmark's rules" in done.stdout
    assert "top-1: 3 of 4, 75.0%" in done.stdout
    kept = json.loads((tmp_path / "tiny.json").read_text())
    assert kept["benchmark"] == "mlperf-tiny"
    assert kept["device"]["model"] == "ic01"
    assert kept["accuracy"] == {"correct": 3, "samples": 4, "top1": 0.75}
    measured = kept["performance"]
    assert len(measured["windows"]) == 5
    assert measured["by_the_rules"] is False
    each = sorted(one["elapsed_us"] / one["iterations"] for one in measured["windows"])
    assert measured["median_us"] == pytest.approx(each[2])
    assert measured["inferences_per_s"] == pytest.approx(1e6 / each[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mlperf-tiny", SIM, "--only", "heads"], "expected --dataset, --seconds and --json"),
        (["--mlperf-tiny", SIM, "--compare"], "got --compare"),
        (["--dataset", "."], "--dataset: expected --mlperf-tiny URL"),
        (["--mlperf-tiny", SIM, "--dataset", "."], "expected y_labels.csv in it, or in ic01"),
        (["--mlperf-tiny", "sim:?mlperf_tiny=2"], "mlperf_tiny must be 0 or 1, got '2'"),
        (["--mlperf-tiny", "/nowhere/tty"], "/nowhere/tty: No such file or directory"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = edgecore(tmp_path, "bench", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


READY = b"m-ready\r\n"


def lines(*text: str) -> bytes:
    return "".join(f"{line}\r\n" for line in text).encode()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda _: b"", "name%: expected m-ready in time, got nothing more"),
        (lambda _: b"ok\r\n", "expected m-ready in time"),
        (lambda _: b"m-na", "expected m-ready in time, got b'm-na'"),
        (lambda _: READY, "expected m-ready in time"),
        (lambda _: b"e-[Unknown command: name]\r\n" + READY, "answered 'e-.Unknown command"),
        (lambda _: bytes(range(128, 256)) * 8, "expected m-ready in time, got"),
        (lambda _: b"x\r\n" * 2000, "expected m-ready within 1000 lines, last came 'x'"),
        (lambda _: b"\xfe" * 5000, "without one"),
        (twin_but(profile=READY), "expected one line m-profile-"),
        (twin_but(profile=b"m-profile-[x]\r\n" + READY), "expected one line m-model-"),
    ],
)
def test_device_that_speaks_nonsense_is_named_in_time(answer: Answer, message: str) -> None:
    with device_that(answer) as name, pytest.raises(DeviceError, match=message) as failed:
        opened(name, timeout_s=0.5)
    assert str(failed.value).startswith(name)


def test_device_that_answers_without_end_but_not_with_a_name_is_named() -> None:
    message = r"expected m-name-dut-\[...\], got 1000 answers without it, the last \['x'\]"
    with (
        device_that(lambda _: lines("x", "m-ready") * 1100) as name,
        pytest.raises(DeviceError, match=message),
    ):
        opened(name)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lines("m-warmup-start-1"), "infer 1 0%: expected m-ready in time"),
        (lines("m-lap-us-1", "m-results-[1]", "m-ready"), "expected two lines m-lap-us-N, got 1"),
        (lines("m-lap-us-1", "m-lap-us-2", "m-ready"), "expected one line m-results-"),
        (
            lines("m-lap-us-1", "m-lap-us-2", "m-results-[a,b]", "m-ready"),
            "expected numbers as results, got 'a,b'",
        ),
        (
            lines("m-lap-us-1", "m-lap-us-2", "m-results-[nan]", "m-ready"),
            "expected finite numbers as results, got 'nan'",
        ),
        (lines("m-lap-us-1", "m-lap-us-2", "m-results-[]", "m-ready"), "expected finite numbers"),
        (
            lines("m-lap-us-9000000000", "m-lap-us-2", "m-results-[1]", "m-ready"),
            "expected laps that go up",
        ),
        (
            lines("m-lap-us-1", f"m-lap-us-{'9' * 4500}", "m-results-[1]", "m-ready"),
            "expected two lines m-lap-us-N, got 1|bytes without one",
        ),
    ],
)
def test_measurement_without_sense_is_an_error(answer: bytes, message: str) -> None:
    with (
        device_that(twin_but(infer=answer)) as name,
        opened(name, inference_timeout_s=2.0) as device,
    ):
        device.load(bytes(3072))
        with pytest.raises(DeviceError, match=message):
            device.infer(1, 0)


def test_older_words_for_laps_and_a_counter_that_goes_round_are_understood() -> None:
    answer = lines("m-timestamp-us-4294967290", "m-timestamp-us-4", "m-results-[0.5,1]", "m-ready")
    with device_that(twin_but(infer=answer)) as name, opened(name) as device:
        assert device.infer(3, 0) == Inference(3, 10, (0.5, 1.0))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (READY, r"expected 'm-.Expecting 40 bytes.', got \[\]"),
        (lines("m-[Expecting 40 bytes]", "m-ready"), "expected m-load-done after 40 bytes"),
        (lines("e-[no room]", "m-ready"), r"db load 40%: the device answered 'e-\[no room\]'"),
    ],
)
def test_input_that_is_not_taken_is_an_error(answer: bytes, message: str) -> None:
    with (
        device_that(twin_but(db=answer)) as name,
        opened(name) as device,
        pytest.raises(DeviceError, match=message),
    ):
        device.load(bytes(40))


def test_clock_that_stands_still_is_an_error() -> None:
    with (
        device_that(twin_but()) as name,
        opened(name) as device,
        pytest.raises(DeviceError, match="expected time to pass in 1001 inferences"),
    ):
        list(tiny.performance(device, [bytes(3072)], window_s=0.1))


@pytest.mark.parametrize("laps", [(0, 90_000_000), (4_000_000, 3_999_999), (0, 2**64 - 1)])
def test_clock_that_runs_ahead_of_the_hosts_is_an_error(laps: tuple[int, int]) -> None:
    """Ticks that are no microseconds, a lap that went back, rubbish: each would be a result."""
    answer = lines(*(f"m-lap-us-{lap}" for lap in laps), "m-results-[0,1]", "m-ready")
    with (
        device_that(twin_but(infer=answer)) as name,
        opened(name) as device,
        pytest.raises(DeviceError, match=r"expected a clock in microseconds, got \d+ for 10 inf"),
    ):
        list(tiny.performance(device, [bytes(3072)], window_s=0.1))


def test_codes_for_a_terminal_are_no_part_of_a_name() -> None:
    answer = lines("m-name-dut-[\x1b[31mevil]", "m-ready")
    with device_that(twin_but(name=answer)) as name, opened(name) as device:
        assert device.vendor == "\N{REPLACEMENT CHARACTER}[31mevil"


def test_greeting_and_leftovers_on_the_line_are_passed_over() -> None:
    left = lines("rest of an answer", "m-init-done", "m-ready")
    with device_that(twin_but(), left) as name, opened(name) as device:
        assert device.model == "ic01"
        assert device.ask("timestamp") == ["m-lap-us-0"]


def test_device_that_is_greeted_late_is_asked_again() -> None:
    asked: list[bytes] = []
    twin = Device()

    def boots_slowly(command: bytes) -> bytes:
        asked.append(command)
        return b"" if len(asked) == 1 else twin.feed(command + b"%")

    with device_that(boots_slowly) as name, opened(name, timeout_s=2.0) as device:
        assert device.model == "ic01"
    assert asked == [b"name", b"name", b"profile"]


def test_device_that_is_unplugged_in_mid_answer_is_an_error() -> None:
    with firmware("--mlperf-tiny") as name:
        device = TinyDevice(name)
    with device, pytest.raises(DeviceError, match=r"line was closed|Input/output error"):
        device.ask("name")


def test_score_that_a_label_has_none_of_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "0.bin").write_bytes(bytes(3072))
    (tmp_path / "y_labels.csv").write_text("0.bin,11,1\n")
    with TinyDevice(SIM) as device:
        samples = tiny.read_samples(tmp_path, device.model)
        with pytest.raises(DeviceError, match=r"expected 11 scores, one for each class .* got 10"):
            tiny.accuracy(device, samples)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("", "expected a line for each input, got none"),
        ("0.bin\n", "line 1: expected file, classes, class"),
        ("\n0.bin,2,one\n", "line 2: expected file, classes, class"),
        ("gone.bin,2,1\n", "gone.bin: no such file"),
    ],
)
def test_labels_that_make_no_sense_are_named(labels: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "0.bin").write_bytes(b"")
    (tmp_path / "y_labels.csv").write_text(labels)
    with pytest.raises(ConfigError, match=re.escape(message)):
        tiny.read_samples(tmp_path, "ic01")


def test_labels_from_a_spreadsheet_are_read_and_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0.bin").write_bytes(bytes(3072))
    labels = tmp_path / "y_labels.csv"
    labels.write_bytes(b"\xef\xbb\xbf0.bin,2,1\r\n")
    assert tiny.read_samples(tmp_path, "ic01") == [tiny.Sample(tmp_path / "0.bin", 1, 2)]
    for damaged in (b"\xff\xfe0", b"0.bin," + b"x" * 200_000):
        labels.write_bytes(damaged)
        with pytest.raises(ConfigError, match=r"y_labels.csv: expected a line for each input, "):
            tiny.read_samples(tmp_path, "ic01")


def test_inputs_are_made_up_for_the_benchmarks_models_only() -> None:
    assert [len(data) for data in tiny.made_up_inputs("kws01")] == [490] * 5
    assert tiny.made_up_inputs("ic01") == tiny.made_up_inputs("ic01")
    with pytest.raises(ConfigError, match="got 'mine' without"):
        tiny.made_up_inputs("mine")
    with pytest.raises(ConfigError, match="ad01: its windows"):
        tiny.read_samples(Path(), "ad01")


def test_serial_lines_run_at_the_benchmarks_speed() -> None:
    with pytest.raises(BridgeConnectionError, match="/nowhere"):
        TinyDevice("serial:///nowhere?baud=9600")
    with pytest.raises(ValueError, match="baud must be a positive integer, got 'x'"):
        TinyDevice("serial:///nowhere?baud=x")
    with pytest.raises(ValueError, match="baud: expected a value, got none"):
        TinyDevice("serial:///nowhere?baud=")
    with pytest.raises(BridgeConnectionError, match="/nowhere"):
        TinyDevice("serial:///nowhere?low_latency=1")
    with firmware("--mlperf-tiny") as name, TinyDevice(f"serial://{name}") as device:
        assert device._port.description.endswith("at 115200 baud")
