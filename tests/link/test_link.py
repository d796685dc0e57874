"""A link as its user meets it: requests and their outcomes, states, leases, misuse."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import firmware_bridge as fb
from tests.link.patience import wait_until

ROOT = Path(__file__).resolve().parents[2]


LED = fb.SetOutput(output=0, value=255)


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
    offset_ns, error_ns = link._connection.carrier.clock()  # of one moment
    assert abs(offset_ns) <= error_ns
    wrong_ns = abs(link.clock.to_host_ns(1000) - 1_000_000)
    assert wrong_ns <= max(error_ns, link.clock.error_ns)


def test_lease_reaches_the_device_only_while_it_is_renewed(link, device):
    time.sleep(0.3)
    assert not device.session.lease(time.monotonic_ns() // 1000)
    wait_until(lambda: link.keep_alive() or device.session.lease(time.monotonic_ns() // 1000))
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
