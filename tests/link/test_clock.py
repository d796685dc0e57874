"""The device's clock over the host's, in virtual time."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge._carrier import Line


class Device:
    """A clock that began at another time and runs at another rate, behind a line that delays."""

    def __init__(self, seed, *, began_us=0, drift=0.0, delay_us=(100, 400)):
        self.draw = random.Random(seed)
        self.began_us, self.drift, self.delay_us = began_us, drift, delay_us
        self.now_us = 1_000_000.0

    def clock_us(self, host_us):
        return self.began_us + host_us * (1 + self.drift)

    def exchange(self, line):
        t1 = self.now_us
        t2 = t1 + self.draw.uniform(*self.delay_us)
        t3 = t2 + self.draw.uniform(1, 20)
        t4 = t3 + self.draw.uniform(*self.delay_us)
        line.add(int(t1), int(self.clock_us(t2)), int(self.clock_us(t3)), int(t4))
        self.now_us = t4

    def error_ns(self, line, after_us=0.0):
        """What the line's offset is off by, and its bound."""
        host_us = int(self.now_us + after_us)
        offset_ns, bound_ns = line.offset(host_us)
        true_ns = (self.clock_us(host_us) - host_us) * 1000
        return abs(offset_ns - true_ns), bound_ns

    def burst(self, line, exchanges=4, pause_us=1_000_000):
        line.begin_burst()
        for _ in range(exchanges):
            self.exchange(line)
        self.now_us += pause_us


def test_before_the_first_exchange_nothing_is_known():
    assert Line().offset(5) is None


@given(
    seed=st.integers(0, 2**32),
    began_us=st.integers(0, 2**50),
    drift=st.floats(-190e-6, 190e-6),
    spread_us=st.floats(0, 20_000),
    bursts=st.integers(1, 50),
)
def test_the_bound_holds(seed, began_us, drift, spread_us, bursts):
    device = Device(seed, began_us=began_us, drift=drift, delay_us=(50, 50 + spread_us))
    line = Line()
    for _ in range(bursts):
        device.burst(line)
        error, bound = device.error_ns(line)
        # Stamps of 2^50 us are exact in a double, sums with a fraction only to a quarter of one.
        assert error <= bound + 500
    error, bound = device.error_ns(line, after_us=10e6)
    assert error <= bound + 500


def test_drift_is_measured_not_only_bounded():
    device = Device(1, drift=80e-6)
    line = Line()
    for _ in range(30):
        device.burst(line)
    error, bound = device.error_ns(line, after_us=60e6)
    assert error < 500_000, "80 ppm of a minute would be 4.8 ms"
    assert bound < 2_000_000


def test_bound_grows_by_no_more_than_the_distance_from_the_line():
    """A minute at 100 ppm leads 6 ms away from where the line began, and no bound along with it."""
    device = Device(6, drift=100e-6)
    line = Line()
    for _ in range(60):
        device.burst(line, pause_us=0)
        error, bound = device.error_ns(line)
        assert error <= bound < 1_000_000
        device.now_us += 1_000_000


def test_an_exchange_that_contradicts_the_line_is_left_out():
    device = Device(2)
    line = Line()
    for _ in range(10):
        device.burst(line)
    before = line.offset(int(device.now_us))
    t1 = int(device.now_us)
    line.begin_burst()
    line.add(t1, t1 + 50_000, t1 + 50_010, t1 + 300)
    assert line.offset(t1)[0] == before[0]


def test_a_clock_that_was_set_is_believed_in_the_end():
    device = Device(3)
    line = Line()
    for _ in range(10):
        device.burst(line)
    device.began_us += 1_000_000
    for _ in range(2):
        device.burst(line)
    error, bound = device.error_ns(line)
    assert error <= bound


@pytest.mark.parametrize("apart_us", [0, 2])
def test_exchanges_at_one_instant_or_almost_say_nothing_of_the_drift(apart_us):
    line = Line()
    for at in (1_000_000, 1_000_000 + apart_us):
        line.begin_burst()
        line.add(at, at + 50_000, at + 50_000, at)
    assert line.offset(11_000_000)[0] == 50_000_000


def test_bound_of_one_exchange_is_half_its_round_trip():
    line = Line()
    line.begin_burst()
    line.add(1_000_000, 1_050_100, 1_050_150, 1_000_250)  # 200 us, and 50 us in the device
    offset, bound = line.offset(1_000_125)
    assert abs(offset - 50_000_000) <= 500
    assert 100_000 <= bound <= 103_000


def test_line_goes_through_the_exchanges_that_did_not_wait():
    line = Line()
    line.begin_burst()
    line.add(1_000_000, 1_050_200, 1_050_200, 1_000_200)  # waited 200 us on the way there
    for second in range(2, 12):
        at = second * 1_000_000
        line.begin_burst()
        line.add(at, at + 50_000, at + 50_000, at)
    assert line.offset(11_000_000)[0] == pytest.approx(50_000_000, abs=1000)


def test_strays_between_good_exchanges_never_add_up():
    device = Device(4)
    line = Line()
    for _ in range(10):
        device.burst(line)
    for _ in range(8):
        t1 = int(device.now_us)
        line.begin_burst()
        line.add(t1, t1 + 50_000, t1 + 50_010, t1 + 300)
        error, bound = device.error_ns(line)
        assert error <= bound
        device.burst(line)


def test_exchange_that_the_device_held_long_counts_in_its_middle():
    line = Line()
    line.begin_burst()
    line.add(1_000_000, 1_050_100, 3_049_900, 3_000_000)  # 200 us on the line, in 2 s
    _, bound = line.offset(2_000_000)
    assert 100_000 <= bound <= 103_000


def test_shortest_exchange_of_a_burst_is_kept():
    line = Line()
    for trip_us in (1000, 200, 600):
        line.begin_burst()
        for took_us in (trip_us, 100):
            line.add(
                1_000_000, 1_000_000 + took_us // 2, 1_000_000 + took_us // 2, 1_000_000 + took_us
            )
        _, bound = line.offset(1_000_050)
        assert 50_000 <= bound <= 52_000


def test_bound_grows_by_what_the_drift_may_have_been_misjudged_by():
    line = Line()
    for second in (0, 100):
        line.begin_burst()
        at = second * 1_000_000
        line.add(at, at + 50_000, at + 50_000, at)  # no time on the line: 1 us of resolution
    for later_s in (1000, 3000):
        _, bound = line.offset((100 + later_s) * 1_000_000)
        # Two ends known to 1 us, 100 s apart, and 1 ppm that crystals wander.
        assert bound == pytest.approx(1000 + later_s * (20 + 1000), abs=50)
