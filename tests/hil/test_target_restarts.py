"""Devices whose process ended by itself are there again for the next test."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import firmware_bridge as fb
from edgecore.testing import RigError
from edgecore.testing.dut import Dut
from firmware_bridge.testing.targets.emulated import QemuTarget
from firmware_bridge.testing.targets.sim import SimTarget
from tests.link.patience import wait_until
from tests.link.targets import need_qemu


@pytest.fixture(params=["sim", "qemu:lm3s6965evb"])
def dut(request: pytest.FixtureRequest) -> Iterator[Dut]:
    if request.param != "sim":
        need_qemu()
    with contextlib.closing(Dut(request.param)) as made:
        yield made


def kill(dut: Dut) -> None:
    target = dut._target
    if isinstance(target, QemuTarget):
        assert target._machine is not None
        os.kill(target._machine.pid, signal.SIGKILL)
    else:
        assert isinstance(target, SimTarget)
        assert target._process is not None
        target._process.kill()
    wait_until(lambda: target.trouble() is not None)


def is_there(dut: Dut) -> None:
    with dut.connect() as link:
        link.request(fb.Alert(kind=1, level=1, duration_ms=10), timeout=30)


def test_device_that_ended_is_told_of_and_then_started_anew(dut: Dut) -> None:
    dut.begin(None, 0)
    kill(dut)
    with pytest.raises(RigError, match=r"no link: .*ended"):
        dut.connect()
    with pytest.raises(RigError, match="ended"):
        dut.end(failed=False)
    dut.begin(None, 0)
    is_there(dut)
    dut.end(failed=False)


def test_reset_starts_a_device_that_ended(dut: Dut) -> None:
    kill(dut)
    dut.reset()
    is_there(dut)


def test_simulated_device_that_ended_cannot_be_frozen() -> None:
    with contextlib.closing(Dut("sim")) as dut:
        kill(dut)
        with pytest.raises(RigError, match="rig: sim: freeze: the process ended with -9"):
            dut.freeze()


@pytest.mark.parametrize(
    "begin", [b"random bytes of a file", b"\x7fELF\2\1\1" + bytes(11) + b"\x3e"]
)
def test_image_for_another_machine_is_refused_and_the_one_before_runs_on(
    tmp_path: Path, begin: bytes
) -> None:
    need_qemu()
    bad = tmp_path / "bad.elf"
    bad.write_bytes(begin + bytes(100))
    with contextlib.closing(Dut("qemu")) as dut:
        with pytest.raises(RigError, match=r"flash: .*bad\.elf: expected an ELF file for ARM"):
            dut.flash(bad)
        is_there(dut)


def test_image_that_does_not_start_gives_way_to_the_one_before(tmp_path: Path) -> None:
    need_qemu()
    big = tmp_path / "big.elf"
    big.write_bytes(b"\x7fELF" + bytes(14) + b"\x28" + bytes(100))
    os.truncate(big, 1 << 28)
    with contextlib.closing(Dut("qemu")) as dut:
        for _ in range(2):
            with pytest.raises(RigError, match=r"rig: qemu: flash: .*big\.elf: qemu"):
                dut.flash(big)
            is_there(dut)


def test_clock_of_a_machine_goes_ahead_as_far_as_its_counter() -> None:
    need_qemu()
    with contextlib.closing(Dut("qemu")) as dut:
        for seconds in (-1.0, 4295.0, 1e5):
            expected = re.escape(f"step: expected 0 to 4294 s, got {seconds:g}")
            with pytest.raises(ValueError, match=f"^{expected}$"):
                dut.step(seconds)
        dut.step(4294.0)
