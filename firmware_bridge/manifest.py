"""What is transferred, as its author vouches for it: length, digest, version and a signature."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SIGNED = struct.Struct("<4sII16s32s")
_MAGIC = b"ECM1"
SIGNATURE_BYTES = 64
NAME_BYTES = 16
SUFFIX = ".manifest"

Sign = Callable[[bytes], bytes]
"""Ed25519's signature of a message."""
Verify = Callable[[bytes, bytes], bool]
"""Whether the second is the signature of the first."""


@dataclass(frozen=True)
class Manifest:
    """Describes one image; `make_manifest` makes it.

    Attributes:
        name: what it is for, e.g. "firmware".
        version: grows with every release, 0..2**32 - 1.
        length: of the image, bytes, 1..2**32 - 1.
        digest: its SHA-256.
        signature: Ed25519's of `signed`.
    """

    name: str
    version: int
    length: int
    digest: bytes
    signature: bytes = bytes(SIGNATURE_BYTES)

    def __post_init__(self) -> None:
        if not 0 < len(self.name.encode()) <= NAME_BYTES:
            raise ValueError(f"name must be 1..{NAME_BYTES} bytes, got {self.name!r}")
        if not 0 <= self.version < 1 << 32:
            raise ValueError(f"version must be in 0..2**32 - 1, got {self.version}")
        if not 0 < self.length < 1 << 32:
            raise ValueError(f"length must be in 1..2**32 - 1 bytes, got {self.length}")
        for what, value, wanted in (
            ("digest", self.digest, hashlib.sha256().digest_size),
            ("signature", self.signature, SIGNATURE_BYTES),
        ):
            if len(value) != wanted:
                raise ValueError(f"{what} must be {wanted} bytes, got {len(value)}")

    @property
    def signed(self) -> bytes:
        """The part that the signature signs."""
        return _SIGNED.pack(
            _MAGIC,
            self.version,
            self.length,
            self.name.encode().ljust(NAME_BYTES, b"\0"),
            self.digest,
        )

    def pack(self) -> bytes:
        """As it goes on the wire."""
        return self.signed + self.signature

    def check(self, image: bytes) -> None:
        """Makes sure that it describes this image.

        Raises:
            ValueError: it describes another.
        """
        if len(image) != self.length:
            raise ValueError(f"the manifest is of {self.length} bytes, the image has {len(image)}")
        if hashlib.sha256(image).digest() != self.digest:
            raise ValueError("the image's SHA-256 is not the manifest's")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it as JSON."""
        fields = {
            key: value.hex() if isinstance(value, bytes) else value
            for key, value in dataclasses.asdict(self).items()
        }
        Path(path).write_text(json.dumps(fields, indent=2) + "\n")


def load_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Reads what `Manifest.save` wrote.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no manifest; the text says what is wrong.
    """
    try:
        fields: dict[str, Any] = json.loads(Path(path).read_text())
        return Manifest(
            name=str(fields["name"]),
            version=int(fields["version"]),
            length=int(fields["length"]),
            digest=bytes.fromhex(fields["digest"]),
            signature=bytes.fromhex(fields["signature"]),
        )
    except KeyError as error:
        raise ValueError(f"{path}: no manifest: it lacks {error}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: no manifest: {error}") from None


def make_manifest(
    image: bytes, *, version: int, sign: Sign | None = None, name: str = "firmware"
) -> Manifest:
    """The manifest of an image.

    Args:
        image: all of it.
        version: grows with every release; a device refuses one below the last it confirmed.
        sign: see `signer`; None leaves the signature zero, which no device takes.
        name: what it is for.
    """
    manifest = Manifest(name, version, len(image), hashlib.sha256(image).digest())
    if sign is None:
        return manifest
    return dataclasses.replace(manifest, signature=sign(manifest.signed))


def _key(path: str | os.PathLike[str], load: str, kind: str, *arguments: bytes | None) -> Any:
    """An Ed25519 key of a PEM file, by that function of `cryptography`."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise ModuleNotFoundError(
            "signatures need the package cryptography: pip install 'edgecore[security]'"
        ) from error
    expected = f"{path}: expected an Ed25519 {kind} key in PEM form"
    try:
        key = getattr(serialization, load)(Path(path).read_bytes(), *arguments)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{expected}: {' '.join(str(error).split())}") from None
    if not isinstance(key, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)):
        raise ValueError(f"{expected}, got {type(key).__name__}")
    return key


def signer(path: str | os.PathLike[str], password: bytes | None = None) -> Sign:
    """Signs with the Ed25519 private key of a PEM file, as `openssl genpkey` writes it.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds no such key, or its password is another.
        ModuleNotFoundError: the extra `security` is not installed.
    """
    key = _key(path, "load_pem_private_key", "private", password)
    return key.sign  # type: ignore[no-any-return]


def verifier(path: str | os.PathLike[str]) -> Verify:
    """Checks signatures by the Ed25519 public key of a PEM file.

    Raises:
        OSError, ValueError, ModuleNotFoundError: as `signer`.
    """
    key = _key(path, "load_pem_public_key", "public")

    def verify(message: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify
