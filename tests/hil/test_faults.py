"""Every fault really happens, is counted, and stands in the journal."""

from __future__ import annotations

import json
import math
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_bridge as fb
import tests.properties  # noqa: F401
from edgecore.testing.dut import Dut
from edgecore.testing.errors import RigError
from firmware_bridge.testing.bad_line import LATE_US, BadLine
from firmware_bridge.testing.faults import Faults
from firmware_bridge.testing.profile import CLEAN, PROFILES, Profile, named

PATIENCE_S = 30.0
ALERT = fb.Alert(kind=1, level=1, duration_ms=10)
BURST = bytes(range(1, 101))


def through(line: BadLine, burst: bytes, now_us: int = 0) -> bytes:
    line.send(now_us, burst)
    came = b""
    while (due_us := line.next_us) is not None:
        came += line.receive(due_us)
    return came


def until(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, "it never came"
        time.sleep(0.002)


# The line, without I/O.


@given(st.lists(st.binary(min_size=1, max_size=512), max_size=20))
def test_clean_line_carries_everything_at_once(bursts: list[bytes]) -> None:
    line = BadLine(CLEAN, 1)
    for burst in bursts:
        line.send(0, burst)
    assert line.receive(0) == b"".join(bursts)


def test_struck_bursts() -> None:
    line = BadLine(CLEAN, 1)
    line.strike("flip")
    came = through(line, BURST)
    assert [a ^ b for a, b in zip(came, BURST, strict=True) if a != b] == [0x10]
    line.strike("drop")
    assert through(line, BURST) == b""
    line.strike("duplicate")
    assert through(line, BURST) == BURST * 2
    line.strike("overrun")
    assert through(line, BURST) == BURST[:16]
    assert through(line, BURST, LATE_US - 1) == b""
    assert through(line, BURST, LATE_US) == BURST
    counts = line.counts
    assert (counts["bits_flipped"], counts["bytes_dropped"]) == (1, 100)
    assert (counts["bytes_repeated"], counts["bytes_overrun"]) == (100, 184)


def test_late_receiver_is_late_until_it_has_lost_something() -> None:
    line = BadLine(CLEAN, 1)
    line.strike("overrun")
    pieces = [BURST[at : at + 6] for at in range(0, 24, 6)]
    came = [through(line, piece, number * LATE_US) for number, piece in enumerate(pieces)]
    assert came == [BURST[:6], BURST[6:12], BURST[12:16], BURST[18:24]]
    assert line.counts["bytes_overrun"] == 2


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        ("bit_error", "bits_flipped"),
        ("drop", "bytes_dropped"),
        ("duplicate", "bytes_repeated"),
        ("overrun", "bytes_overrun"),
    ],
)
def test_probabilities_are_those_of_the_profile(fault: str, count: str) -> None:
    for probability in (0.0, 0.05):
        line = BadLine(Profile(**{fault: probability}), 7)
        for turn in range(200):
            through(line, BURST, turn * 2 * LATE_US)
        assert (line.counts[count] > 0) == (probability > 0)
    assert line.counts["bytes_in"] <= 200 * len(BURST)


def test_delay_jitter_and_pace_are_those_of_the_profile() -> None:
    line = BadLine(Profile(delay_ms=5, jitter_ms=2, baud=10_000), 3)
    line.send(0, BURST)
    assert line.next_us is not None
    assert 105_000 <= line.next_us <= 107_000  # 100 bytes of a millisecond, then the delay
    assert not line.has_room(90_000)
    assert line.has_room(99_000)


def test_bytes_under_way_keep_the_profile_they_were_sent_under() -> None:
    line = BadLine(Profile(delay_ms=10), 1)
    line.send(0, b"first")
    line.change(CLEAN)
    line.send(1, b"second")
    assert line.receive(5000) == b""
    assert line.receive(10_000) == b"firstsecond"
    line.send(20_000, b"third")
    assert line.receive(20_000) == b"third"


def test_lost_bytes_are_counted_and_come_no_more() -> None:
    line = BadLine(Profile(delay_ms=10), 1)
    line.send(0, BURST)
    assert line.lose() == 100
    assert line.receive(20_000) == b""
    assert (line.counts["bytes_out"], line.counts["bytes_lost"]) == (0, 100)


def test_same_seed_is_the_same_line() -> None:
    def run(seed: int) -> list[bytes]:
        line = BadLine(PROFILES["noisy"], seed)
        return [through(line, BURST, turn * 10_000) for turn in range(200)]

    assert run(5) == run(5) != run(6)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a profile of clean, .*, got 'filthy'"):
        named("filthy")
    with pytest.raises(ValueError, match=r"drop must lie in \[0, 1\], got 2"):
        Profile(drop=2)
    with pytest.raises(ValueError, match=r"baud must be finite and not below 0, got -1"):
        Profile(baud=-1)
    with pytest.raises(ValueError, match=r"delay_ms must be finite and not below 0, got nan"):
        Profile(delay_ms=math.nan)


