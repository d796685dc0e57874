"""The link's thread in C: what it does while Python does something else."""

import asyncio
import ctypes
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import firmware_bridge as fb
from firmware_bridge.events import Outcome, Requested

ALERT = fb.Alert(kind=1, level=1, duration_ms=1)


@pytest.fixture(scope="module")
def sim():
    with fb.connect("sim:") as made:
        yield made


def alerts(link, count):
    records = np.zeros(count, link.schema.by_name["Alert"].dtype)
    records["kind"], records["level"] = 1, np.arange(count) % 4
    return records


def hold_the_gil(seconds):
    """A call that sleeps without giving the GIL up, as a careless extension does."""
    ctypes.PyDLL(None).usleep(ctypes.c_uint(int(seconds * 1e6)))


# Of a busy machine: how long is enough nobody knows, so there is a longer time and a longer one.
HOLDS_S = (0.5, 2.0, 8.0)


def test_commands_go_on_while_the_gil_is_held(sim):
    carrier = sim._connection.carrier
    answered = []
    for hold_s in HOLDS_S:
        before = sim.stats.results_received
        requests = [sim.submit(ALERT) for _ in range(20)]
        hold_the_gil(hold_s)
        # Not one byte code ran in between: the thread alone sent, acknowledged and took these.
        answered.append(carrier.stats["results_received"] - before)
        assert all(request.result(20) for request in requests)
        if answered[-1] >= 20:
            break
    assert answered[-1] >= 20, answered


def test_thread_is_known_to_the_systems_tools_by_its_name(sim):
    names = [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]
    assert "edgecore-link" in names


def test_telemetry_is_kept_while_the_gil_is_held(sim):
    subscription = sim.subscribe("imu")
    kept = []
    for hold_s in HOLDS_S:
        assert subscription.read(30) is not None
        hold_the_gil(hold_s)
        batch = subscription.read()
        kept.append(0 if batch is None else len(batch))
        if kept[-1] > 10:
            break
    assert kept[-1] > 10, kept
    assert subscription.dropped == 0


def test_many_requests_are_executed_once_each_in_their_order(link, device):
    records = alerts(link, 300)
    ended = link.request_many("Alert", records, timeout=20)
    assert (ended.outcome == Outcome.DONE).all()
    assert (ended.status == 0).all()
    assert [request.payload[1] for request in device.executed] == (np.arange(300) % 4).tolist()


def test_many_requests_tell_who_was_refused(link, device):
    device.answer = lambda request: (16 + request.payload[1], b"")
    ended = link.request_many("Alert", alerts(link, 8))
    assert (ended.outcome == Outcome.REFUSED).all()
    assert ended.status.tolist() == [16, 17, 18, 19] * 2


def test_many_requests_that_are_not_answered_time_out(link, device):
    device.answer = lambda request: None
    ended = link.request_many("Alert", alerts(link, 20), timeout=0.1)
    assert set(ended.outcome) <= {Outcome.TIMED_OUT, Outcome.NOT_SENT}


def test_many_requests_share_the_link_with_others(link):
    ended = {}
    thread = threading.Thread(
        target=lambda: ended.update(many=link.request_many("Alert", alerts(link, 500), None))
    )
    thread.start()
    for _ in range(20):
        assert link.request(ALERT, timeout=20)
    thread.join()
    assert (ended["many"].outcome == Outcome.DONE).all()


def test_a_second_call_meanwhile_is_refused(link, device):
    device.answer = lambda request: None
    thread = threading.Thread(target=link.request_many, args=("Alert", alerts(link, 1), 0.5))
    thread.start()
    while not link.stats.requests_sent:
        time.sleep(0.001)
    with pytest.raises(fb.LinkBusyError, match="another request_many"):
        link.request_many("Alert", alerts(link, 1))
    thread.join()


def test_many_requests_end_with_the_link(link, device):
    device.answer = lambda request: None
    threading.Timer(0.1, link.close).start()
    with pytest.raises(fb.LinkClosedError):
        link.request_many("Alert", alerts(link, 40), timeout=None)


