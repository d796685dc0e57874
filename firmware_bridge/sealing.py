"""Seals of authenticated sessions, for who reads a link without being an end of it.

Follows the HELLOs to know which frames are sealed and, with the key, whether the seals hold; the
bytes are in docs/protocol.md, "Authentication".
"""

from __future__ import annotations

import hmac
import struct
from typing import Any, NamedTuple

from firmware_bridge.codec import Frame
from firmware_bridge.pcapng import Direction

ACCEPTED, KEYED, PROVEN = 1, 2, 4
"""Flags of a HELLO."""
NONCE_BYTES, PROOF_BYTES, TAG_BYTES = 16, 16, 8
TRAILER_BYTES = 4 + TAG_BYTES

_HOST, _DEVICE = 0, 1
_SENDER: tuple[Direction, Direction] = ("to_device", "from_device")


class Seal(NamedTuple):
    """What a frame ends with that proves the key.

    Attributes:
        counter: of the frame in its direction; its low half where it is not verified; of a proof 0.
        tag: 8 bytes; 16 in the proof of a HELLO.
        verified: whether it is what the key makes of the frame; None: no key is given, or the
            nonces of the session were not seen.
    """

    counter: int
    tag: bytes
    verified: bool | None


class Seals:
    """The seals of one link, frame by frame in the order of the line.

    Attributes:
        sealed: whether frames other than HELLO are sealed now.
    """

    def __init__(self, key: bytes | None = None, *, sealed: bool = False) -> None:
        """`sealed`: whether the first frames are, before any HELLO."""
        self.sealed = sealed
        self._key = key
        self._hellos: list[dict[str, Any] | None] = [None, None]
        self._session: tuple[bytes, bytes] | None = None
        self._keys: dict[Direction, bytes] = {}
        self._last: dict[Direction, int] = {}

    def hello(self, frame: Frame, head: dict[str, Any], nonce_at: int) -> Seal | None:
        """The proof of a HELLO, if it carries one; follows what becomes of the session.

        `head`: its fields by name, `nonce` and `proof` as hexadecimal digits where it has them;
        `nonce_at`: where the nonce lies in the body.
        """
        role, proof = head["role"], head.get("proof")
        if role not in (_HOST, _DEVICE):
            return None
        accepts = role == _DEVICE and head["flags"] & ACCEPTED
        verified = None if proof is None else self._proven(role, frame, head, nonce_at)
        if verified is not False:
            self._hellos[role] = head
        if accepts:
            self.sealed = proof is not None
            if verified is None:
                self._session, self._keys = None, {}
        return None if proof is None else Seal(0, bytes.fromhex(proof), verified)

    def _proven(self, role: int, frame: Frame, head: dict[str, Any], nonce_at: int) -> bool | None:
        """Whether a proof is the key's, over the nonces of both; None: that cannot be told."""
        other = self._hellos[1 - role]
        if self._key is None or other is None or "nonce" not in other:
            return None
        host, device = (head, other) if role == _HOST else (other, head)
        keys = _session_keys(self._key, host, device)
        code = _code(keys[_SENDER[role]], 0, frame, frame.payload[: nonce_at + NONCE_BYTES])
        good = hmac.compare_digest(code[:PROOF_BYTES], bytes.fromhex(head["proof"]))
        session = (host["nonce"], device["nonce"])
        if good and role == _DEVICE and session != self._session:
            self._session, self._keys = session, keys
            self._last = dict.fromkeys(_SENDER, 0)
        return good

    def open(self, direction: Direction | None, frame: Frame) -> tuple[bytes, Seal | None]:
        """The body of a frame other than HELLO without its seal, and the seal, if it has one."""
        body, seal = frame.payload, None
        if self.sealed and len(body) >= TRAILER_BYTES:
            body, trailer = body[:-TRAILER_BYTES], body[-TRAILER_BYTES:]
            half, tag = struct.unpack(f"<I{TAG_BYTES}s", trailer)
            seal = self._judged(_SENDER if direction is None else (direction,), frame, half, tag)
        elif self.sealed:
            seal = Seal(0, b"", False)
        return body, seal

    def _judged(
        self, directions: tuple[Direction, ...], frame: Frame, half: int, tag: bytes
    ) -> Seal:
        if not self._keys:
            return Seal(half, tag, None)
        body = frame.payload[:-TRAILER_BYTES]
        for direction in directions:
            last = self._last[direction]
            counter = last >> 32 << 32 | half
            if counter <= last:
                counter += 1 << 32
            code = _code(self._keys[direction], counter, frame, body)
            if hmac.compare_digest(code[:TAG_BYTES], tag):
                self._last[direction] = counter
                return Seal(counter, tag, True)
        return Seal(half, tag, False)


def _code(key: bytes, counter: int, frame: Frame, body: bytes) -> bytes:
    header = bytes((frame.kind, frame.channel, frame.sequence, frame.type))
    return hmac.digest(key, struct.pack("<Q", counter) + header + body, "sha256")


def _session_keys(
    key: bytes, host: dict[str, Any], device: dict[str, Any]
) -> dict[Direction, bytes]:
    """Of both directions: HKDF-SHA256 (RFC 5869) over what the two HELLOs said."""
    salt = bytes.fromhex(host["nonce"] + device["nonce"])
    info = b"edgecore link 1" + struct.pack(
        "<HII", host["session"], host["boot_id"], device["boot_id"]
    )
    extracted = hmac.digest(salt, key, "sha256")
    first = hmac.digest(extracted, info + b"\1", "sha256")
    second = hmac.digest(extracted, first + info + b"\2", "sha256")
    return {"to_device": first, "from_device": second}
