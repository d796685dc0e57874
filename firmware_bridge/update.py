"""Installs an image: transfer, trial boot, confirmation; and says what runs."""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass
from enum import IntEnum

from firmware_bridge.errors import (
    BridgeError,
    BridgeTimeoutError,
    ProtocolError,
    RefusedError,
    UnknownOutcomeError,
    UpdateError,
)
from firmware_bridge.link import Link
from firmware_bridge.manifest import Manifest
from firmware_bridge.messages import Message
from firmware_bridge.patience import Patience
from firmware_bridge.schema import MessageInfo
from firmware_bridge.transfer import BULK_CHANNEL, Progress, Transfer

_STATE = struct.Struct("<BB?xIII32s")
_NO_SLOT = 0xFF


class BootState(IntEnum):
    """Of the image that runs."""

    CONFIRMED = 0
    """It stays."""
    PENDING = 1
    """It stays until the next boot, which tries the other."""
    TRIAL = 2
    """The next boot replaces it by the one before, unless it is confirmed."""
    REVERTED = 3
    """It stays: another was tried and never confirmed."""


@dataclass(frozen=True)
class UpdateState:
    """What the device runs.

    Attributes:
        state: see `BootState`.
        slot: 0 or 1; None: the image that it came with.
        verifies: whether it can check signatures; if not, it takes no image.
        version: of the image that runs, 0 for the one that it came with.
        floor: lowest version that it takes.
        room: bytes of an image at most.
        digest: SHA-256 of the image that runs; zeros for the one that it came with.
    """

    state: BootState
    slot: int | None
    verifies: bool
    version: int
    floor: int
    room: int
    digest: bytes


class _Ask(Message, info=MessageInfo("update state", 0xF5, BULK_CHANNEL, 0, ())):
    def __init_subclass__(cls, *, type: int, what: str) -> None:
        cls.info = MessageInfo(what, type, BULK_CHANNEL, 0, ())

    def __init__(self, argument: bytes = b"") -> None:
        self._argument = argument

    def pack(self) -> bytes:
        return self._argument


class _Activate(_Ask, type=0xF6, what="update activate"):
    pass


class _Confirm(_Ask, type=0xF7, what="update confirm"):
    pass


def state(link: Link, timeout: float = 5.0) -> UpdateState:
    """What the device runs.

    Raises:
        UpdateError: it cannot be updated.
        ProtocolError: what it said makes no sense.
        BridgeTimeoutError, UnknownOutcomeError, LinkClosedError: it did not say.
    """
    try:
        payload = link.request(_Ask(), timeout).payload
    except RefusedError as error:
        raise UpdateError("the device cannot be updated over its link", old_active=True) from error
    if len(payload) < _STATE.size:
        raise ProtocolError(
            f"update state: expected at least {_STATE.size} bytes, got {len(payload)} bytes"
        )
    boot, slot, verifies, version, floor, room, digest = _STATE.unpack_from(payload)
    if boot not in BootState.__members__.values():
        raise ProtocolError(
            f"update state: expected one of {len(BootState)}, got boot state {boot}"
        )
    return UpdateState(
        BootState(boot), None if slot == _NO_SLOT else slot, verifies, version, floor, room, digest
    )


def activate(link: Link, transfer: Transfer, timeout: float = 5.0) -> None:
    """Has the device boot what the transfer brought, on trial. It is reset soon after.

    Raises:
        RefusedError: it does not hold that image any more; transfer it again.
        BridgeTimeoutError, UnknownOutcomeError: it may have done so, or not; see `state`.
    """
    link.request(_Activate(struct.pack("<H", transfer.number)), timeout)


def confirm(link: Link, version: int, timeout: float = 5.0) -> None:
    """Keeps the image on trial, if it is of that version. Call it once the application works.

    Raises:
        RefusedError: another image runs.
        BridgeTimeoutError, UnknownOutcomeError: as `activate`.
    """
    link.request(_Confirm(struct.pack("<I", version)), timeout)


def install(
    link: Link,
    path: str | os.PathLike[str],
    *,
    manifest: Manifest | str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Transfer:
    """Makes the device run an image: transfers, activates and, with the link up again, confirms it.

    Whatever goes wrong, the device boots the old image or the new one, and calling it again goes on
    from where it was.

    Args:
        link: open, or about to be.
        path: the image.
        manifest: its manifest or the file that holds it; None: the file `path` + ".manifest".
        progress: called with bytes stored and all bytes.
        timeout: the longest without progress of the transfer, and for the device to come back, s.

    Raises:
        TransferError, UpdateError: what happened; `.old_active` says whether the old image runs.
        AuthenticationError: the device has a key that this link does not prove; nothing was sent.
        BridgeTimeoutError: no progress; the old image runs.
        OSError, ValueError: the files are not there, or do not belong together.
    """
    brought = link.transfer("firmware", path, manifest=manifest, progress=progress, timeout=timeout)
    wanted = brought.manifest
    if not brought.active:
        boot_id = link.info.boot_id
        try:
            activate(link, brought)
        except RefusedError as error:
            raise UpdateError(f"not activated: {error}", old_active=True) from error
        except (BridgeTimeoutError, UnknownOutcomeError):
            pass  # the reset may have overtaken the answer; what boots next tells
        _wait_for_boot(link, boot_id, wanted, timeout)
    _keep(link, wanted)
    return brought


def _wait_for_boot(link: Link, boot_id: int, wanted: Manifest, timeout: float) -> None:
    patience = Patience(timeout)
    while link.state != "open" or link.info.boot_id == boot_id:
        slice_s = patience.slice_s()
        if link.state == "closed" or slice_s == 0.0:
            raise UpdateError(
                f"version {wanted.version} was activated and the device did not come back within "
                f"{timeout} s ({link.state_reason}); unless it is confirmed, its next boot is of "
                "the old image",
                old_active=None,
            )
        time.sleep(slice_s)


def _keep(link: Link, wanted: Manifest) -> None:
    """Confirms the image that runs, if it is the one."""
    try:
        now = state(link)
        if now.digest != wanted.digest:
            raise UpdateError(
                f"the device runs version {now.version} and not {wanted.version}: the new image "
                "did not boot, or was reset before it was confirmed",
                old_active=True,
            )
        if now.state == BootState.TRIAL:
            confirm(link, wanted.version)
    except UpdateError:
        raise
    except BridgeError as error:
        raise UpdateError(
            f"version {wanted.version} runs, on trial, and could not be confirmed: {error}",
            old_active=False,
        ) from error
