"""What a device says that it runs, and devices that say something else."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import firmware_bridge as fb
from firmware_bridge.update import BootState
from tests.link.device import Device

STATE = struct.pack("<BB?xIII32s", BootState.TRIAL, 1, True, 7, 5, 60_000, bytes(range(32)))


def said(folder: Path, payload: bytes) -> fb.update.UpdateState:
    device = Device(folder / "fw.sock", answer=lambda _: (0, payload))
    try:
        with fb.connect(device.url) as link:
            return fb.update.state(link)
    finally:
        device.die()


@pytest.mark.parametrize("more", [b"", b"of a later version"])
def test_state_is_what_the_device_says(tmp_path: Path, more: bytes) -> None:
    state = said(tmp_path, STATE + more[:12])
    assert (state.state, state.slot, state.verifies) == (BootState.TRIAL, 1, True)
    assert (state.version, state.floor, state.room) == (7, 5, 60_000)
    assert state.digest == bytes(range(32))


@pytest.mark.parametrize(
    ("payload", "came"),
    [(b"", "0 bytes"), (STATE[:-1], "47 bytes"), (b"\xff" + STATE[1:], "boot state 255")],
    ids=["nothing", "short", "unknown"],
)
def test_state_that_makes_no_sense_is_an_error_of_the_device(
    tmp_path: Path, payload: bytes, came: str
) -> None:
    with pytest.raises(fb.ProtocolError, match=f"got {came}"):
        said(tmp_path, payload)
