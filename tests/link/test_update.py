"""Two slots, a trial, a confirmation: whenever the power fails, the old or the new image boots."""

import itertools
import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.log_line import LogLine
from firmware_bridge.testing import Firmware, Flash
from tests.link.updating import (
    ACTIVATE,
    ACTIVE,
    CONFIRM,
    CONFIRMED,
    DONE,
    REVERTED,
    SMALL,
    STATE,
    TOO_LONG,
    TRIAL,
    Bench,
    manifest_of,
    verify,
)

pytestmark = pytest.mark.once

BUSY, LINE = 4, 0xFA
OLD, NEW = random.Random(1).randbytes(900), random.Random(2).randbytes(700)


def bench(image: bytes = OLD, version: int = 1, **flash: Any) -> Bench:
    host = Bench(Flash(verify=verify, **(flash or SMALL))).connect()
    host.install(image, version)
    return host


def runs(host: Bench, image: bytes) -> bool:
    booted = host.firmware.image
    return booted["intact"] and booted["digest"] == manifest_of(image, 1).digest


def state(host: Bench) -> tuple[int, int, int, int, int]:
    """Boot state, slot that runs, its version, the floor, room."""
    payload = host.answer(STATE).payload
    return payload[0], payload[1], *struct.unpack_from("<III", payload, 4)


def test_confirmed_image_runs_after_every_boot() -> None:
    host = bench()
    host.install(NEW, 2)
    for _ in range(3):
        host.firmware.power_cycle()
        host.connect()
        assert runs(host, NEW)
        assert host.firmware.image["state"] == CONFIRMED


def warnings_of_a_boot(host: Bench) -> int:
    heard = len(host.events)
    host.firmware.power_cycle()
    host.connect()
    until_us = host.now_us + 1_000_000
    host.run_until(lambda: host.now_us >= until_us)
    lines = [event for event in host.events[heard:] if getattr(event, "type", None) == LINE]
    return [LogLine.parse(event.payload).level for event in lines].count("warning")


def test_boot_that_ends_a_trial_warns_of_it() -> None:
    host = bench()
    usual = warnings_of_a_boot(host)
    assert host.transfer(NEW, manifest_of(NEW, 2)) == DONE
    assert host.activate()
    assert warnings_of_a_boot(host) == usual + 1
    assert host.firmware.image["state"] == REVERTED


def test_second_activation_before_the_reset_is_refused() -> None:
    """It would put the reset off."""
    host = bench()
    assert host.transfer(NEW, manifest_of(NEW, 2)) == DONE
    transfer = struct.pack("<H", 2)
    assert host.answer(ACTIVATE, transfer).status == 0
    assert host.answer(ACTIVATE, transfer).status == BUSY
    assert runs(host, OLD)


def test_image_that_nobody_confirms_is_replaced_by_the_old_one_at_the_next_boot() -> None:
    host = bench()
    assert host.transfer(NEW, manifest_of(NEW, 2)) == DONE
    assert runs(host, OLD)
    assert host.activate()
    assert runs(host, NEW)
    assert host.firmware.image["state"] == TRIAL
    for _ in range(2):
        host.firmware.power_cycle()
        host.connect()
        assert runs(host, OLD)
        assert host.firmware.image["state"] == REVERTED
    assert host.confirm(2) != 0  # too late
    host.install(NEW, 2)
    assert runs(host, NEW)


def test_state_says_what_runs() -> None:
    host = Bench(Flash(verify=verify, **SMALL)).connect()
    assert state(host) == (CONFIRMED, 0xFF, 0, 0, 1280)
    host.install(OLD, 3)
    assert state(host) == (CONFIRMED, 0, 3, 3, 1280)
    host.transfer(NEW, manifest_of(NEW, 4))
    host.activate()
    assert state(host) == (TRIAL, 1, 4, 3, 1280)
    host.confirm(4)
    assert state(host) == (CONFIRMED, 1, 4, 4, 1280)


def test_state_says_whether_signatures_can_be_checked() -> None:
    for flash, verifies in ((Flash(verify=verify, **SMALL), 1), (Flash(**SMALL), 0)):
        assert Bench(flash).connect().answer(STATE).payload[2] == verifies


def test_only_what_was_brought_is_activated_and_only_what_runs_is_confirmed() -> None:
    host = bench()
    assert host.answer(ACTIVATE, b"\1\0").status != 0
    host.transfer(NEW, manifest_of(NEW, 2))
    assert host.answer(ACTIVATE, b"\xff\xff").status != 0
    assert host.answer(ACTIVATE, b"").status == 2
    assert host.confirm(9) == 2
    assert host.answer(CONFIRM, b"\1").status == 2
    assert host.answer(0xF8).status == 3
    host.firmware.power_cycle()
    host.connect()
    assert runs(host, OLD)


def test_board_without_flash_knows_no_updates() -> None:
    assert Bench().connect().answer(STATE).status == 3


def settled(seed: int = 0) -> Flash:
    """A flash on which OLD is confirmed."""
    host = bench()
    return Flash(verify=verify, memory=bytearray(host.flash.content), seed=seed, **SMALL)


def update(host: Bench) -> bool:
    """Whether NEW came to run, confirmed; False: the power failed before."""
    for _ in range(3):
        status = host.transfer(NEW, manifest_of(NEW, 2))
        if status is None or (status == DONE and not host.activate()):
            return False
        assert status in {DONE, ACTIVE}
        if host.firmware.image["state"] == TRIAL and host.confirm(2) != 0:
            return False
        if runs(host, NEW) and host.firmware.image["state"] == CONFIRMED:
            return True
    raise AssertionError(host.firmware.image)


def boot(host: Bench, cut: int = 0) -> bool:
    """Power comes back, and fails again in the boot's write `cut`; False: it did."""
    host.firmware.power_cycle()
    if cut:
        host.flash.cut_power_in(cut)
        host.firmware = Firmware(flash=host.flash, boot_id=host.firmware.boot_id + 1)
        if host.flash.off:
            return False
        host.flash.power_on()
    host.start_host()
    host.connect()
    return True


def assert_old_or_new(host: Bench) -> None:
    assert runs(host, OLD) or runs(host, NEW), host.firmware.image
    assert host.flash.misuses == 0


@pytest.mark.parametrize("seed", range(3))
def test_power_may_fail_at_every_write_of_an_update(seed: int) -> None:
    memory = settled().content
    cuts = 0
    for cut in itertools.count(1):
        flash = Flash(verify=verify, memory=bytearray(memory), seed=1000 * seed + cut, **SMALL)
        host = Bench(flash).connect()
        flash.cut_power_in(cut)
        whole = update(host)
        assert whole == (not flash.off)
        boot(host)
        assert_old_or_new(host)
        assert runs(host, NEW) or not whole
        assert update(host)
        if whole:
            break
        cuts += 1
    # Label, data, marks and three records, by units; the erasures of all of these.
    assert cuts == 128 // 8 + 704 // 8 + 3 + 3 * 32 // 8 + 1 + 3 + 3


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    cuts=st.lists(st.tuples(st.sampled_from(["update", "boot"]), st.integers(1, 130)), max_size=8),
)
def test_power_may_fail_again_and_again(seed: int, cuts: list[tuple[str, int]]) -> None:
    host = Bench(settled(seed)).connect()
    for where, cut in cuts:
        if where == "update":
            host.flash.cut_power_in(cut)
            whole = update(host)
            host.flash.power_on()
            if whole:
                break
            boot(host)
        else:
            while not boot(host, 1 + cut % 6):
                cut //= 2  # and once more while it boots
        assert_old_or_new(host)
    assert update(host)
    boot(host)
    assert runs(host, NEW)


@pytest.mark.parametrize("unit_bytes", [1, 4, 32])
def test_units_of_other_flashes(unit_bytes: int) -> None:
    host = bench(sector_bytes=512, sectors=12, unit_bytes=unit_bytes)
    host.install(NEW, 2)
    assert runs(host, NEW)
    assert host.flash.misuses == 0


def test_image_of_exactly_the_room_fits_and_one_byte_more_does_not() -> None:
    host = bench()
    room = host.firmware.image_bytes_max
    image = random.Random(5).randbytes(room + 1)
    assert host.transfer(image, manifest_of(image, 2)) == TOO_LONG
    host.install(image[:-1], 2)
    assert runs(host, image[:-1])


def test_trial_image_that_rotted_is_not_begun() -> None:
    host = bench()
    assert host.transfer(NEW, manifest_of(NEW, 2)) == DONE
    boot_id = host.firmware.boot_id
    assert host.answer(ACTIVATE, struct.pack("<H", 2)).outcome == 0
    content = bytearray(host.flash.content)
    at = content.index(NEW)
    content[at + 100] ^= 1
    flash = Flash(verify=verify, memory=content, **SMALL)
    firmware = Firmware(flash=flash, boot_id=boot_id + 1)
    assert firmware.image["digest"] == manifest_of(OLD, 1).digest
    assert firmware.image["state"] == REVERTED


def flipped(content: bytes, address: int, bit: int) -> bytearray:
    memory = bytearray(content)
    memory[address + bit // 8] ^= 1 << bit % 8
    return memory


def test_record_with_any_bit_flipped_is_not_believed() -> None:
    """The older copy counts then: here that of the trial, which the boot ends."""
    host = bench()
    host.install(NEW, 2)
    content, size = host.flash.content, SMALL["sector_bytes"]
    sequences = [struct.unpack_from("<I", content, copy * size + 4)[0] for copy in (0, 1)]
    newest = size * sequences.index(max(sequences))
    for bit in range(8 * 32):
        memory = flipped(content, newest, bit)
        booted = Firmware(flash=Flash(verify=verify, memory=memory, **SMALL)).image
        assert (booted["state"], booted["floor"]) == (REVERTED, 1)
        assert booted["digest"] == manifest_of(OLD, 1).digest


def test_label_with_any_bit_flipped_is_not_believed() -> None:
    host = bench()
    content, size = host.flash.content, SMALL["sector_bytes"]
    for bit in range(8 * 128):
        memory = flipped(content, 2 * size, bit)
        assert Firmware(flash=Flash(verify=verify, memory=memory, **SMALL)).image["version"] == 0


def test_room_is_what_a_slot_has_marks_for() -> None:
    flash = Flash(verify=verify, sector_bytes=256, sectors=26, unit_bytes=32)
    host = Bench(flash).connect()
    assert state(host)[-1] == 4 * 256  # behind 128 bytes of label there are 4 units
    image = random.Random(5).randbytes(4 * 256)
    host.install(image, 1)
    assert runs(host, image)
