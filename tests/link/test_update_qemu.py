"""Updates on an emulated microcontroller, whose power may fail at any instruction."""

from __future__ import annotations

import os
import random
import signal
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import firmware_bridge as fb
from firmware_bridge.testing.image import build_loaded, flash_content
from firmware_bridge.testing.ports import machines
from firmware_bridge.testing.qemu import Machine
from firmware_bridge.update import BootState
from tests.link.targets import PATIENCE_S, need_qemu
from tests.link.test_transfer_process import Author

pytestmark = pytest.mark.once

UPDATED = sorted(name for name, port in machines().items() if "update" in port.capabilities)
IMAGE = random.Random(12).randbytes(20_000)


@pytest.fixture(params=UPDATED)
def name(request: pytest.FixtureRequest) -> str:
    need_qemu()
    return str(request.param)


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path)


@contextmanager
def powered(
    name: str, author: Author, *, reconnect: bool = True
) -> Iterator[tuple[Machine, fb.Link]]:
    """The machine with the author's flash and key, and a link to it; at last a cut of power."""
    with Machine(name, flash=author.flash, verify=fb.verifier(author.public)) as machine:
        machine.run()
        with fb.connect(machine.url, timeout=PATIENCE_S, reconnect=reconnect) as link:
            yield machine, link


