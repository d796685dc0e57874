"""Who signs images for a device."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import firmware_bridge as fb
from tests.link.process import Sim, running


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