@pytest.mark.parametrize(
    ("name", "records", "error", "text"),
    [
        ("Alarm", np.zeros(1), ValueError, "no message 'Alarm'"),
        ("imu", np.zeros(1), ValueError, "no command"),
        ("Alert", np.zeros((2, 4), np.uint8), TypeError, r"expected records \(n,\) of"),
        ("Alert", [b"1234"], TypeError, "got <class 'list'>"),
    ],
)
def test_records_that_make_no_sense_are_refused(link, name, records, error, text):
    with pytest.raises(error, match=text):
        link.request_many(name, records)


def test_no_records_are_no_requests(link, device):
    assert link.request_many("Alert", alerts(link, 0)).outcome.shape == (0,)
    assert not device.executed


def test_coroutines_wait_side_by_side(link, device):
    async def ask(level):
        result = await link.request_async(fb.Alert(kind=1, level=level, duration_ms=1), 20)
        return result.payload[1]

    async def ask_all():
        return await asyncio.gather(*(ask(i % 4) for i in range(100)))

    assert asyncio.run(ask_all()) == [i % 4 for i in range(100)]
    assert asyncio.run(ask_all()) == [i % 4 for i in range(100)], "also in another event loop"


def test_a_coroutine_gets_its_errors(link, device):
    device.answer = lambda request: (17, b"")
    with pytest.raises(fb.RefusedError, match="status 17"):
        asyncio.run(link.request_async(ALERT))
    device.answer = lambda request: None
    with pytest.raises(fb.BridgeTimeoutError, match="may still run"):
        asyncio.run(link.request_async(ALERT, timeout=0.05))
    threading.Timer(0.1, link.close).start()
    with pytest.raises(fb.LinkClosedError):
        asyncio.run(link.request_async(ALERT, timeout=None))


def test_a_cancelled_coroutine_leaves_the_link_working(link, device):
    given_up = threading.Event()

    def slowly(request: Requested):
        given_up.wait(20)
        return 0, b""

    async def give_up():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(link.request_async(ALERT, timeout=20), 0.01)
        given_up.set()
        return await link.request_async(ALERT, timeout=20)

    device.answer = slowly
    assert asyncio.run(give_up())
    assert len(device.executed) == 2


def test_telemetry_reaches_coroutines(link, device):
    async def collect():
        got = 0
        async for batch in subscription:
            got += len(batch)
            if got == 20:
                link.close()
        return got

    async def both():
        task = asyncio.create_task(collect())
        await asyncio.sleep(0.05)
        device.imu(10)
        await asyncio.sleep(0.05)
        device.imu(10, 10)
        return await asyncio.wait_for(task, 10)

    subscription = link.subscribe("imu")
    assert asyncio.run(both()) == 20


def test_callbacks_get_batches_until_closed(link, device):
    got = []
    subscription = link.subscribe("imu", callback=lambda batch: got.extend(batch["accel_x"]))
    device.imu(30)
    until = time.monotonic() + 10
    while len(got) < 30 and time.monotonic() < until:
        time.sleep(0.001)
    assert got == list(range(30))
    subscription.close()
    device.imu(5)
    link.request(ALERT)
    assert len(got) == 30


def test_a_callback_that_fails_is_logged_and_called_again(link, device, caplog):
    calls = []

    def fail(batch):
        calls.append(len(batch))
        raise RuntimeError("no disk")

    link.subscribe("imu", callback=fail)
    for count in (1, 2):
        device.imu(1)
        until = time.monotonic() + 10
        while len(calls) < count and time.monotonic() < until:
            time.sleep(0.001)
    assert len(calls) == 2
    assert "callback of a subscription to imu failed" in caplog.text


def test_a_subscription_nobody_holds_is_gone(link, device):
    link.subscribe("imu", frames=1)
    device.imu(10)
    link.request(ALERT)
    assert link.stats.undelivered == 0
