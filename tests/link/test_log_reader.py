"""The firmware's log as programs read it: over a link, in virtual time, and out of recordings."""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import firmware_bridge as fb
from firmware_bridge import codec
from firmware_bridge.decoding import Interpreter, readings
from firmware_bridge.events import Received
from firmware_bridge.log_line import LOG_CHANNEL, LOG_LINE, LogLine
from firmware_bridge.log_table import LogTable, LogTables, offered
from firmware_bridge.recording import Recorder, Recording
from firmware_bridge.schema import COMPILED
from tests.link import drive
from tests.link.device import Device
from tests.link.rig import Rig
from tests.link.targets import MACHINES, PATIENCE_S, TARGETS, Target

OFFER, BULK = 0xF1, 4
TEXT = 0x60


def need_words_of_sim() -> None:
    if os.environ.get("EDGECORE_SANITIZED"):
        pytest.skip("sim: is a process of another build than this one, whose words are at hand")


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    if request.param not in MACHINES:
        need_words_of_sim()
    made = Target(request.param, tmp_path)
    yield made
    made.close()


def next_line(logs: fb.Logs, beginning: str) -> fb.LogRecord:
    """The first record to come that begins so."""
    until = time.monotonic() + PATIENCE_S
    while (left := until - time.monotonic()) > 0:
        record = logs.read(left)
        if record is not None and record.text.startswith(beginning):
            return record
    raise AssertionError(f"no line {beginning!r} came")


def test_firmware_tells_of_its_boot_and_of_its_state(target: Target) -> None:
    before_ns = time.monotonic_ns()
    with fb.connect(target.url, timeout=PATIENCE_S) as link:
        logs = link.logs()  # also what came before
        boot = next_line(logs, f"boot {link.info.boot_id:08x}: power came on")
        assert (boot.level, boot.missing) == ("info", 0)
        assert boot.file is not None
        assert boot.file.endswith("firmware/core/firmware.c")
        assert next_line(logs, "safe state").level == "warning"
        link.keep_alive(0.2)
        active = next_line(logs, "active")
        assert before_ns < active.t_ns < time.monotonic_ns()
        assert next_line(logs, "safe state").t_ns > active.t_ns


def test_reset_is_told_as_one_and_begins_the_count_anew(target: Target) -> None:
    if "reset" not in target.capabilities:
        pytest.skip("this port declares no reset")
    assert target.machine is not None
    with fb.connect(target.url, timeout=PATIENCE_S) as link:
        logs = link.logs()
        next_line(logs, "safe state")
        target.machine.reset()
        boot = next_line(logs, "boot")
        assert boot.text.endswith("reset, boot 2 of this power-on")
        assert boot.missing == 0


def test_flood_leaves_commands_alone_and_is_counted(target: Target) -> None:
    flood = 300
    with fb.connect(target.url, timeout=PATIENCE_S) as link:
        logs = link.logs()
        next_line(logs, "safe state")
        commands = []
        for version in range(flood):  # each is refused, which is worth a line
            manifest = fb.make_manifest(
                b"x", version=version, name="other", sign=lambda _: bytes(64)
            )
            body = struct.pack("<HH", version + 1, 0) + manifest.pack()
            while not link._connection.carrier.publish(BULK, OFFER, body):
                time.sleep(0.001)
            if version % 10 == 0:
                commands.append(link.submit(fb.Alert(kind=1, level=1), PATIENCE_S))
            if version % 50 == 0:
                commands[-1].result(PATIENCE_S)  # no further ahead than the host's own ring
        for each in commands:
            each.result(PATIENCE_S)
        link.keep_alive()  # makes the firmware say something else, at last when this ends
        seen = missing = 0
        while (record := next_line(logs, "")).text.startswith("update: version "):
            seen += 1
            missing += record.missing
        logged = seen + missing + record.missing
        lost = link.stats.gaps["bulk"] + link.stats.dropped["bulk"]
        assert flood - lost <= logged <= flood + 2
        assert seen > 0


