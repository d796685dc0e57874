"""Updates on every target that declares them, whose power may fail at any instruction."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import firmware_bridge as fb
from firmware_bridge.update import BootState
from tests.link.author import Author
from tests.link.compiling import ROOT
from tests.link.powered import Powered, wait_for_boot_other_than
from tests.link.targets import PATIENCE_S, TARGETS, capabilities

pytestmark = pytest.mark.once

UPDATED = [name for name in TARGETS if "update" in capabilities(name)]
IMAGE = random.Random(12).randbytes(60_000)
MIDDLE, SECTOR_BYTES, WINDOW_BYTES = 20_000, 4096, 4096


@pytest.fixture(params=UPDATED)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path)


def connect(device: Powered, *, reconnect: bool = True) -> fb.Link:
    return fb.connect(device.url, timeout=PATIENCE_S, reconnect=reconnect)


def test_image_is_installed_and_outlives_a_loss_of_power(target: str, author: Author) -> None:
    path = author.image(7, IMAGE)
    seen: list[tuple[int, int]] = []
    with Powered(target, author) as device, connect(device) as link:
        before = fb.update.state(link)
        assert (before.verifies, before.slot, before.version) == (True, None, 0)
        boot_id = link.info.boot_id
        installed = fb.update.install(link, path, progress=lambda *at: seen.append(at))
        assert not installed.active
        assert installed.resumed_from == 0
        assert link.info.boot_id != boot_id
    assert seen == sorted(seen)
    assert seen[-1] == (len(IMAGE), len(IMAGE))
    with Powered(target, author) as device, connect(device) as link:
        now = fb.update.state(link)
        assert (now.state, now.version, now.floor) == (BootState.CONFIRMED, 7, 7)
        assert now.digest == installed.manifest.digest
        assert fb.update.install(link, path).active


def test_refusals_say_why_and_that_the_old_image_runs(target: str, author: Author) -> None:
    forged = author.image(6, b"forged")
    fb.make_manifest(b"forged", version=6, sign=lambda _: bytes(64)).save(f"{forged}.manifest")
    with Powered(target, author) as device, connect(device) as link:
        fb.update.install(link, author.image(5, IMAGE))
        with pytest.raises(fb.TransferError, match="version is below") as refused:
            fb.update.install(link, author.image(4, b"older"))
        assert refused.value.status == fb.TransferStatus.ROLLBACK
        assert refused.value.old_active
        with pytest.raises(fb.TransferError, match="signature") as refused:
            link.transfer("firmware", forged)
        assert refused.value.status == fb.TransferStatus.BAD_SIGNATURE
        assert fb.update.state(link).version == 5


def test_device_that_cannot_check_signatures_takes_no_image(target: str, author: Author) -> None:
    with Powered(target, author, key=False) as device, connect(device) as link:
        assert not fb.update.state(link).verifies
        with pytest.raises(fb.TransferError, match="cannot check") as refused:
            link.transfer("firmware", author.image(1, IMAGE))
        assert refused.value.status == fb.TransferStatus.NO_VERIFIER


def test_unconfirmed_image_is_gone_with_the_next_power_on(target: str, author: Author) -> None:
    newer = author.image(2, IMAGE)
    with Powered(target, author) as device, connect(device) as link:
        fb.update.install(link, author.image(1, b"old" * 1000))
        brought = link.transfer("firmware", newer)
        boot_id = link.info.boot_id
        fb.update.activate(link, brought)
        wait_for_boot_other_than(link, boot_id)
        trial = fb.update.state(link)
        assert (trial.state, trial.version) == (BootState.TRIAL, 2)
    with Powered(target, author) as device, connect(device) as link:
        now = fb.update.state(link)
        assert (now.state, now.version) == (BootState.REVERTED, 1)
        with pytest.raises(fb.RefusedError):
            fb.update.confirm(link, 2)
        fb.update.install(link, newer)
        assert fb.update.state(link).version == 2


def test_transfer_goes_on_where_a_loss_of_power_left_it(target: str, author: Author) -> None:
    path = author.image(1, IMAGE)
    reached: list[int] = []
    with Powered(target, author) as device, connect(device, reconnect=False) as link:

        def progress(stored: int, _: int) -> None:
            if stored > MIDDLE:
                reached.append(stored)
                device.cut()

        with pytest.raises(fb.BridgeError):
            link.transfer("firmware", path, progress=progress)
    with Powered(target, author) as device, connect(device) as link:
        done = link.transfer("firmware", path)
    assert done.resumed_from >= reached[0] - SECTOR_BYTES - WINDOW_BYTES


HOST = f"""
import os, signal, sys
import firmware_bridge as fb

def progress(stored, _):
    if stored > {MIDDLE}:
        os.kill(os.getpid(), signal.SIGKILL)

with fb.connect(sys.argv[1], timeout={PATIENCE_S}) as link:
    link.transfer("firmware", sys.argv[2], progress=progress)
"""


def test_transfer_goes_on_where_a_killed_host_left_it(target: str, author: Author) -> None:
    path = author.image(1, IMAGE)
    with Powered(target, author) as device:
        host = subprocess.run(
            [sys.executable, "-c", HOST, device.url, path],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
        )
        assert host.returncode == -signal.SIGKILL, host.stderr
        with connect(device) as link:
            assert MIDDLE < link.transfer("firmware", path).resumed_from <= len(IMAGE)


def test_transfer_to_a_device_that_stands_still_ends_and_says_so(
    target: str, author: Author
) -> None:
    path = author.image(1, IMAGE)
    stopped = False
    with Powered(target, author) as device, connect(device) as link:

        def progress(stored: int, _: int) -> None:
            nonlocal stopped
            if stored > MIDDLE and not stopped:
                stopped = True
                device.stop()

        while not stopped:  # on a busy machine it may stand still before
            with pytest.raises(fb.BridgeTimeoutError, match="still runs") as ended:
                link.transfer("firmware", path, progress=progress, timeout=0.5)
            assert not ended.value.may_run
        device.go_on()
        assert link.transfer("firmware", path).resumed_from > MIDDLE


def test_power_may_fail_at_any_moment_of_an_update(target: str, author: Author) -> None:
    """At instants of the host's, so anywhere between two stores to the flash."""
    random_s = random.Random(7)
    with Powered(target, author) as device, connect(device) as link:
        begin = time.monotonic()
        fb.update.install(link, author.image(1, IMAGE[:20_000]))
        whole_s = time.monotonic() - begin  # or less, if this one was disturbed
    version = 1
    interrupted = 0
    for attempt in range(2, 12):
        path = author.image(attempt, IMAGE[: 1000 * attempt])
        with Powered(target, author) as device, connect(device, reconnect=False) as link:
            cut = threading.Timer(random_s.uniform(0, whole_s), device.cut)
            cut.start()
            begin = time.monotonic()
            try:
                fb.update.install(link, path)
                whole_s = min(whole_s, time.monotonic() - begin)
            except fb.BridgeError:
                interrupted += 1
            cut.cancel()
            cut.join()
        with Powered(target, author) as device, connect(device) as link:
            now = fb.update.state(link)
            assert now.version in (version, attempt)
            assert now.state != BootState.TRIAL or now.version == attempt
            fb.update.install(link, path)  # it can be finished
            assert fb.update.state(link).version == attempt
        version = attempt
    assert interrupted > 0
