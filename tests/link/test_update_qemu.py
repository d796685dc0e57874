"""What only an emulated microcontroller shows of updates: resets, hung programs, its own log."""

from __future__ import annotations

import random
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import firmware_bridge as fb
from firmware_bridge.testing.image import build_loaded, flash_content
from firmware_bridge.testing.ports import machines
from firmware_bridge.testing.qemu import Machine
from firmware_bridge.update import BootState
from tests.link.author import Author
from tests.link.powered import Powered, wait_for_boot_other_than
from tests.link.targets import PATIENCE_S, need_qemu

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
def powered(name: str, author: Author) -> Iterator[tuple[Machine, fb.Link]]:
    """The machine with the author's flash and key, and a link to it; at last a cut of power."""
    with (
        Powered(name, author) as device,
        fb.connect(device.url, timeout=PATIENCE_S) as link,
    ):
        assert device.machine is not None
        yield device.machine, link


def wait_for_line(logs: fb.Logs, text: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while (left := until - time.monotonic()) > 0:
        record = logs.read(left)
        if record is not None and record.text == text:
            return
    raise AssertionError(f"no line {text!r} came")


def test_log_tells_of_an_update_and_a_reset_keeps_it(name: str, author: Author) -> None:
    path = author.image(7, IMAGE)
    with powered(name, author) as (machine, link):
        logs = link.logs()
        fb.update.install(link, path)
        wait_for_line(logs, f"update: version 7 offered, 0 of {len(IMAGE)} bytes are here")
        wait_for_line(logs, "update: version 7 is stored and whole")
        wait_for_line(logs, "update: version 7 is confirmed")
        boot_id = link.info.boot_id
        machine.reset()
        wait_for_boot_other_than(link, boot_id)
        assert fb.update.state(link).version == 7


class Element:
    """Checks signatures as the author's key has it, when it is let."""

    def __init__(self, author: Author) -> None:
        self.asked, self.let = threading.Event(), threading.Event()
        self._verify = fb.verifier(author.public)

    def verify(self, message: bytes, signature: bytes) -> bool:
        self.asked.set()
        self.let.wait()
        return self._verify(message, signature)


@contextmanager
def offered(
    name: str, author: Author, image: Path
) -> Iterator[tuple[Machine, fb.Link, Element, Future[fb.Transfer]]]:
    """A machine that was offered the image and waits for its signature element."""
    element = Element(author)
    with (
        Machine(name, flash=author.flash, verify=element.verify) as machine,
        ThreadPoolExecutor(1) as pool,
    ):
        machine.run()
        with fb.connect(machine.url, timeout=PATIENCE_S) as link:
            try:
                transfer = pool.submit(link.transfer, "firmware", image, timeout=PATIENCE_S)
                assert element.asked.wait(PATIENCE_S)
                yield machine, link, element, transfer
            finally:
                element.let.set()


def test_signature_element_may_take_its_time_and_keeps_nobody_waiting(
    name: str, author: Author
) -> None:
    image = author.image(7, IMAGE)
    with offered(name, author, image) as (_, link, element, transfer):
        boot_id = link.info.boot_id
        until = time.monotonic() + 3.0  # longer than any silence that a host believes
        while time.monotonic() < until:
            link.request(fb.Alert(kind=1, level=1, duration_ms=10), PATIENCE_S)
            assert not transfer.done()
        element.let.set()
        assert transfer.result().manifest.version == 7
        assert link.info.boot_id == boot_id
        fb.update.install(link, image)
        assert fb.update.state(link).version == 7


def test_signature_element_that_never_answers_is_none(name: str, author: Author) -> None:
    with offered(name, author, author.image(7, IMAGE)) as (machine, link, element, transfer):
        machine.step(30_000_000)
        with pytest.raises(fb.TransferError, match="cannot check") as refused:
            transfer.result()
        assert refused.value.status == fb.TransferStatus.NO_VERIFIER
        element.let.set()  # what it says now is of an offer that is over
        assert link.transfer("firmware", author.image(8, IMAGE[::-1])).manifest.version == 8


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


def test_unconfirmed_image_is_gone_with_the_next_reset(name: str, author: Author) -> None:
    with powered(name, author) as (machine, link):
        logs = link.logs()
        fb.update.install(link, author.image(1, b"old" * 1000))
        boot_id = link.info.boot_id
        fb.update.activate(link, link.transfer("firmware", author.image(2, IMAGE)))
        wait_for_boot_other_than(link, boot_id)
        wait_for_line(logs, "update: slot 1 runs on trial")
        boot_id = link.info.boot_id
        machine.reset()
        wait_for_boot_other_than(link, boot_id)
        wait_for_line(logs, "update: slot 1 was tried and never confirmed")
        now = fb.update.state(link)
        assert (now.state, now.version) == (BootState.REVERTED, 1)


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