def test_reader_takes_messages_of_text_too(tmp_path: Path) -> None:
    device = Device(tmp_path / "fw.sock")
    with fb.connect(device.url) as link, link.logs() as logs:
        device.session.publish(LOG_CHANNEL, TEXT, struct.pack("<QB55s", 1_500_000, 2, b"hot"))
        record = logs.read(PATIENCE_S)
        assert record is not None
        assert (record.level, record.t_us, record.text) == ("warning", 1_500_000, "hot")
        assert (record.file, record.token, record.missing) == (None, None, 0)


def line_of(number: int, *, build: int = 1, token: int = 0, words: tuple[int, ...] = ()) -> bytes:
    body = struct.pack("<IIQI", build, number, number * 1000, 1 << 30 | token)
    return body + struct.pack(f"<{len(words)}I", *words)


def test_missing_lines_are_counted_within_a_boot_and_bad_ones_apart(tmp_path: Path) -> None:
    device = Device(tmp_path / "fw.sock")
    with fb.connect(device.url) as link, link.logs() as logs:
        for body in (line_of(3), line_of(4), line_of(9), b"short", line_of(2), bytes(48)):
            device.session.publish(LOG_CHANNEL, LOG_LINE, body)
        lines = [logs.read(PATIENCE_S) for _ in range(4)]
        assert [line.missing for line in lines if line is not None] == [0, 0, 4, 2]
        assert logs.read(0.2) is None
        assert logs.malformed == 2


def test_reader_given_a_table_knows_its_words(tmp_path: Path) -> None:
    entry = fb.logs.LogTables  # the public names carry what is needed
    assert entry is LogTables
    table = tmp_path / "table.json"
    table.write_bytes(
        b'{"log_table": 1, "build_id": "01000000ff", "entries": {"5": ["a.c", 7, "%d of %u"]}}'
    )
    device = Device(tmp_path / "fw.sock")
    with fb.connect(device.url) as link, link.logs([table]) as logs:
        device.session.publish(LOG_CHANNEL, LOG_LINE, line_of(0, token=5, words=(2**32 - 1, 2)))
        record = logs.read(PATIENCE_S)
        assert record is not None
        assert (record.text, record.file, record.line) == ("-1 of 2", "a.c", 7)
        with pytest.raises(OSError, match="nothing"):
            link.logs([tmp_path / "nothing"])


def test_late_reader_loses_the_oldest_and_says_so(tmp_path: Path) -> None:
    device = Device(tmp_path / "fw.sock")
    with fb.connect(device.url) as link, link.logs(frames=4) as logs:
        with pytest.raises(ValueError, match="frames must be at least 1, got 0"):
            link.logs(frames=0)
        with link.logs() as all_of_them:
            for number in range(10):
                device.session.publish(LOG_CHANNEL, LOG_LINE, line_of(number))
            for _ in range(10):
                assert all_of_them.read(PATIENCE_S) is not None
        kept = [record.t_us for record in iter(logs.read, None)]
        assert kept == [6000, 7000, 8000, 9000]
        assert logs.dropped == 6
        assert link.stats.undelivered == 0


def test_callback_gets_what_came_before_and_what_comes(tmp_path: Path) -> None:
    device = Device(tmp_path / "fw.sock")
    with fb.connect(device.url) as link:
        with link.subscribe("log") as seen:
            device.session.publish(LOG_CHANNEL, TEXT, struct.pack("<QB55s", 1, 1, b"early"))
            assert seen.read(PATIENCE_S) is not None
        came: list[str] = []
        logs = link.logs(callback=lambda record: came.append(record.text))
        until = time.monotonic() + PATIENCE_S
        while came != ["early"]:
            assert time.monotonic() < until, came
            time.sleep(0.01)
        device.session.publish(LOG_CHANNEL, TEXT, struct.pack("<QB55s", 2, 1, b"later"))
        while came != ["early", "later"]:
            assert time.monotonic() < until, came
            time.sleep(0.01)
        logs.close()


def test_lines_go_to_pythons_logging(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "firmware_bridge.logs"):
        fb.logs.to_logging(fb.LogRecord("error", 5, 6, "100 % wet", "pump.c", 12, missing=3))
        fb.logs.to_logging(fb.LogRecord("debug", 5, None, "dry"))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "100 % wet [pump.c:12] (3 lines missing before)"),
        ("DEBUG", "dry"),
    ]
    assert caplog.records[0].__dict__["t_ns"] == 5