# The bridge, with a device behind it.


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        ("flip", "bits_flipped"),
        ("drop", "bytes_dropped"),
        ("duplicate", "bytes_repeated"),
        ("overrun", "bytes_overrun"),
        ("reorder", "bytes_reordered"),
        ("reboot_in_frame", "bytes_cut"),
        ("brown_out", "bytes_spiked"),
        ("unplug", "unplugs"),
        ("reboot", "reboots"),
    ],
)
def test_fault_happens_once_asked_for(
    edge_link: fb.Link, edge_faults: Faults, tmp_path: Path, fault: str, count: str
) -> None:
    assert edge_faults.counts[count] == 0
    edge_faults.at(0.01, fault, **({"for_s": 0.02} if fault == "unplug" else {}))

    def met() -> bool:
        edge_link.publish(fb.DetectionSummary(frame=1, count=2, nearest_ttc_ms=3))
        return edge_faults.counts[count] > 0

    until(met)
    until(lambda: edge_link.state == "open")
    journal = edge_faults.journal
    told = [json.loads(line) for line in (tmp_path / "line.jsonl").read_text().splitlines()]
    assert told[: len(journal)] == journal
    assert len(journal) > 1


def test_stuck_device_takes_nothing_and_then_everything(
    edge_dut: Dut, edge_link: fb.Link, edge_faults: Faults
) -> None:
    edge_faults.stuck(for_s=0.3)
    future = edge_link.submit(ALERT, PATIENCE_S)
    until(lambda: [entry["fault"] for entry in edge_faults.journal][-1] == "unstuck")
    future.result()
    stuck, unstuck = [e["t_s"] for e in edge_faults.journal if e["fault"].endswith("stuck")]
    heard = [reading.t_ns / 1e9 for reading in edge_dut.traffic if reading.direction == "to_device"]
    assert not [t_s for t_s in heard if stuck < t_s < unstuck]


def test_unplugged_host_has_no_port_until_it_is_plugged(
    edge_dut: Dut, edge_link: fb.Link, edge_faults: Faults
) -> None:
    edge_faults.unplug()
    until(lambda: edge_link.state == "lost")
    with pytest.raises(fb.BridgeConnectionError):
        fb.connect(edge_dut.url, timeout=0.1)
    edge_faults.plug()
    edge_link.request(ALERT, PATIENCE_S)


def test_profile_lasts_as_long_as_its_block(edge_link: fb.Link, edge_faults: Faults) -> None:
    with edge_faults.profile(Profile(bit_error=0.2)):  # no frame survives that
        with pytest.raises(fb.BridgeTimeoutError):
            edge_link.request(ALERT, 0.2)
        until(lambda: edge_faults.counts["bits_flipped"] > 0)
    edge_link.request(ALERT, PATIENCE_S)


def test_profile_comes_at_its_time(edge_link: fb.Link, edge_faults: Faults) -> None:
    edge_faults.at(0.05, "congested")
    until(lambda: "congested" in [entry.get("profile") for entry in edge_faults.journal])
    assert edge_link.ping(timeout=PATIENCE_S) >= 80e6  # there and back


def test_unknown_fault_is_refused_when_it_is_asked_for(edge_faults: Faults) -> None:
    with pytest.raises(ValueError, match=r"expected a fault of unplug, .*, got 'meteor'"):
        edge_faults.at(1.0, "meteor")


def test_arguments_that_make_no_sense_are_refused_when_they_are_given(edge_faults: Faults) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'for_ms'"):
        edge_faults.at(1.0, "unplug", for_ms=5)
    with pytest.raises(TypeError, match="missing a required argument: 'for_s'"):
        edge_faults.at(1.0, "stuck")
    with pytest.raises(TypeError, match="a profile takes no arguments, got for_s"):
        edge_faults.at(1.0, "congested", for_s=2)
    with pytest.raises(ValueError, match="expected a way of from_device, to_device, got 'up'"):
        edge_faults.flip("up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected a way of from_device, to_device, got 'both'"):
        edge_faults.at(1.0, "flip", way="both")


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, "1"])
def test_times_that_cannot_be_are_refused_before_anything_is_done(
    edge_faults: Faults, seconds: Any
) -> None:
    said = rf"expected seconds, 0 or more, got {seconds!r}"
    for fault in (
        edge_faults.unplug,
        edge_faults.stuck,
        edge_faults.reorder,
        edge_faults.brown_out,
        lambda given: edge_faults.at(given, "unplug"),
        lambda given: edge_faults.at(1.0, "unplug", for_s=given),
    ):
        with pytest.raises(ValueError, match=said):
            fault(seconds)
    assert edge_faults.counts["unplugs"] == edge_faults.counts["brown_outs"] == 0


