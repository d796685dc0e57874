"""Transfers between real processes, either of which may be killed in the middle."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import firmware_bridge as fb
from firmware_bridge.update import BootState
from tests.link.test_sim import Sim, running

ROOT = Path(__file__).resolve().parents[2]
IMAGE = random.Random(11).randbytes(300_000)


def keys_in(folder: Path) -> tuple[Path, Path]:
    """An Ed25519 key pair of two PEM files, made when they are not there."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail("cryptography is not installed, and CI skips none of these tests")
        pytest.skip("cryptography is not installed: pip install 'edgecore[security]'")
    private, public = folder / "author.pem", folder / "author.pub"
    if private.exists():
        return private, public
    key = Ed25519PrivateKey.generate()
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


class Author:
    """Signs images for one device, whose flash is a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.private, self.public = keys_in(folder)
        self.flash = folder / "flash"
        self.address = f"unix:{folder / 'fw.sock'}"
        self.url = f"unix://{folder / 'fw.sock'}"

    def image(self, version: int, content: bytes = IMAGE) -> Path:
        path = self.folder / f"image-{version}"
        path.write_bytes(content)
        fb.make_manifest(content, version=version, sign=fb.signer(self.private)).save(
            f"{path}.manifest"
        )
        return path

    @contextlib.contextmanager
    def device(self, *line: str) -> Iterator[Sim]:
        options = ["--flash", str(self.flash), "--public-key", str(self.public)]
        with running(*(line or ("--listen", self.address)), *options) as sim:
            sim.wait_for("listening")
            yield sim


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path)


def test_image_is_installed_and_runs_after_the_reset(author: Author) -> None:
    path = author.image(7)
    seen: list[tuple[int, int]] = []
    with author.device() as sim, fb.connect(author.url) as link:
        boot_id = link.info.boot_id
        installed = fb.update.install(
            link, path, progress=lambda stored, all_: seen.append((stored, all_))
        )
        assert not installed.active
        assert installed.resumed_from == 0
        assert link.info.boot_id != boot_id
        now = fb.update.state(link)
        assert (now.state, now.version, now.floor) == (BootState.CONFIRMED, 7, 7)
        assert now.digest == installed.manifest.digest
        for event in ("offered", "stored", "activated", "boot", "confirmed"):
            sim.wait_for(event)
        assert fb.update.install(link, path).active
    assert seen == sorted(seen)
    assert seen[-1] == (len(IMAGE), len(IMAGE))


def test_image_is_installed_over_a_pty(author: Author) -> None:
    link_path = author.folder / "tty"
    path = author.image(1)
    with author.device("--pty-link", str(link_path)), fb.connect(f"serial://{link_path}") as link:
        fb.update.install(link, path)
        assert fb.update.state(link).version == 1


def test_firmware_killed_in_mid_transfer_goes_on_from_its_flash(author: Author) -> None:
    """The same call of `transfer` lives through it."""
    path = author.image(1)
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


HOST = """
import os, signal, sys
import firmware_bridge as fb

def progress(stored, _):
    if stored > 100_000:
        os.kill(os.getpid(), signal.SIGKILL)

with fb.connect(sys.argv[1]) as link:
    link.transfer("firmware", sys.argv[2], progress=progress)
"""


def test_host_killed_in_mid_transfer_goes_on_when_it_is_back(author: Author) -> None:
    path = author.image(1)
    with author.device():
        host = subprocess.run(
            [sys.executable, "-c", HOST, author.url, path],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
        )
        assert host.returncode == -signal.SIGKILL, host.stderr
        with fb.connect(author.url) as link:
            done = link.transfer("firmware", path)
            assert 100_000 < done.resumed_from <= len(IMAGE)


def test_firmware_killed_on_trial_runs_the_old_image_again(author: Author) -> None:
    with author.device(), fb.connect(author.url) as link:
        fb.update.install(link, author.image(1, b"old" * 1000))
        brought = link.transfer("firmware", author.image(2))
        boot_id = link.info.boot_id
        fb.update.activate(link, brought)
        opened = threading.Event()
        while link.info.boot_id == boot_id:
            opened.wait(0.01)
        while link.state != "open":
            opened.wait(0.01)
        assert fb.update.state(link).state == BootState.TRIAL
    with author.device(), fb.connect(author.url) as link:
        now = fb.update.state(link)
        assert (now.state, now.version) == (BootState.REVERTED, 1)
        with pytest.raises(fb.RefusedError):
            fb.update.confirm(link, 2)
        fb.update.install(link, author.folder / "image-2")
        assert fb.update.state(link).version == 2


def test_errors_say_what_happened_and_that_the_old_image_runs(author: Author) -> None:
    with author.device(), fb.connect(author.url) as link:
        fb.update.install(link, author.image(5))
        with pytest.raises(fb.TransferError, match="version is below") as refused:
            fb.update.install(link, author.image(4, b"older"))
        assert refused.value.status == fb.TransferStatus.ROLLBACK
        assert refused.value.old_active
        forged = author.image(6, b"forged")
        fb.make_manifest(b"forged", version=6, sign=lambda message: bytes(64)).save(
            f"{forged}.manifest"
        )
        with pytest.raises(fb.TransferError, match="signature") as refused:
            link.transfer("firmware", forged)
        assert refused.value.status == fb.TransferStatus.BAD_SIGNATURE
        with pytest.raises(ValueError, match="not of 'sound'"):
            link.transfer("sound", forged)
        forged.write_bytes(b"other!")
        with pytest.raises(ValueError, match="SHA-256"):
            link.transfer("firmware", forged)


def test_port_that_cannot_check_signatures_refuses(author: Author) -> None:
    path = author.image(1)
    with fb.connect(f"sim:?flash={author.flash}") as link:
        assert not fb.update.state(link).verifies
        with pytest.raises(fb.TransferError, match="cannot check") as refused:
            link.transfer("firmware", path)
        assert refused.value.status == fb.TransferStatus.NO_VERIFIER
    with fb.connect("sim:") as link:
        with pytest.raises(fb.TransferError, match="no flash"):
            link.transfer("firmware", path)
        with pytest.raises(fb.UpdateError, match="cannot be updated") as ended:
            fb.update.state(link)
        assert ended.value.old_active


def test_transfer_ends_with_its_link_and_is_alone_on_it(author: Author) -> None:
    path = author.image(1)
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


def test_transfer_without_progress_ends_and_says_so(author: Author) -> None:
    path = author.image(1)
    with author.device() as sim, fb.connect(author.url) as link:

        def progress(stored: int, _: int) -> None:
            if stored > 50_000:
                sim.process.send_signal(signal.SIGSTOP)

        with pytest.raises(fb.BridgeTimeoutError, match="still runs") as ended:
            link.transfer("firmware", path, progress=progress, timeout=0.5)
        assert not ended.value.may_run
        sim.process.send_signal(signal.SIGCONT)
        assert link.transfer("firmware", path).resumed_from > 50_000
