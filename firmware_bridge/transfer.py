"""Sends an image to the device, which verifies it; in the caller's thread, resumed where it was."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from firmware_bridge._bulk import Sender
from firmware_bridge._carrier import Carrier, Inbox
from firmware_bridge.errors import (
    AuthenticationError,
    BridgeError,
    BridgeTimeoutError,
    LinkBusyError,
    RefusedError,
    TransferError,
)
from firmware_bridge.events import Status
from firmware_bridge.manifest import SUFFIX, Manifest, load_manifest
from firmware_bridge.patience import SLICE_S, Patience
from firmware_bridge.requests import Requests

BULK_CHANNEL = 4
OFFER, FRAGMENT, REPORT = 0xF1, 0xF2, 0xF3

Progress = Callable[[int, int], object]
"""Called with the bytes that the device has stored, and with all of them."""

_LEAVE_S = 2.0
_REPORTS_KEPT = 64


class TransferStatus(IntEnum):
    """What the device said of a transfer; from BAD_MANIFEST on it refused."""

    RECEIVING = 0
    VERIFYING = 1
    DONE = 2
    ACTIVE = 3
    BAD_MANIFEST = 16
    UNKNOWN_NAME = 17
    TOO_LONG = 18
    ROLLBACK = 19
    BAD_SIGNATURE = 20
    NO_VERIFIER = 21
    NO_STORAGE = 22
    UNCONFIRMED = 23
    BAD_DIGEST = 24
    STORAGE_FAILED = 25


_REASONS = {
    TransferStatus.BAD_MANIFEST: "it does not understand the manifest",
    TransferStatus.UNKNOWN_NAME: "it takes nothing of this name",
    TransferStatus.TOO_LONG: "it has no room for so much",
    TransferStatus.ROLLBACK: "the version is below the last that was confirmed",
    TransferStatus.BAD_SIGNATURE: "the signature is not by the key that it trusts",
    TransferStatus.NO_VERIFIER: "it cannot check signatures, so it takes no image",
    TransferStatus.NO_STORAGE: "it has no flash to keep an image in",
    TransferStatus.UNCONFIRMED: "an image activated before is not confirmed yet",
    TransferStatus.BAD_DIGEST: "what it stored is not what the manifest says",
    TransferStatus.STORAGE_FAILED: "its flash failed",
}


@dataclass(frozen=True)
class Transfer:
    """A transfer that came to its end: the device holds what the manifest says.

    Attributes:
        number: of the transfer, for `update.activate`.
        manifest: of the image.
        resumed_from: bytes that the device held already.
        resent: fragments that were lost and sent again.
        elapsed_ns: from the call to its end.
        active: it runs already, so nothing was sent.
    """

    number: int
    manifest: Manifest
    resumed_from: int
    resent: int
    elapsed_ns: int
    active: bool


class Transfers:
    """Transfers of one link, one at a time, each in the thread that asked for it."""

    def __init__(self, carrier: Carrier, requests: Requests) -> None:
        self._carrier = carrier
        self._requests = requests
        self._busy = threading.Lock()
        self._reports: Inbox | None = None
        self._closed: BridgeError | None = None
        self._sessions = 0

    def opened(self) -> None:
        """A session began; called by the link's thread."""
        self._sessions += 1

    def close(self, error: BridgeError) -> None:
        """Ends the transfer that runs, and those still to come."""
        self._closed = error
        reports = self._reports
        if reports is not None:
            reports.close()

    @contextmanager
    def _inbox(self) -> Iterator[Inbox]:
        if not self._busy.acquire(blocking=False):
            raise LinkBusyError("another transfer runs on this link")
        try:
            reports = Inbox(self._carrier, _REPORTS_KEPT, 0, notes=False)
            reports.bind(REPORT, 0)
            self._reports = reports
            yield reports
        finally:
            self._reports = None
            self._busy.release()

    def run(
        self,
        image: bytes,
        manifest: Manifest,
        *,
        byte_ns: int,
        progress: Progress | None,
        timeout_s: float,
    ) -> Transfer:
        """Sends the image; see `Link.transfer`."""
        started = time.monotonic_ns()
        number = secrets.randbelow(1 << 16)
        sender = Sender(number, manifest.length, byte_ns)
        resumed_from, stored, patience = -1, -1, Patience(timeout_s)
        sessions = self._sessions
        with self._inbox() as reports:
            self._ask_leave(manifest)
            while not sender.over:
                if self._closed is not None:
                    raise self._closed
                if self._sessions != sessions:
                    sessions = self._sessions
                    sender.restart()
                    self._ask_leave(manifest)
                self._send(sender, image, manifest)
                _hear(sender, reports)
                if sender.answered and sender.stored != stored:
                    stored, patience = sender.stored, Patience(timeout_s)
                    resumed_from = stored if resumed_from < 0 else resumed_from
                    if progress is not None and sender.status < TransferStatus.BAD_MANIFEST:
                        progress(stored, manifest.length)
                elif patience.slice_s() == 0.0:
                    raise BridgeTimeoutError(
                        f"{manifest.name}: no progress for {timeout_s} s, with {max(0, stored)} of "
                        f"{manifest.length} bytes stored; the image that ran before still runs, "
                        "and the transfer goes on from there when it is tried again",
                        may_run=False,
                    )
        _raise_refusal(manifest, sender.status)
        return Transfer(
            number,
            manifest,
            max(0, resumed_from),
            sender.resent,
            time.monotonic_ns() - started,
            sender.status == TransferStatus.ACTIVE,
        )

    def _ask_leave(self, manifest: Manifest) -> None:
        """Raises AuthenticationError if the device ignores offers of a host without its key.

        Offers are data, which no device answers that does not believe it; it answers a request of
        the same type, by the same rule.
        """
        carrier = self._carrier
        if not carrier.open or carrier.authenticated or not carrier.peer["keyed"]:
            return
        try:
            self._requests.ask("transfer", BULK_CHANNEL, OFFER, b"", _LEAVE_S)
        except RefusedError as refusal:
            if refusal.status == Status.UNAUTHENTICATED:
                raise AuthenticationError(
                    f"{manifest.name} version {manifest.version}: the device takes it only from a "
                    "host that proves its key, and this link does not; the image that ran before "
                    "still runs"
                ) from None
        except BridgeError:
            pass  # the session ended; the next one begins here again

    def _send(self, sender: Sender, image: bytes, manifest: Manifest) -> None:
        while True:
            send = sender.next(_now_us())
            if send is None:
                return
            head, offset, length = send
            if length:
                body, kind = head + image[offset : offset + length], FRAGMENT
            else:
                body, kind = head + manifest.pack(), OFFER
            if not self._carrier.publish(BULK_CHANNEL, kind, body):
                return  # there is no session; the next one begins with an offer


