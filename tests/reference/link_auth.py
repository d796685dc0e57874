"""The link's authentication, slowly and from the text of docs/protocol.md."""

from __future__ import annotations

import hmac
import struct

PROTOCOL = b"edgecore link 1"
TO_DEVICE, TO_HOST = 0, 1


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256: `length` bytes."""
    extracted = hmac.digest(salt or bytes(32), secret, "sha256")
    keys = block = b""
    for number in range(1, 256):
        if len(keys) >= length:
            break
        block = hmac.digest(extracted, block + info + bytes([number]), "sha256")
        keys += block
    return keys[:length]


def session_keys(
    key: bytes,
    host_nonce: bytes,
    device_nonce: bytes,
    session: int,
    host_boot: int,
    device_boot: int,
) -> tuple[bytes, bytes]:
    """Of frames to the device and of frames to the host, 32 bytes each."""
    info = PROTOCOL + struct.pack("<HII", session, host_boot, device_boot)
    keys = hkdf(key, host_nonce + device_nonce, info, 64)
    return keys[:32], keys[32:]


def code(key: bytes, counter: int, header: bytes, body: bytes) -> bytes:
    """Of a frame, uncut; counter 0 is a HELLO's."""
    return hmac.digest(key, struct.pack("<Q", counter) + header + body, "sha256")


def seal(key: bytes, counter: int, header: bytes, body: bytes) -> bytes:
    """The body as it travels: with the low half of the counter and the tag."""
    tag = code(key, counter, header, body)[:8]
    return body + struct.pack("<I", counter & 0xFFFFFFFF) + tag