def wait_for_boot_other_than(link: fb.Link, boot_id: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while link.info.boot_id == boot_id or link.state != "open":
        assert time.monotonic() < until, "no other boot came"
        time.sleep(0.01)


def wait_for_line(logs: fb.Logs, text: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while (left := until - time.monotonic()) > 0:
        record = logs.read(left)
        if record is not None and record.text == text:
            return
    raise AssertionError(f"no line {text!r} came")


def test_image_is_installed_and_outlives_a_loss_of_power(name: str, author: Author) -> None:
    path = author.image(7, IMAGE)
    with powered(name, author) as (_, link):
        logs = link.logs()
        before = fb.update.state(link)
        assert (before.verifies, before.slot, before.version) == (True, None, 0)
        boot_id = link.info.boot_id
        installed = fb.update.install(link, path)
        assert not installed.active
        assert link.info.boot_id != boot_id
        wait_for_line(logs, f"update: version 7 offered, 0 of {len(IMAGE)} bytes are here")
        wait_for_line(logs, "update: version 7 is stored and whole")
        wait_for_line(logs, "update: version 7 is confirmed")
    with powered(name, author) as (machine, link):
        now = fb.update.state(link)
        assert (now.state, now.version, now.floor) == (BootState.CONFIRMED, 7, 7)
        assert now.digest == installed.manifest.digest
        boot_id = link.info.boot_id
        machine.reset()
        wait_for_boot_other_than(link, boot_id)
        assert fb.update.state(link).version == 7
        assert fb.update.install(link, path).active


def test_what_is_not_the_authors_is_refused(name: str, author: Author) -> None:
    path = author.image(1, IMAGE)
    fb.make_manifest(IMAGE, version=1, sign=lambda _: bytes(64)).save(f"{path}.manifest")
    with powered(name, author) as (_, link):
        with pytest.raises(fb.TransferError, match="signature") as refused:
            link.transfer("firmware", path)
        assert refused.value.status == fb.TransferStatus.BAD_SIGNATURE
        assert fb.update.state(link).version == 0


def test_machine_that_cannot_check_signatures_takes_no_image(name: str, author: Author) -> None:
    path = author.image(1, IMAGE)
    with fb.connect(f"qemu:{name}?flash={author.flash}", timeout=PATIENCE_S) as link:
        assert not fb.update.state(link).verifies
        with pytest.raises(fb.TransferError, match="cannot check") as refused:
            link.transfer("firmware", path)
        assert refused.value.status == fb.TransferStatus.NO_VERIFIER


def test_url_names_flash_and_key(name: str, author: Author) -> None:
    path = author.image(3, IMAGE[:5000])
    url = f"qemu:{name}?flash={author.flash}&public_key={author.public}"
    with fb.connect(url, timeout=PATIENCE_S) as link:
        fb.update.install(link, path)
    with fb.connect(url, timeout=PATIENCE_S) as link:
        assert fb.update.state(link).version == 3
    with pytest.raises(ValueError, match="expected flash, public_key; got sound"):
        fb.connect(f"qemu:{name}?sound=1")


def test_machine_without_flash_says_so(author: Author) -> None:
    need_qemu()
    for other in sorted(set(machines()) - set(UPDATED)):
        with pytest.raises(ValueError, match=f"{other} has no flash that can be written"):
            Machine(other, flash=author.flash)
        with (
            fb.connect(f"qemu:{other}", timeout=PATIENCE_S) as link,
            pytest.raises(fb.TransferError, match="no flash"),
        ):
            link.transfer("firmware", author.image(1, IMAGE))


def test_file_of_another_size_is_no_flash(name: str, author: Author) -> None:
    author.flash.write_bytes(bytes(100))
    with pytest.raises(ValueError, match="expected a flash of 16777216 bytes, got 100"):
        Machine(name, flash=author.flash)


def test_unconfirmed_image_is_gone_with_the_next_boot(name: str, author: Author) -> None:
    with powered(name, author) as (machine, link):
        logs = link.logs()
        fb.update.install(link, author.image(1, b"old" * 1000))
        brought = link.transfer("firmware", author.image(2, IMAGE))
        boot_id = link.info.boot_id
        fb.update.activate(link, brought)
        wait_for_boot_other_than(link, boot_id)
        trial = fb.update.state(link)
        assert (trial.state, trial.version) == (BootState.TRIAL, 2)
        wait_for_line(logs, "update: slot 1 runs on trial")
        boot_id = link.info.boot_id
        machine.reset()
        wait_for_boot_other_than(link, boot_id)
        wait_for_line(logs, "update: slot 1 was tried and never confirmed")
        now = fb.update.state(link)
        assert (now.state, now.version) == (BootState.REVERTED, 1)
        with pytest.raises(fb.RefusedError):
            fb.update.confirm(link, 2)


@pytest.fixture
def newer(name: str, author: Author) -> tuple[Path, Path]:
    """Another version of the firmware: its ELF file, and the signed image for a slot."""
    elf = build_loaded(machines()[name], '-DEC_FIRMWARE_VERSION="9.9"')
    return elf, author.image(9, flash_content(elf))


def test_program_in_the_slot_really_runs(
    name: str, author: Author, newer: tuple[Path, Path]
) -> None:
    elf, path = newer
    with powered(name, author) as (machine, link):
        assert link.info.version == "0.1.0"
        logs = link.logs([elf])
        fb.update.install(link, path)
        assert link.info.version == "9.9"
        wait_for_line(logs, f"boot {link.info.boot_id:08x}: reset, boot 2 of this power-on")
        wait_for_line(logs, "update: version 9 is confirmed")
        boot_id = link.info.boot_id
        machine.reset()
        wait_for_boot_other_than(link, boot_id)
        assert link.info.version == "9.9"
        fb.update.install(link, author.image(10, IMAGE))  # no program: what it came with runs
        assert link.info.version == "0.1.0"
    with powered(name, author) as (_, link):
        assert fb.update.state(link).version == 10


def test_program_that_hangs_is_gone_with_the_watchdogs_reset(
    name: str, author: Author, newer: tuple[Path, Path]
) -> None:
    _, path = newer
    vectors = struct.pack("<16I", 0x20400000, *[0x00200041] * 15)  # its faults hang, too
    hangs = author.image(11, vectors + b"\xfe\xe7" * 8)  # a branch to itself
    with powered(name, author) as (_, link):
        fb.update.install(link, path)
        brought = link.transfer("firmware", hangs)
        boot_id = link.info.boot_id
        fb.update.activate(link, brought)
        wait_for_boot_other_than(link, boot_id)
        now = fb.update.state(link)
        assert (now.state, now.version, link.info.version) == (BootState.REVERTED, 9, "9.9")


def test_power_may_fail_at_any_moment_of_an_update(name: str, author: Author) -> None:
    """QEMU is killed at instants of the host's, so anywhere between two stores to the flash."""
    random_s = random.Random(7)
    with powered(name, author) as (_, link):
        begin = time.monotonic()
        fb.update.install(link, author.image(1, IMAGE))
        whole_s = time.monotonic() - begin
    version = 1
    interrupted = 0
    for attempt in range(2, 12):
        path = author.image(attempt, IMAGE[: 1000 * attempt])
        with powered(name, author, reconnect=False) as (machine, link):
            when_s = random_s.uniform(0, whole_s)
            cut = threading.Timer(when_s, os.kill, (machine.pid, signal.SIGKILL))
            cut.start()
            try:
                fb.update.install(link, path)
            except fb.BridgeError:
                interrupted += 1
            cut.cancel()
            cut.join()
        with powered(name, author) as (_, link):
            now = fb.update.state(link)
            assert now.version in (version, attempt)
            assert now.state != BootState.TRIAL or now.version == attempt
            fb.update.install(link, path)  # it can be finished
            assert fb.update.state(link).version == attempt
        version = attempt
    assert interrupted > 0
