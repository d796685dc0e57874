"""Who signs images for a device, and that device on any target, whose power may fail."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import firmware_bridge as fb
from firmware_bridge.testing.qemu import Machine
from tests.link.targets import MACHINES, PATIENCE_S, need_qemu
from tests.link.test_sim import Sim, running


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

    def image(self, version: int, content: bytes) -> Path:
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


class Powered:
    """A target with its author's flash, from power-on until close; `key`: it checks signatures."""

    def __init__(self, target: str, author: Author, *, key: bool = True) -> None:
        self.machine: Machine | None = None
        self.url = author.url
        self._until = contextlib.ExitStack()
        if target in MACHINES:
            need_qemu()
            verify = fb.verifier(author.public) if key else None
            self.machine = Machine(target, flash=author.flash, verify=verify)
            self._until.callback(self.machine.close)
            self.url = self.machine.url
            self.machine.run()
            self._pid = self.machine.pid
            return
        line = ["--listen", author.address]
        if target == "pty":
            line = ["--pty-link", str(author.folder / "tty")]
            self.url = f"serial://{author.folder / 'tty'}"
        options = ["--public-key", str(author.public)] if key else []
        sim = self._until.enter_context(running(*line, "--flash", str(author.flash), *options))
        sim.wait_for("listening")
        self._pid = sim.process.pid

    def cut(self) -> None:
        """The power fails, at any instruction."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        """It stands still."""
        if self.machine is not None:
            self.machine.execute("stop")
        else:
            os.kill(self._pid, signal.SIGSTOP)

    def go_on(self) -> None:
        if self.machine is not None:
            self.machine.run()
        else:
            os.kill(self._pid, signal.SIGCONT)

    def __enter__(self) -> Powered:
        return self

    def __exit__(self, *error: object) -> None:
        self._until.close()


def wait_for_boot_other_than(link: fb.Link, boot_id: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while link.info.boot_id == boot_id or link.state != "open":
        assert time.monotonic() < until, "no other boot came"
        time.sleep(0.01)
