"""Folders of the machine's that cannot be used are named."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import firmware_bridge as fb
from edgecore.testing import RigError
from edgecore.testing.dut import Dut
from firmware_bridge.doors import Door
from firmware_bridge.testing.image import build
from firmware_bridge.testing.qemu import Machine, machine_port
from tests.link.targets import need_qemu


@pytest.mark.parametrize("folder", ["/proc/nope", "/dev/null/nope"])
def test_folder_that_cannot_keep_images_is_named(
    monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    need_qemu()
    monkeypatch.setenv("XDG_CACHE_HOME", folder)
    text = rf"qemu: cannot keep images in {folder}/edgecore/firmware \(XDG_CACHE_HOME\): N"
    with pytest.raises(fb.BridgeConnectionError, match=text):
        build(machine_port(""))
    with pytest.raises(RigError, match=text):
        Dut("qemu")


@pytest.fixture
def deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are: too deep for a socket."""
    folder = tmp_path / ("deep" * 25)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_temporary_folder_too_deep_for_a_socket_is_named(deep: Path) -> None:
    text = rf"rig: unix:{deep}/.*: expected a path of at most 107 bytes, got .*; TMPDIR is {deep}"
    with pytest.raises(RigError, match=text):
        Dut("sim")
    assert list(deep.iterdir()) == []


def test_temporary_folder_too_deep_for_a_machine_is_named(deep: Path) -> None:
    need_qemu()
    with pytest.raises(fb.BridgeConnectionError, match=rf"unix:{deep}/.*; TMPDIR is {deep}"):
        Machine()
    assert list(deep.iterdir()) == []


def test_socket_of_ones_own_that_is_too_deep_is_named_and_the_longest_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(fb.BridgeConnectionError, match=r"expected .* 107 bytes, got 108$"):
        Door(address="unix:" + "x" * 108)
    with Door(address="unix:" + "x" * 107), socket.socket(socket.AF_UNIX) as line:
        line.connect("x" * 107)