def test_lines_are_awaited() -> None:
    need_words_of_sim()

    async def first_two(link: fb.Link) -> list[str]:
        texts = []
        async for record in link.logs():
            texts.append(record.text)
            if len(texts) == 2:
                return texts
        raise AssertionError("the log ended")

    with fb.connect("sim:") as link:
        boot, safe = asyncio.run(asyncio.wait_for(first_two(link), PATIENCE_S))
    assert boot.startswith("boot ")
    assert safe.startswith("safe state")


def texts(rig: Rig) -> list[tuple[int, str]]:
    """When and what, of all lines that reached the host of a rig."""
    lines = [
        LogLine.parse(event.payload)
        for event in rig.events
        if isinstance(event, Received) and event.type == LOG_LINE
    ]
    return [(line.t_us, line.read(LogTables()).text) for line in lines]


def test_what_happens_while_nobody_listens_is_told_afterwards() -> None:
    rig = Rig().connect()
    rig.run(0.1)
    rig.plugged = False
    rig.firmware.line_lost()
    rig.run(3)
    heard = len(texts(rig))
    rig.plugged = True
    rig.run_until(lambda: len(texts(rig)) > heard + 1)
    (safe_us, safe), (active_us, active) = texts(rig)[heard : heard + 2]
    assert safe.startswith("safe state")
    assert active.startswith("active")
    assert 1_000_000 <= safe_us <= 1_300_000 < 3_000_000 < active_us


def test_line_that_is_noisy_or_overrun_is_complained_of() -> None:
    noisy = Rig(bit_error=3e-4, seed=3).connect()
    noisy.run(5)
    assert any("damaged frames came" in text for _, text in texts(noisy))
    clean = Rig().connect()
    clean.run(5)
    assert not any(text.startswith("line:") for _, text in texts(clean))
    clean.firmware.advance(15_000_000)  # nothing takes what it sends
    clean.run_until(lambda: any("overrun" in text for _, text in texts(clean)))


def test_recording_has_the_lines_and_their_words(tmp_path: Path) -> None:
    path = tmp_path / "drive.pcapng"
    drive.record(path, 1.0, alerts=1)
    said = [
        record["text"]
        for reading in readings(Recording(path))
        if reading.message == "log_line"
        for record in reading.records
    ]
    assert said[0].startswith("boot ")
    assert any(text.startswith("safe state") for text in said)


def test_recording_carries_the_words_of_a_firmware_that_nobody_knows(tmp_path: Path) -> None:
    table = LogTable.parse(
        b'{"log_table": 1, "build_id": "0a0b0c0d", "entries": {"5": ["a.c", 7, "at %d C"]}}'
    )
    body = line_of(0, build=table.build, token=5, words=(2**32 - 40,))
    wire = codec.encode(LOG_CHANNEL, LOG_LINE, body)
    cut = codec.encode(LOG_CHANNEL, LOG_LINE, body[:-1], sequence=1)
    for known in (True, False):
        path = tmp_path / f"{known}.pcapng"
        with Recorder(path, url="", device={}) as recorder:
            recorder.table(COMPILED)
            if known:
                recorder.log_table(table)
            recorder.add("from_device", 1, wire)
            recorder.add("from_device", 2, cut)
        line, bad = readings(Recording(path))
        words = "at -40 C" if known else "token 0x5 0xffffffd8 (no table of build 0a0b0c0d)"
        assert line.records[0]["text"] == words
        assert bad.error is not None
        assert "a log line has 20 bytes" in bad.error
        assert not bad.records


def test_bytes_without_a_recording_are_read_by_the_tables_given() -> None:
    table = offered()[0]
    place, entry = next((p, e) for p, e in table.entries.items() if not e.conversions)
    wire = codec.encode(LOG_CHANNEL, LOG_LINE, line_of(0, build=table.build, token=place))
    (reading,) = Interpreter(COMPILED).stream([wire])
    assert reading.records[0]["text"] == entry.format