def test_fault_that_cannot_be_done_at_its_time_is_told_and_ends_no_later_test(
    edge_dut: Dut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_dut._target, "stop", no_hub)
    edge_dut.faults.at(0.0, "brown_out")
    until(lambda: "rig_failure" in [entry["fault"] for entry in edge_dut.faults.journal])
    with pytest.raises(RigError, match="the hub is missing"):
        edge_dut.end(failed=False)
    monkeypatch.undo()
    edge_dut.begin(None, 0)
    with edge_dut.connect() as link:
        link.request(ALERT, PATIENCE_S)


def no_hub() -> None:
    raise OSError("the hub is missing")


@pytest.mark.parametrize(("fault", "button"), [("brown_out", "stop"), ("reboot", "reset")])
def test_fault_that_the_rig_fails_at_is_an_error_of_the_rig_and_did_not_happen(
    edge_dut: Dut, edge_faults: Faults, monkeypatch: pytest.MonkeyPatch, fault: str, button: str
) -> None:
    monkeypatch.setattr(edge_dut._target, button, no_hub)
    said = r"rig: sim: OSError: the hub is missing \(test_faults\.py:\d+\)"
    with pytest.raises(RigError, match=said):
        getattr(edge_faults, fault)()
    monkeypatch.undo()
    assert edge_faults.counts["brown_outs"] == edge_faults.counts["reboots"] == 0
    assert not {"brown_out", "power_back", "reboot"} & {e["fault"] for e in edge_faults.journal}


@pytest.mark.parametrize(
    ("fault", "begun", "ended"),
    [
        ("unplug", "unplugged", "plugged"),
        ("stuck", "stuck", "unstuck"),
        ("brown_out", "brown_out", "power_back"),
    ],
)
def test_fault_lasts_as_long_as_it_was_last_asked_for(
    edge_faults: Faults, fault: str, begun: str, ended: str
) -> None:
    getattr(edge_faults, fault)(for_s=0.05)
    getattr(edge_faults, fault)(for_s=0.4)
    until(lambda: ended in [entry["fault"] for entry in edge_faults.journal])
    first_s = next(entry["t_s"] for entry in edge_faults.journal if entry["fault"] == begun)
    ends_s = [entry["t_s"] for entry in edge_faults.journal if entry["fault"] == ended]
    assert ends_s[0] - first_s >= 0.4


def test_power_comes_back_though_the_rig_fails_at_another_brown_out(
    edge_faults: Faults, edge_dut: Dut, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge_faults.brown_out(for_s=0.2)
    with monkeypatch.context() as broken:
        broken.setattr(edge_dut._target, "stop", no_hub)
        with pytest.raises(RigError, match="the hub is missing"):
            edge_faults.brown_out(for_s=0.2)
    until(lambda: "power_back" in [entry["fault"] for entry in edge_faults.journal])


def test_what_was_asked_for_later_knows_no_end_of_before(edge_faults: Faults) -> None:
    edge_faults.unplug(for_s=0.05)
    edge_faults.unplug()
    edge_faults.at(0.2, "clean")
    until(lambda: "profile" in [entry["fault"] for entry in edge_faults.journal])
    assert "plugged" not in [entry["fault"] for entry in edge_faults.journal]


def test_profile_ends_as_the_one_before_whoever_asked_for_it(
    edge_dut: Dut, edge_faults: Faults
) -> None:
    edge_faults.use("slow")
    with edge_dut.faults.profile(Profile(drop=0.25)):
        pass
    told = [entry["profile"] for entry in edge_faults.journal if entry["fault"] == "profile"]
    assert told == ["slow", str(Profile(drop=0.25)), "slow"]


def test_line_goes_on_where_its_journal_cannot_be_written(
    edge_dut: Dut, edge_faults: Faults, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path)
    edge_faults.unplug(for_s=0.01)
    until(lambda: "plugged" in [entry["fault"] for entry in edge_faults.journal])
    with edge_dut.connect() as link:
        link.request(ALERT, PATIENCE_S)


def test_next_test_has_a_clean_line(edge_faults: Faults) -> None:
    assert not +edge_faults.counts or set(+edge_faults.counts) <= {"bytes_in", "bytes_out"}


def test_clean_bridge_changes_nothing_and_counts_all(
    edge_dut: Dut, edge_link: fb.Link, edge_faults: Faults
) -> None:
    for _ in range(50):
        edge_link.request(ALERT, PATIENCE_S)
        edge_link.ping(512, timeout=PATIENCE_S)
    counts = edge_faults.counts
    assert counts["bytes_in"] == counts["bytes_out"] > 50 * 1024
    assert sum(edge_link.stats.errors.values()) == 0
    assert len(edge_dut.heard("Alert")) >= 50


def test_faults_may_be_asked_for_by_several_threads(
    edge_link: fb.Link, edge_faults: Faults
) -> None:
    def nag() -> None:
        for _ in range(20):
            edge_faults.drop()
            edge_faults.use("clean")

    threads = [threading.Thread(target=nag) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    edge_link.request(ALERT, PATIENCE_S)
