"""The firmware keeps its promises in real time on every port, each by what the port declares."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

import firmware_bridge as fb
from firmware_bridge import scenario
from firmware_bridge.schema import COMPILED
from tests.link.patience import wait_until
from tests.link.targets import PATIENCE_S, TARGETS, Target

pytestmark = pytest.mark.once

SAFE_STATE = 0x10
LED, BUZZER = 0, 1
LAMPS = {"mps2-an386": (0x40028000, 1, 2), "lm3s6965evb": (0x400253FC, 1, 2)}
"""By machine: the register, and the bits of LED and buzzer in it."""


@pytest.fixture(scope="module", params=TARGETS)
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    made = Target(request.param, tmp_path_factory.mktemp("target"))
    yield made
    made.close()


@pytest.fixture
def needs(target: Target) -> Callable[[str], None]:
    def need(capability: str) -> None:
        if capability not in target.capabilities:
            pytest.skip(f"this port declares no {capability}")

    return need


@pytest.fixture
def link(target: Target) -> Iterator[fb.Link]:
    with fb.connect(target.url, timeout=PATIENCE_S) as made:
        yield made


def alert(level: int, duration_ms: int = 200, kind: int = 1) -> fb.Alert:
    return fb.Alert(kind=kind, level=level, duration_ms=duration_ms)


def wait_for_status(link: fb.Link, condition: Callable[[Any], bool], alive: bool = False) -> Any:
    """The first record of what the firmware says of itself for which the condition holds."""
    until = time.monotonic() + PATIENCE_S
    with link.subscribe("status") as batches:
        for batch in batches:
            if alive:
                link.keep_alive()
            for record in batch:
                if condition(record):
                    return record
            assert time.monotonic() < until, f"it never came: {batch}"
    raise AssertionError("the link was closed")


def make_active(link: fb.Link) -> None:
    link.keep_alive()
    wait_for_status(link, lambda status: status["state"] == 0, alive=True)


def wait_for_boot_other_than(link: fb.Link, boot_id: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while link.info.boot_id == boot_id or link.state != "open":
        assert time.monotonic() < until, "no other boot came"
        time.sleep(0.01)


def test_firmware_says_who_it_is_and_serves_its_table(link: fb.Link) -> None:
    assert link.info.name == "edgecore-reference"
    assert link.info.window in {8, 32}
    assert link.info.schema_hash == link.schema.hash == COMPILED.hash


@pytest.mark.parametrize("size", [24, 100, 512])
def test_frame_of_any_size_comes_back(link: fb.Link, size: int) -> None:
    assert link.ping(size, timeout=PATIENCE_S) > 0


@pytest.mark.parametrize("level", [1, 3])
def test_alert_shows_and_ends_by_itself(link: fb.Link, level: int) -> None:
    before = wait_for_status(link, lambda status: True)["alerts"]
    for asked, duration_ms in enumerate((400, 4000, 30_000), 1):
        link.request(alert(level, duration_ms), PATIENCE_S)
        told = wait_for_status(link, lambda status: status["alerts"] == before + asked)  # noqa: B023
        if told["alert_level"] == level:
            break  # the longer ones are for a machine that is busy with others
    assert told["alert_level"] == level
    wait_for_status(link, lambda status: status["alert_level"] == 0)


@pytest.mark.parametrize("message", [alert(2, kind=7), alert(1, duration_ms=0)])
def test_bad_argument_is_refused(link: fb.Link, message: fb.Message) -> None:
    with pytest.raises(fb.RefusedError) as refused:
        link.request(message, PATIENCE_S)
    assert refused.value.status == fb.Status.BAD_ARGUMENT


def set_output(link: fb.Link, output: int, value: int) -> None:
    """A host that was itself kept waiting for longer than the lease asks again."""
    until = time.monotonic() + PATIENCE_S
    while True:
        make_active(link)
        error = link.submit(fb.SetOutput(output=output, value=value), PATIENCE_S).exception()
        if error is None:
            return
        assert isinstance(error, fb.RefusedError)
        assert error.status == SAFE_STATE
        assert time.monotonic() < until, "it was never active for long enough to be asked something"


def test_output_is_refused_in_the_safe_state_and_obeyed_outside(link: fb.Link) -> None:
    wait_for_status(link, lambda status: status["state"] == 1)
    with pytest.raises(fb.RefusedError) as refused:
        link.request(fb.SetOutput(output=LED, value=1), PATIENCE_S)
    assert refused.value.status == SAFE_STATE

    def led_is_told() -> bool:
        set_output(link, LED, 1)
        return bool(wait_for_status(link, lambda status: True, alive=True)["led"] == 1)

    wait_until(led_is_told)


def test_lamps_are_those_that_the_firmware_speaks_of(target: Target, link: fb.Link) -> None:
    if target.machine is None:
        pytest.skip("lamps of a process shine for nobody")
    register, led, buzzer = LAMPS[target.machine.port.machine]

    def shines(output: int, bit: int, value: int) -> bool:
        set_output(link, output, value)
        return (target.word(register) & bit != 0) == bool(value)

    for output, bit in ((LED, led), (BUZZER, buzzer)):
        for value in (1, 0):
            wait_until(partial(shines, output, bit, value))


def test_silent_application_leads_to_the_safe_state(link: fb.Link) -> None:
    make_active(link)
    wait_for_status(link, lambda status: status["state"] == 1)


def test_pipelined_commands_are_each_executed_once(link: fb.Link) -> None:
    before = wait_for_status(link, lambda status: True)["alerts"]
    asked = [link.submit(alert(1, 50), PATIENCE_S) for _ in range(100)]
    for future in asked:
        future.result()
    after = wait_for_status(link, lambda status: status["alerts"] >= before + 100)
    time.sleep(0.2)
    assert after["alerts"] == wait_for_status(link, lambda status: True)["alerts"] == before + 100


def test_reconnected_line_meets_the_same_boot(target: Target) -> None:
    boots = set()
    for _ in range(3):
        with fb.connect(target.url, timeout=PATIENCE_S) as link:
            link.request(alert(1), PATIENCE_S)
            boots.add(link.info.boot_id)
    assert len(boots) == 1


def test_garbage_on_the_line_harms_nothing(target: Target) -> None:
    target.send(random.Random(4).randbytes(3000))
    with fb.connect(target.url, timeout=PATIENCE_S) as link:
        link.request(alert(1), PATIENCE_S)


def test_times_of_telemetry_are_the_hosts(link: fb.Link) -> None:
    """Nothing is older than the question nor newer than the answer, within the published bound."""
    link.ping(timeout=PATIENCE_S)
    with link.subscribe("status") as batches:
        next(iter(batches))
        first_error_ns = link.clock.error_ns
        asked_ns = time.monotonic_ns()
        records = [batch[-1] for batch, _ in zip(batches, range(4), strict=False)]
    # An exchange may have narrowed the bound after the records were dated.
    error_ns = max(first_error_ns, link.clock.error_ns)
    times = [int(record["t_ns"]) for record in records]
    assert times == sorted(times)
    assert times[-1] <= time.monotonic_ns() + error_ns
    assert times[-1] >= asked_ns - error_ns


def test_vehicle_drives_the_scenario(
    target: Target, link: fb.Link, needs: Callable[[str], None]
) -> None:
    needs("vehicle")
    with link.subscribe("vehicle") as batches, link.subscribe("imu") as samples:
        for record in next(iter(batches)):
            truth = scenario.at(float(record["t_us"]) / 1e6).ego_speed_mps
            assert record["speed_mps"] == pytest.approx(truth, abs=0.2)
        assert next(iter(samples))["accel_z"].mean() == pytest.approx(9.81, abs=0.1)


def test_port_without_a_vehicle_leaves_its_records_out(target: Target, link: fb.Link) -> None:
    if "vehicle" in target.capabilities:
        pytest.skip("this port has a vehicle")
    with link.subscribe("imu") as samples:
        for _ in range(3):
            wait_for_status(link, lambda status: True)
        assert samples.read() is None


def test_reset_while_a_request_is_under_way_ends_it_as_unknown(
    target: Target, link: fb.Link, needs: Callable[[str], None]
) -> None:
    needs("reset")
    assert target.machine is not None
    boots = {link.info.boot_id}
    for _ in range(3):
        boot_id = link.info.boot_id
        target.machine.execute("stop")
        sent = link.stats.requests_sent
        future = link.submit(alert(1), PATIENCE_S)
        while link.stats.requests_sent == sent:
            time.sleep(0.001)
        target.machine.reset()
        target.machine.run()
        with pytest.raises(fb.UnknownOutcomeError):
            future.result()
        wait_for_boot_other_than(link, boot_id)
        boots.add(link.info.boot_id)
    assert len(boots) == 4
    status = wait_for_status(link, lambda status: True)
    assert (status["state"], status["alerts"]) == (1, 0)
    link.request(alert(1), PATIENCE_S)


def test_fault_resets_the_chip(target: Target, link: fb.Link, needs: Callable[[str], None]) -> None:
    needs("reset")
    boot_id = link.info.boot_id
    with target.debugger() as debugger:
        debugger.jump(0xF0000000)  # nothing may be executed there
    wait_for_boot_other_than(link, boot_id)
    link.request(alert(1), PATIENCE_S)


def test_hung_loop_is_reset_by_the_watchdog(
    target: Target, link: fb.Link, needs: Callable[[str], None]
) -> None:
    needs("watchdog")
    boot_id, unused = link.info.boot_id, 0x20007000
    with target.debugger() as debugger:
        debugger.write_halfword(unused, 0xE7FE)  # b .
        debugger.jump(unused)
    wait_for_boot_other_than(link, boot_id)
    link.request(alert(1), PATIENCE_S)