def _hear(sender: Sender, reports: Inbox) -> None:
    """Takes the reports that are there, after waiting for one until something is due."""
    due_us = sender.due_us
    if due_us is None or not reports.wait(min(SLICE_S, (due_us - _now_us()) / 1e6)):
        return
    for _, _, bodies, lengths, _ in reports.take():
        at = 0
        for length in lengths.tolist():
            sender.report(_now_us(), bodies[at : at + length])
            at += length


def _now_us() -> int:
    return time.monotonic_ns() // 1000


def _raise_refusal(manifest: Manifest, status: int) -> None:
    if status < TransferStatus.BAD_MANIFEST:
        return
    known = status in TransferStatus.__members__.values()
    reason = _REASONS[TransferStatus(status)] if known else f"status {status}"
    raise TransferError(
        f"{manifest.name} version {manifest.version}: the device refused it: {reason}; "
        "the image that ran before still runs",
        status=status,
    )


def read(
    name: str, path: str | os.PathLike[str], manifest: Manifest | str | os.PathLike[str] | None
) -> tuple[bytes, Manifest]:
    """An image and its manifest, which belong together.

    Raises:
        OSError: one of the files cannot be read.
        ValueError: the manifest is none, or that of something else.
    """
    image = Path(path).read_bytes()
    if not isinstance(manifest, Manifest):
        manifest = load_manifest(manifest if manifest is not None else f"{os.fspath(path)}{SUFFIX}")
    if manifest.name != name:
        raise ValueError(f"{path}: the manifest is of {manifest.name!r}, not of {name!r}")
    try:
        manifest.check(image)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return image, manifest
