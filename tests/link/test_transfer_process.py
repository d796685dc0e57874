"""Transfers between real processes, either of which may be killed in the middle."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
from pathlib import Path

import pytest

import firmware_bridge as fb
from tests.link.author import Author

pytestmark = pytest.mark.once

IMAGE = random.Random(11).randbytes(300_000)


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path)


def test_firmware_killed_in_mid_transfer_goes_on_from_its_flash(author: Author) -> None:
    """The same call of `transfer` lives through it."""
    path = author.image(1, IMAGE)
    with contextlib.ExitStack() as devices:
        first = devices.enter_context(author.device())
        seen: list[int] = []

        def progress(stored: int, _: int) -> None:
            if stored > 100_000 and len(killed) == 0:
                killed.append(stored)
                first.process.send_signal(signal.SIGKILL)
                first.process.wait()
                devices.enter_context(author.device())
                seen.clear()
            seen.append(stored)

        killed: list[int] = []
        with fb.connect(author.url) as link:
            done = link.transfer("firmware", path, progress=progress)
            assert not done.active
            assert seen[0] == killed[0]  # the one that killed it
            assert seen[1] >= killed[0] - 4096 - 4096  # a sector, and what was under way
            assert min(seen[1:]) > 90_000
            fb.update.install(link, path)
            assert fb.update.state(link).version == 1


def test_process_reports_each_step_of_an_update(author: Author) -> None:
    with author.device() as sim, fb.connect(author.url) as link:
        fb.update.install(link, author.image(7, IMAGE[:1000]))
        for event in ("offered", "stored", "activated", "boot", "confirmed"):
            sim.wait_for(event)


def test_file_that_is_not_its_manifests_is_refused_at_once(author: Author) -> None:
    path = author.image(6, b"image")
    with author.device(), fb.connect(author.url) as link:
        with pytest.raises(ValueError, match="not of 'sound'"):
            link.transfer("sound", path)
        path.write_bytes(b"other")
        with pytest.raises(ValueError, match="SHA-256"):
            link.transfer("firmware", path)


def test_board_without_flash_cannot_be_updated(author: Author) -> None:
    with fb.connect("sim:") as link:
        with pytest.raises(fb.TransferError, match="no flash"):
            link.transfer("firmware", author.image(1, IMAGE))
        with pytest.raises(fb.UpdateError, match="cannot be updated") as ended:
            fb.update.state(link)
        assert ended.value.old_active


def test_transfer_ends_with_its_link_and_is_alone_on_it(author: Author) -> None:
    path = author.image(1, IMAGE)
    with author.device() as sim:
        link = fb.connect(author.url)

        def progress(stored: int, _: int) -> None:
            if stored > 50_000:
                with pytest.raises(fb.LinkBusyError):
                    link.transfer("firmware", path)
                sim.process.send_signal(signal.SIGSTOP)
                threading.Thread(target=link.close).start()

        with pytest.raises(fb.LinkClosedError):
            link.transfer("firmware", path, progress=progress)
        sim.process.send_signal(signal.SIGCONT)
