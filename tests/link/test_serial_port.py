"""Serial ports by the USB device behind them, and what their driver grants."""

import os
import tty
from dataclasses import dataclass

import pytest

import firmware_bridge as fb
from firmware_bridge import serial_port
from firmware_bridge.serial_port import UsbIdentity
from tests.link.pty_firmware import firmware


@dataclass
class Listed:
    """As pyserial lists a port: no USB device exists here."""

    device: str
    vid: int | None = 0x0483
    pid: int | None = 0x5740
    serial_number: str | None = "A1"
    location: str | None = "1-2"


@pytest.fixture
def plugged(monkeypatch):
    ports = []
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: list(ports))
    return ports


def test_the_fake_lists_what_pyserial_does(monkeypatch):
    from serial.tools.list_ports_common import ListPortInfo

    real = ListPortInfo("/dev/ttyACM0")
    assert all(hasattr(real, name) for name in Listed.__dataclass_fields__)


def test_a_device_is_found_where_it_is_now(plugged, tmp_path):
    plugged[:] = [Listed("/dev/ttyS0", vid=None), Listed("/dev/ttyACM0")]
    identity = UsbIdentity.of("/dev/ttyACM0")
    assert identity == (0x0483, 0x5740, "A1", "1-2")
    assert UsbIdentity.of("/dev/ttyS0") is None
    plugged[:] = [Listed("/dev/ttyACM0", serial_number="B2"), Listed("/dev/ttyACM3", location="7")]
    assert identity.find("/dev/ttyACM0") == "/dev/ttyACM3"
    plugged.clear()
    assert identity.find("/dev/ttyACM0") == "/dev/ttyACM0", "nowhere: there it may come back"


def test_a_device_without_a_number_is_known_by_its_socket(plugged):
    plugged[:] = [Listed("/dev/ttyUSB0", serial_number=None)]
    identity = UsbIdentity.of("/dev/ttyUSB0")
    plugged[:] = [
        Listed("/dev/ttyUSB0", serial_number=None, location="1-3"),
        Listed("/dev/ttyUSB1", serial_number=None),
    ]
    assert identity.find("/dev/ttyUSB0") == "/dev/ttyUSB1"


def test_a_link_goes_on_where_its_device_is_plugged_in_again(plugged):
    with firmware() as name:
        plugged[:] = [Listed(name)]
        link = fb.connect(f"serial://{name}")
        assert link.line == f"{name} at 921600 baud"
        plugged.clear()
    with link, firmware() as name:
        plugged[:] = [Listed(name)]
        assert link.request(fb.Alert(kind=1, level=1), timeout=20)
        assert link.line == f"{name} at 921600 baud"


def test_low_latency_says_what_the_driver_granted():
    with firmware() as name, fb.connect(f"serial://{name}?low_latency=1") as link:
        assert "low latency refused by the driver" in link.line, "a pty has no such thing"


def test_low_latency_is_read_back(monkeypatch):
    master, slave = os.openpty()
    tty.setraw(slave)
    kept = {"flags": 0}

    def driver(obeys):
        def ioctl(fd, request, settings, mutate=True):
            if request == serial_port._TIOCGSERIAL:
                settings[4] = kept["flags"]
            elif obeys:
                kept["flags"] = settings[4]

        return ioctl

    monkeypatch.setattr(serial_port.fcntl, "ioctl", driver(obeys=False))
    assert "says it is off" in serial_port.ask_low_latency(slave)
    monkeypatch.setattr(serial_port.fcntl, "ioctl", driver(obeys=True))
    assert serial_port.ask_low_latency(slave) == ", low latency"
    assert kept["flags"] == 1 << 13
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("value", ["yes", "2"])
def test_low_latency_is_0_or_1(value):
    with pytest.raises(ValueError, match=f"low_latency must be 0 or 1, got '{value}'"):
        fb.connect(f"serial:///dev/null?low_latency={value}")
