"""Keys on a real process: the simulated firmware with the right one, another, or none."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

import firmware_bridge as fb
from firmware_bridge.events import Received
from firmware_bridge.key import read_key
from firmware_bridge.transfer import OFFER
from tests.link.author import Author
from tests.link.device import Device
from tests.link.patience import wait_until

KEY = bytes(range(32))


def key_file(folder: Path, key: bytes = KEY, name: str = "link.key", mode: int = 0o600) -> Path:
    path = folder / name
    path.write_text(key.hex() + "\n")
    path.chmod(mode)
    return path


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sim:?key_file={key_file(tmp_path)}"


def test_the_right_key_opens_an_authenticated_link(url: str) -> None:
    with fb.connect(url, key=KEY) as link:
        assert link.info.authenticated
        link.request(fb.Alert(kind=1, level=2, duration_ms=100))
        with link.subscribe("imu") as imu:
            records = imu.read(timeout=5)
        assert records is not None
        assert len(records) > 0
        assert link.ping(512) > 0
        assert link.stats.errors["auth"] == 0
    assert not link.info.authenticated


def test_a_key_may_come_from_a_file(url: str, tmp_path: Path) -> None:
    with fb.connect(url, key=tmp_path / "link.key") as link:
        assert link.info.authenticated


def test_another_key_is_an_error_at_once(url: str) -> None:
    with pytest.raises(fb.AuthenticationError, match="does not prove the key") as raised:
        fb.connect(url, timeout=3600, key=bytes(32))
    assert isinstance(raised.value, fb.BridgeError)
    assert bytes(32).hex() not in str(raised.value)


def test_a_device_without_a_key_is_an_error_unless_allowed() -> None:
    with pytest.raises(fb.AuthenticationError, match="another one, or none"):
        fb.connect("sim:", timeout=60, key=KEY)
    with fb.connect("sim:", key=KEY, require_authentication=False) as link:
        assert not link.info.authenticated
        link.request(fb.Alert(kind=1, level=1, duration_ms=10))


def test_without_the_key_one_may_listen_and_not_command(url: str) -> None:
    with fb.connect(url) as link:
        assert not link.info.authenticated
        with pytest.raises(fb.RefusedError, match="unauthenticated") as raised:
            link.request(fb.Alert(kind=1, level=2, duration_ms=100))
        assert raised.value.status == fb.Status.UNAUTHENTICATED
        with link.subscribe("status") as status:
            link.keep_alive(1.0)
            time.sleep(0.3)
            records = status.read(timeout=5)
        assert records is not None
        assert set(records["state"].tolist()) == {1}  # its safe state: nobody's lease was believed
        assert set(records["alerts"].tolist()) == {0}


def test_update_without_the_key_is_refused_at_once_and_with_it_goes_through(tmp_path: Path) -> None:
    author = Author(tmp_path)
    path, key = author.image(7, b"firmware" * 500), key_file(tmp_path)
    line = ("--listen", author.address, "--key-file", str(key))
    with author.device(*line) as sim:
        with fb.connect(author.url) as link:
            assert (link.info.keyed, link.info.authenticated) == (True, False)
            with pytest.raises(fb.AuthenticationError, match="version 7: the device takes it only"):
                fb.update.install(link, path, timeout=3600)
            assert fb.update.state(link).version == 0
        with fb.connect(author.url, key=key) as link:
            fb.update.install(link, path)
            assert fb.update.state(link).version == 7
        sim.wait_for("offered")
    before = [event["event"] for event in sim.events]
    assert before.count("connected") == 2  # nothing was offered over the first link


def test_transfer_goes_on_where_the_device_takes_offers_from_anybody(tmp_path: Path) -> None:
    author = Author(tmp_path)
    device = Device(
        tmp_path / "open.sock",
        key=KEY,
        required=False,
        open_types=bytes([OFFER]),
        answer=lambda request: (fb.Status.UNKNOWN_TYPE, b""),
    )
    with fb.connect(device.url) as link:
        with pytest.raises(fb.BridgeTimeoutError, match="no progress"):  # it stores nothing
            link.transfer("firmware", author.image(1, b"image"), timeout=0.5)
        assert {e.type for e in device.events if isinstance(e, Received)} == {OFFER}
    device.die()


def test_transfer_that_meets_a_device_with_a_key_on_its_way_ends_there(tmp_path: Path) -> None:
    author = Author(tmp_path)
    device = Device(tmp_path / "changing.sock")
    failures: list[BaseException] = []

    def transfer() -> None:
        try:
            link.transfer("firmware", author.image(1, b"image"), timeout=3600)
        except fb.BridgeError as error:
            failures.append(error)

    with fb.connect(device.url) as link:
        caller = threading.Thread(target=transfer)
        caller.start()
        wait_until(lambda: any(isinstance(event, Received) for event in device.events))
        device.die()
        device.key = {"key": KEY, "required": False}
        device.boot()
        caller.join(30)
    assert isinstance(failures[0], fb.AuthenticationError)
    device.die()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, mode=mode)
    with pytest.raises(ValueError, match=f"expected mode 0600, got {mode:04o}"):
        fb.connect("sim:", key=path)


def test_keys_are_32_bytes_in_either_form(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_bytes(KEY)
    raw.chmod(0o600)
    assert read_key(raw) == read_key(str(raw)) == read_key(key_file(tmp_path)) == KEY
    raw.write_bytes(KEY[:-1])
    for bad in (raw, KEY[:-1]):
        with pytest.raises(ValueError, match="got 31") as raised:
            read_key(bad)
        assert KEY[:-1].hex() not in str(raised.value)
    with pytest.raises(ValueError, match="expected the name of the key's file") as raised:
        fb.connect("sim:", key=KEY.hex())
    assert KEY.hex() not in str(raised.value)
    with pytest.raises(TypeError, match="expected a key as bytes or the path"):
        fb.connect("sim:", key=bytearray(KEY))  # type: ignore[arg-type]
