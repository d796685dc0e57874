"""What carries a link: URLs, ports that are not there, are no device, or break."""

import os
import socket
import threading
import time
import tty

import pytest

import firmware_bridge as fb
from firmware_bridge import transport
from tests.link.device import Device
from tests.link.patience import wait_until

LED = fb.SetOutput(output=0, value=255)


def test_link_that_shall_not_reconnect_ends_with_its_line(device):
    link = fb.connect(device.url, reconnect=False)
    device.die()
    wait_until(lambda: link.state == "closed")
    with pytest.raises(fb.BridgeError):
        link.request(LED)
    link.close()


@pytest.mark.parametrize(
    "url",
    ["/dev/no-such-port", "serial:///dev/no-such-port?baud=9600", "unix:///run/no-such.sock"],
)
def test_port_that_is_not_there_is_one_clear_error(url):
    with pytest.raises(fb.BridgeConnectionError, match=r"no-such.*: No such file or directory"):
        fb.connect(url)


def test_tcp_port_nobody_listens_on_is_one_clear_error():
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    with pytest.raises(ConnectionError, match="Connection refused"):
        fb.connect(f"tcp://127.0.0.1:{number}")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("tcp://host", "expected tcp://host:port"),
        ("serial:///dev/null?baud=fast", "baud must be a positive integer, got 'fast'"),
        ("serial:///dev/null?speed=9600", "expected baud, quicker and low_latency only, got speed"),
        ("unix:///run/x.sock?baud=1", "takes send_buffer only, got baud"),
        ("unix:///run/x.sock?send_buffer=-1", "send_buffer: expected bytes, got '-1'"),
        ("tcp://host:7000?baud=1", "takes no options, got baud"),
        ("sim:?color=red", "sim: expected .* got color"),
        ("sim:seed=3", r"expected sim: or sim:\?OPTION=VALUE, got 'seed=3' between"),
        ("sim:?epoch_ns=now", "epoch_ns must be a whole number from 0 to .* got 'now'"),
        ("sim:?boot_id=0", "boot_id must be a whole number from 1 to 4294967295, got '0'"),
        ("sim:?seed=", r"sim:\?seed=: seed: expected a value, got none"),
        ("sim:?seed=7&flash", "flash: expected a value, got none"),
        ("sim:?report=&seed=7", "report: expected a value, got none"),
        ("qemu:?flash=", "flash: expected a value, got none"),
        ("qemu:mps2-an386?public_key=", "public_key: expected a value, got none"),
        ("serial:///dev/null?baud=", "baud: expected a value, got none"),
        ("unix:///run/x.sock?send_buffer=", "send_buffer: expected a value, got none"),
        ("tcp://host:7000?x=", "x: expected a value, got none"),
        ("carrier-pigeon:coop", "expected serial:, unix:, tcp:, exec:, sim:, qemu:, a path"),
    ],
)
def test_url_that_makes_no_sense_is_refused(url, text):
    with pytest.raises(ValueError, match=text):
        fb.connect(url)


def test_names_of_files_in_a_url_are_what_they_are_but_for_percent(tmp_path):
    with fb.connect(f"sim:?flash={tmp_path}/a+b%20%2B#1"):
        assert [path.name for path in tmp_path.iterdir()] == ["a+b +#1"]


def test_socket_with_a_number_sign_in_its_name_is_opened(tmp_path):
    device = Device(tmp_path / "a#1.sock")
    try:
        with fb.connect(f"unix://{tmp_path}/a#1.sock?send_buffer=65536") as link:
            link.request(LED)
    finally:
        device.die()


def test_question_mark_in_a_command_begins_no_options():
    with pytest.raises(fb.BridgeConnectionError, match="no answer"):
        fb.connect("exec:sh -c 'exec sleep 9' ?x=&y", timeout=0.1)


def test_file_that_is_no_port_is_one_clear_error(tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(fb.BridgeConnectionError, match="text: not a serial port"):
        fb.connect(str(tmp_path / "text"))


def test_url_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match="expected a URL as text, got NoneType"):
        fb.connect(None)


