"""What may stand in a target's name, and what packages of others make of it."""

from __future__ import annotations

import re
import shutil
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from firmware_bridge.testing import targets
from firmware_bridge.testing.image import build
from firmware_bridge.testing.qemu import machine_port
from firmware_bridge.testing.targets import TargetError, open_target
from firmware_bridge.url_options import url_options
from tests.link.targets import need_qemu


@pytest.mark.parametrize("option", ["image", "flash", "public_key"])
@pytest.mark.parametrize("given", ["", "="])
def test_machine_whose_file_was_left_empty_is_refused(option: str, given: str) -> None:
    """As of a variable that is not set; the reference firmware would be tested instead."""
    with pytest.raises(TargetError, match=f"{option}: expected a file, got none"):
        open_target(f"qemu:?{option}{given}")


@pytest.mark.parametrize("spec", ["sim:?flash=", "sim:?seed=7&flash", "sim:?flash=&seed=7"])
def test_simulated_firmware_whose_option_was_left_empty_is_refused(spec: str) -> None:
    with pytest.raises(TargetError, match=re.escape(f"{spec}: flash: expected a value, got none")):
        open_target(spec)


def test_names_of_files_are_what_they_are_but_for_percent() -> None:
    assert url_options("qemu:?image=b+1%20%26%2541.elf&flash=a=b") == {
        "image": "b+1 &%41.elf",
        "flash": "a=b",
    }
    assert url_options("qemu:") == url_options("qemu:?") == {}


def test_image_with_a_plus_in_its_name_is_booted(tmp_path: Path) -> None:
    need_qemu()
    shutil.copyfile(build(machine_port("")), tmp_path / "b+1.elf")
    target = open_target(f"qemu:?image={tmp_path}/b+1.elf")
    try:
        target.start()
    finally:
        target.close()


def test_flash_that_cannot_be_is_an_error_of_the_rig(tmp_path: Path) -> None:
    need_qemu()
    (tmp_path / "small").write_bytes(b"\xff" * 100)
    for file, text in (("small", "expected a flash of 16777216 bytes, got 100"), ("no/x", "No su")):
        with pytest.raises(TargetError, match=text):
            open_target(f"qemu:?flash={tmp_path / file}").start()


@pytest.mark.parametrize("spec", ["rgi:bench.toml", "qmeu:mps2-an386", "rgi://bench", "a.b:c"])
def test_unknown_scheme_is_answered_with_all_that_there_are(
    monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    brought = EntryPoints([EntryPoint("shelf", "acme:Shelf", targets.ENTRY_POINTS)])
    monkeypatch.setattr(targets, "entry_points", lambda **by: brought.select(**by))
    with pytest.raises(
        TargetError,
        match=f"{spec}: expected sim, qemu, rig:FILE, replay:FILE, shelf, a path or a URL of "
        "serial:, unix:, tcp:, exec: or pyserial's",
    ):
        open_target(spec)


@pytest.mark.parametrize(
    "spec",
    [
        "serial:///dev/ttyX",
        "unix:/x",
        "tcp://x:7",
        "socket://x:7",
        "/dev/by-path/usb-0:3:1.0",
        "./x",
    ],
)
def test_line_is_not_looked_for_before_it_is_used(spec: str) -> None:
    assert open_target(spec).url == spec


BROKEN = {
    "missing": ("acme_that_is_missing:Board", "ModuleNotFoundError: No module named 'acme_that"),
    "unmade": (f"{__name__}:unmade", "ZeroDivisionError: division by zero"),
    "nothing": (f"{__name__}:nothing", "expected a Target, got NoneType"),
}


def unmade(spec: str) -> object:
    return len(spec) / 0


def nothing(spec: str) -> None:
    return None


@pytest.mark.parametrize("name", BROKEN)
def test_package_that_brings_no_target_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    value, text = BROKEN[name]
    monkeypatch.setitem(sys.modules, __name__, sys.modules[unmade.__module__])
    brought = EntryPoints([EntryPoint(name, value, targets.ENTRY_POINTS)])
    monkeypatch.setattr(targets, "entry_points", lambda **by: brought.select(**by))
    with pytest.raises(
        TargetError, match=re.escape(f"{name}:7: {value} of edgecore.targets: {text}")
    ) as told:
        open_target(f"{name}:7")
    assert (told.value.__cause__ is None) == (name == "nothing")
