import os
import socket
import struct
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path

import numpy as np
import pytest

import firmware_bridge as fb
from firmware_bridge import _link, download, transport
from firmware_bridge.messages import message_class
from tests.link.device import Device

ROOT = Path(__file__).resolve().parents[2]
LED = fb.SetOutput(output=0, value=255)


def wait_until(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "never happened"
        time.sleep(0.005)


@pytest.fixture
def link(device):
    with fb.connect(device.url) as made:
        yield made


def test_connect_tells_who_answered(link, device):
    assert link.state == "open"
    assert (link.info.name, link.info.version) == ("test device", "1.2")
    assert (link.info.boot_id, link.info.protocol) == (5, 1)
    assert (link.info.payload_max, link.info.window, link.info.body_max) == (64, 8, 512)
    assert link.info.schema_hash == link.schema.hash


def test_request_returns_the_result(link, device):
    result = link.request(fb.Alert(kind=1, level=3, duration_ms=500))
    assert result.payload == bytes([1, 3, 0xF4, 0x01])
    assert result.elapsed_ns > 0
    (executed,) = device.executed
    assert (executed.channel, executed.type) == (1, 1)


def test_requests_from_many_threads_are_each_executed_once_in_their_order(link, device):
    def ask(thread):
        futures = [link.submit(fb.SetOutput(0, i), None) for i in range(thread, 250, 5)]
        results[thread] = [future.result(20).payload[1] for future in futures]

    results = {}
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {i: list(range(i, 250, 5)) for i in range(5)}
    order = [request.payload[1] for request in device.executed]
    assert sorted(order) == list(range(250))
    for i in range(5):
        own = [value for value in order if value % 5 == i]
        assert own == sorted(own)


def test_refusal_carries_its_status(link, device):
    device.answer = lambda request: (3, b"")
    with pytest.raises(
        fb.RefusedError, match=r"SetOutput: refused .* status 3 \(unknown type\)"
    ) as e:
        link.request(LED)
    assert e.value.status == fb.Status.UNKNOWN_TYPE
    device.answer = lambda request: (0x20, b"")
    with pytest.raises(fb.RefusedError, match=r"status 32 \(own status\)"):
        link.request(LED)


def test_timeout_of_a_sent_request_says_that_it_may_run(link, device):
    device.answer = lambda request: None
    with pytest.raises(TimeoutError, match="may still run") as e:
        link.request(LED, timeout=0.05)
    assert isinstance(e.value, fb.BridgeTimeoutError)
    assert e.value.may_run


def test_timeout_of_an_unsent_request_says_that_it_will_not_run(link, device):
    device.die()
    wait_until(lambda: link.state == "lost")
    with pytest.raises(fb.BridgeTimeoutError, match="will not run") as e:
        link.request(LED, timeout=0.05)
    assert not e.value.may_run


def test_request_sent_before_a_reset_ends_as_unknown(link, device):
    device.answer = lambda request: None
    future = link.submit(LED, timeout=None)
    wait_until(lambda: device.executed)
    device.die()
    device.boot()
    with pytest.raises(fb.UnknownOutcomeError, match="it ran or it did not"):
        future.result(20)
    assert len(device.executed) == 1


def test_request_while_the_device_is_away_runs_when_it_is_back(link, device):
    device.die()
    wait_until(lambda: link.state == "lost")
    future = link.submit(LED, timeout=20)
    device.boot()
    future.result(20)
    assert len(device.executed) == 1
    assert link.state == "open"


def test_line_that_breaks_within_a_boot_executes_nothing_twice(device):
    device.answer = lambda request: (0, request.payload)
    with fb.connect(device.url) as link:
        futures = []
        for i in range(200):
            futures.append(link.submit(fb.SetOutput(0, i), None))
            if i % 50 == 25:
                device.hang_up.set()
                time.sleep(0.02)
        assert [future.result(20).payload[1] for future in futures] == list(range(200))
        assert link.stats.opens > 1
    assert [request.payload[1] for request in device.executed] == list(range(200))


def test_deaf_device_is_reported_and_the_link_goes_on(device):
    states = []
    with fb.connect(device.url, on_state=states.append) as link:
        device.go_deaf()
        wait_until(lambda: link.state == "lost")
        assert "no sign of the device" in link.state_reason
        device.deaf.clear()
        wait_until(lambda: link.state == "open")
        link.request(LED)
    assert [change.state for change in states] == ["open", "lost", "open", "closed"]
    assert [change.t_ns for change in states] == sorted(change.t_ns for change in states)


def test_failing_state_callback_does_not_end_the_link(device, caplog):
    def fail(change):
        raise RuntimeError("not the link's business")

    with fb.connect(device.url, on_state=fail) as link:
        link.request(LED)
    assert "on_state failed" in caplog.text


def test_backlog_is_bounded(link, device):
    device.answer = lambda request: None
    with pytest.raises(fb.LinkBusyError):
        _ = [link.submit(LED, None) for _ in range(5000)]


def test_close_ends_what_waits(device):
    device.answer = lambda request: None
    link = fb.connect(device.url)
    future = link.submit(LED, None)
    subscription = link.subscribe("imu")
    link.close()
    link.close()
    with pytest.raises(fb.LinkClosedError):
        future.result(1)
    with pytest.raises(fb.LinkClosedError):
        link.submit(LED)
    assert list(subscription) == []
    assert not link.publish(fb.DetectionSummary(frame=1))
    link.keep_alive()
    assert link.state == "closed"
    assert link.stats.opens == 1


def test_subscription_gives_records_with_the_hosts_time(link, device):
    wait_until(lambda: link.clock.offset_ns is not None)
    subscription = link.subscribe("imu")
    before = time.monotonic_ns()
    device.imu(50)
    records = subscription.read(5)
    while len(records) < 50:
        records = np.concatenate([records, subscription.read(5)])
    assert records.dtype.names[0] == "t_us"
    assert records.dtype.names[-1] == "t_ns"
    assert records["t_ns"].dtype == np.int64
    np.testing.assert_array_equal(records["accel_x"], np.arange(50, dtype=np.float32))
    assert records["accel_z"][0] == np.float32(9.81)
    error = link.clock.error_ns
    assert np.all(records["t_ns"] > before - error - 1000)
    assert np.all(records["t_ns"] < time.monotonic_ns() + error)
    assert subscription.read() is None


def test_subscription_iterates_until_the_link_closes(device):
    link = fb.connect(device.url)
    subscription = link.subscribe("imu")
    device.imu(20)
    threading.Timer(0.3, link.close).start()
    assert sum(len(batch) for batch in subscription) == 20


def test_subscription_goes_on_after_the_device_returns(link, device):
    subscription = link.subscribe("imu")
    device.die()
    device.boot()
    wait_until(lambda: link.stats.opens == 2 and link.state == "open")
    device.imu(3)
    assert len(subscription.read(5)) >= 1


def test_slow_subscriber_loses_the_oldest_and_is_told(link, device):
    subscription = link.subscribe("imu", frames=10)
    device.imu(30)
    wait_until(lambda: link.stats.data_received == 30)
    wait_until(lambda: subscription.dropped == 20)
    assert subscription.read()["accel_x"].tolist() == list(range(20, 30))
    assert link.stats.undelivered == 20


def test_several_records_in_a_frame_are_a_batch(link, device):
    subscription = link.subscribe("vehicle")
    device.session.publish(2, 0x41, struct.pack("<QfQf", 1, 10.0, 2, 20.0))
    assert subscription.read(5)["speed_mps"].tolist() == [10.0, 20.0]


def test_shorter_record_leaves_later_fields_zero(link, device):
    subscription = link.subscribe("status")
    device.session.publish(2, 0x42, struct.pack("<QB", 7, 1))
    (record,) = subscription.read(5)
    assert (record["t_us"], record["state"], record["boot_id"]) == (7, 1, 0)


def test_unknown_subscription_names_what_there_is(link):
    with pytest.raises(ValueError, match=r"no message 'speed'.*vehicle"):
        link.subscribe("speed")


def test_ping_measures_the_round_trip(link):
    assert link.ping() > 0
    assert link.ping(512) > 0
    for size in (23, 513):
        with pytest.raises(ValueError, match=f"24..512 bytes, got {size}"):
            link.ping(size)


def test_ping_without_an_answer_times_out(link, device):
    device.go_deaf()
    with pytest.raises(fb.BridgeTimeoutError):
        link.ping(timeout=0.05)


def test_clock_bounds_its_error(link):
    # The device's clock is this machine's, so the true offset is 0.
    wait_until(lambda: link.clock.offset_ns is not None)
    assert abs(link.clock.offset_ns) <= link.clock.error_ns
    assert link.clock.to_host_ns(1000) == 1_000_000 - link.clock.offset_ns


def test_lease_reaches_the_device_only_while_it_is_renewed(link, device):
    time.sleep(0.3)
    assert not device.session.lease(time.monotonic_ns() // 1000)
    link.keep_alive()
    wait_until(lambda: device.session.lease(time.monotonic_ns() // 1000))
    wait_until(lambda: not device.session.lease(time.monotonic_ns() // 1000))


@pytest.mark.parametrize("lease", [0, -1, 61, float("nan")])
def test_impossible_lease_is_refused(link, lease):
    with pytest.raises(ValueError, match="lease must be in"):
        link.keep_alive(lease)


def test_publish_reaches_the_device(link, device):
    assert link.publish(fb.DetectionSummary(frame=7, nearest_ttc_ms=2500, count=2))
    wait_until(lambda: device.session.stats["data_received"] == 1)


def test_command_needs_a_request(link):
    with pytest.raises(ValueError, match=r"Alert is a command and needs request\(\)"):
        link.publish(fb.Alert(kind=1, level=1))


@pytest.mark.parametrize("method", ["request", "submit", "publish"])
def test_something_that_is_no_message_is_refused(link, method):
    with pytest.raises(TypeError, match=r"expected a message such as .* got dict"):
        getattr(link, method)({"kind": 1})


@pytest.mark.parametrize("timeout", [-0.1, float("nan")])
def test_impossible_timeout_is_refused(link, timeout):
    with pytest.raises(ValueError, match="timeout must be in"):
        link.request(LED, timeout=timeout)


def test_table_unknown_to_this_package_is_fetched_from_the_device(device, monkeypatch):
    monkeypatch.setattr("firmware_bridge.download._known", {})
    with fb.connect(device.url) as link:
        assert link.schema is not _link
        assert link.schema.hash == link.info.schema_hash
        assert [message.name for message in link.schema.messages][:3] == [
            "Alert",
            "SetOutput",
            "DetectionSummary",
        ]
        own = link.message("SetOutput")(output=1, value=9)
        assert link.request(own).payload == b"\x01\x09"
        with pytest.raises(ValueError, match="no message 'Nothing'"):
            link.message("Nothing")


def test_table_that_contradicts_its_hash_is_refused(device, monkeypatch):
    monkeypatch.setattr("firmware_bridge.download._known", {})
    monkeypatch.setattr("firmware_bridge.schema.crc32c", lambda data: 1)
    with pytest.raises(fb.ProtocolError, match="hash 00000001"):
        fb.connect(device.url)


def test_device_with_a_broken_table_in_between_does_not_end_a_link_that_was_open(
    device, monkeypatch
):
    with fb.connect(device.url) as link:
        known = dict(download._known)
        monkeypatch.setattr("firmware_bridge.schema.crc32c", lambda data: 1)
        download._known.clear()
        device.hang_up.set()
        wait_until(lambda: "hash 00000001" in link.state_reason)
        assert link.state == "lost"
        download._known.update(known)
        wait_until(lambda: link.state == "open")
        link.request(LED)


def test_message_class_checks_as_the_typed_ones_do(link):
    made = message_class(link.schema.by_name["Alert"])
    assert made(kind=1, level=2, duration_ms=3).pack() == fb.Alert(1, 2, 3).pack()
    with pytest.raises(ValueError, match=r"Alert.level must be in 0..3, got 4"):
        made(kind=1, level=4, duration_ms=3)


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
        ("unix:///run/x.sock?baud=1", "takes no options, got baud"),
        ("sim:?color=red", "sim: expected .* got color"),
        ("sim:?epoch_ns=now", "epoch_ns must be a whole number from 0 to .* got 'now'"),
        ("sim:?boot_id=0", "boot_id must be a whole number from 1 to 4294967295, got '0'"),
        ("carrier-pigeon:coop", "expected serial:, unix:, tcp:, exec:, sim:, qemu:, a path"),
    ],
)
def test_url_that_makes_no_sense_is_refused(url, text):
    with pytest.raises(ValueError, match=text):
        fb.connect(url)


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


@pytest.mark.parametrize("method", ["request", "ping"])
def test_waiting_in_the_links_own_thread_is_refused(link, method):
    outcome = []

    def call(done):
        try:
            getattr(link, method)(*([LED] if method == "request" else []))
        except RuntimeError as error:
            outcome.append(str(error))
        else:
            outcome.append("answered")

    answered = threading.Event()
    future = link.submit(LED)
    future.add_done_callback(call)
    future.add_done_callback(lambda done: answered.set())
    assert answered.wait(10)
    # The callback runs here instead when the answer was there before it was added.
    assert outcome in (
        ["answered"],
        [
            f"{method}() waits for the link's thread and cannot be "
            "called in it; in a callback use submit()"
        ],
    )


def test_other_device_that_holds_less_ends_what_waited_for_room_and_the_link_goes_on(device):
    big = message_class(
        fb.MessageInfo(
            "Big", 0x70, 1, 60, (fb.FieldInfo("text", np.dtype("S60"), 0, 1, "", 1.0, None, None),)
        )
    )
    device.answer = lambda request: None
    with fb.connect(device.url) as link:
        waiting = [link.submit(big(text=b""), None) for _ in range(40)]
        wait_until(lambda: len(device.executed) == 8)
        device.die()
        device.slot_bytes = 32
        device.boot()
        outcomes = [future.exception(20) for future in waiting]
        assert {type(outcome) for outcome in outcomes} == {
            fb.UnknownOutcomeError,
            fb.BridgeTimeoutError,
            ValueError,
        }
        device.answer = lambda request: (0, b"")
        wait_until(lambda: link.state == "open")
        link.request(LED)


def test_fork_cannot_use_the_link_and_leaves_it_alone(device):
    script = f"""
import os, sys, time
import firmware_bridge as fb
LED = fb.SetOutput(output=0, value=255)
link = fb.connect({device.url!r})
child = os.fork()
if child == 0:
    calls = [lambda: link.request(LED), lambda: link.publish(fb.DetectionSummary(frame=1)),
             link.ping, link.keep_alive, lambda: link.subscribe("imu")]
    refused = 0
    for call in calls:
        try:
            call()
        except fb.LinkClosedError as error:
            refused += "stayed in the process" in str(error)
    link.close()
    os._exit(refused)
_, status = os.waitpid(child, 0)
assert link.request(LED).payload == bytes([0, 255])
link.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], timeout=30, cwd=ROOT)
    assert done.returncode == 5


def test_program_that_forgets_to_close_its_link_ends(device):
    script = f"import firmware_bridge as fb; link = fb.connect({device.url!r}); link.ping()"
    done = subprocess.run([sys.executable, "-c", script], timeout=30, cwd=ROOT)
    assert done.returncode == 0


def test_message_whose_type_is_another_one_on_the_device_is_not_sent(link, device):
    other = message_class(fb.MessageInfo("Brake", 0x01, 1, 4, fb.Alert.info.fields))
    with pytest.raises(ValueError, match="type 1 is Alert on this device, not Brake"):
        link.submit(other(kind=1, level=1, duration_ms=0))
    assert device.executed == []