def test_port_without_firmware_is_one_clear_error():
    ours, theirs = os.openpty()
    try:
        tty.setraw(ours)
        with pytest.raises(
            fb.BridgeConnectionError, match=r"no answer from the firmware within 0.3 s"
        ):
            fb.connect(f"serial://{os.ttyname(theirs)}", timeout=0.3)
    finally:
        os.close(ours)
        os.close(theirs)


def test_line_full_of_garbage_is_one_clear_error(tmp_path):
    path = tmp_path / "noise.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def babble():
            line, _ = listener.accept()
            with line:
                try:
                    while True:
                        line.sendall(os.urandom(500) + b"\0")
                        time.sleep(0.01)
                except OSError:
                    return

        thread = threading.Thread(target=babble)
        thread.start()
        with pytest.raises(fb.BridgeConnectionError, match="no answer from the firmware"):
            fb.connect(f"unix://{path}", timeout=0.3)
        thread.join()


def test_serial_port_carries_the_link_and_is_exclusive(tmp_path):
    device = Device(tmp_path / "fw.sock")
    try:
        with bridge_to_pty(device) as port, fb.connect(f"serial://{port}?baud=115200") as link:
            link.request(LED)
            with pytest.raises(fb.BridgeConnectionError, match="in use by another program"):
                fb.connect(port)
            link.request(LED)
    finally:
        device.die()


class bridge_to_pty:
    """A pty whose other end is joined to the device's socket."""

    def __init__(self, device):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(device.path))
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._ours)
        self._threads = [
            threading.Thread(target=self._inwards),
            threading.Thread(target=self._outwards),
        ]

    def _inwards(self):
        while data := self._socket.recv(4096):
            os.write(self._ours, data)

    def _outwards(self):
        try:
            while data := os.read(self._ours, 4096):
                self._socket.sendall(data)
        except OSError:
            self._socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        name = os.ttyname(self._theirs)
        return name

    def __exit__(self, *error):
        os.close(self._theirs)
        for thread in self._threads:
            thread.join()
        os.close(self._ours)
        self._socket.close()


def test_pyserial_url_without_a_descriptor_carries_the_link(device):
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]

        def relay():
            line, _ = server.accept()
            with line, socket.socket(socket.AF_UNIX) as other:
                other.connect(str(device.path))
                pumps = [
                    threading.Thread(target=pump, args=pair)
                    for pair in ((line, other), (other, line))
                ]
                for thread in pumps:
                    thread.start()
                for thread in pumps:
                    thread.join()

        def pump(source, target):
            try:
                while data := source.recv(4096):
                    target.sendall(data)
                target.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

        thread = threading.Thread(target=relay)
        thread.start()
        with fb.connect(f"socket://127.0.0.1:{number}") as link:
            assert link.request(LED).payload == b"\x00\xff"
        thread.join()


def test_listener_that_accepts_nobody_is_one_clear_error(tmp_path):
    path = tmp_path / "full.sock"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(path))
        listener.listen(0)
        first.connect(str(path))
        with pytest.raises(fb.BridgeConnectionError, match="too many wait for it already"):
            fb.connect(f"unix://{path}")


def slow_to_reopen(monkeypatch):
    """From the second opening on, opening a port takes until the event it returns is set."""
    opened, held = [], threading.Event()

    def open_port(url, **how):
        opened.append(url)
        if len(opened) > 1:
            held.wait(30)
        return transport.open_port(url, **how)

    monkeypatch.setattr("firmware_bridge.connection.open_port", open_port)
    return opened, held


def test_deadline_is_kept_while_a_port_is_slow_to_open(device, monkeypatch):
    opened, held = slow_to_reopen(monkeypatch)
    with fb.connect(device.url) as link:
        device.hang_up.set()
        wait_until(lambda: len(opened) == 2)
        with pytest.raises(fb.BridgeTimeoutError, match="will not run"):
            link.request(LED, timeout=0.05)
        assert not held.is_set(), "the port opened meanwhile, and this test shows nothing"
        held.set()
        wait_until(lambda: link.state == "open")


def test_close_does_not_wait_for_a_port_that_is_slow_to_open(device, monkeypatch):
    opened, held = slow_to_reopen(monkeypatch)
    link = fb.connect(device.url)
    device.hang_up.set()
    wait_until(lambda: len(opened) == 2)
    link.close()
    assert link.state == "closed"
    assert not held.is_set()
    held.set()
