"""Telemetry as its subscribers get it."""

import struct
import threading
import time

import numpy as np
import pytest

import firmware_bridge as fb
from tests.link.patience import wait_until


def test_subscription_gives_records_with_the_hosts_time(link, device):
    wait_until(lambda: link.clock.offset_ns is not None)
    subscription = link.subscribe("imu")
    first_error = link.clock.error_ns
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
    # A burst may have narrowed the bound after the records were dated.
    error = max(first_error, link.clock.error_ns)
    assert np.all(records["t_ns"] > before - error - 1000)
    assert np.all(records["t_ns"] < time.monotonic_ns() + error)
    assert subscription.read() is None


def test_subscription_iterates_until_the_link_closes(device):
    link = fb.connect(device.url)
    subscription = link.subscribe("imu")
    device.imu(20)
    batches = iter(subscription)
    received = 0
    while received < 20:
        received += len(next(batches))
    threading.Timer(0.1, link.close).start()
    assert [*batches] == []
    assert received == 20


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


def test_callbacks_beyond_what_the_mailbox_holds_are_all_called(link, device):
    """One frame makes a note for each of them, more than there is room for at once."""
    called = set()
    held = [link.subscribe("imu", callback=lambda _, n=n: called.add(n)) for n in range(600)]
    device.imu(1)
    wait_until(lambda: len(called) == len(held))


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
