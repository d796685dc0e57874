"""Rhythms are what they are called, and a report counts what really happened."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

import firmware_bridge as fb
from firmware_bridge.testing.load import LoadReport, Trip, arrivals, offer, single_stream


def test_fixed_rate_is_even() -> None:
    assert arrivals("fixed-rate", 4, 10) == [0.0, 0.1, 0.2, 0.3]


def test_burst_comes_at_once_and_at_the_same_rate() -> None:
    assert arrivals("burst", 5, 10, burst=2) == [0.0, 0.0, 0.2, 0.2, 0.4]


def test_poisson_has_gaps_as_long_on_average_as_they_are_spread() -> None:
    """Of an exponential distribution mean and standard deviation are equal."""
    due_s = arrivals("poisson", 20_000, 100, seed=1)
    gaps_s = [later - earlier for earlier, later in pairwise(due_s)]
    mean_s = sum(gaps_s) / len(gaps_s)
    spread_s = (sum((gap - mean_s) ** 2 for gap in gaps_s) / len(gaps_s)) ** 0.5
    assert mean_s == pytest.approx(0.01, rel=0.03)
    assert spread_s == pytest.approx(0.01, rel=0.05)
    assert due_s == arrivals("poisson", 20_000, 100, seed=1) != arrivals("poisson", 20_000, 100)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("daily", 1, 1), "expected rhythm fixed-rate, poisson or burst, got 'daily'"),
        (("poisson", 0, 1), "count must be above zero, got 0"),
        (("poisson", 1, float("nan")), "rate_hz must be above zero, got nan"),
    ],
)
def test_nonsense_is_refused(arguments: tuple[object, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        arrivals(*arguments)  # type: ignore[arg-type]


def test_percentiles_are_of_the_nearest_rank() -> None:
    trips = tuple(Trip(n, n, n, n + (200 - n) * 1_000_000, None) for n in range(200))
    report = LoadReport(trips, 0, 1.0)
    assert [report.percentile_ms(percent) for percent in (50, 95, 99, 100)] == [100, 190, 198, 200]
    with pytest.raises(ValueError, match=r"percent must be in \(0, 100\], got 0"):
        report.percentile_ms(0)


def test_refused_commands_are_failures_and_have_no_latency() -> None:
    with fb.connect("sim:") as link:
        wrong = fb.Alert(kind=7, level=1, duration_ms=10)
        for report in (offer(link, wrong, [0.0] * 5), single_stream(link, wrong, 5)):
            assert (report.latencies_ns, report.failed) == ((), 5)
            assert "p50_ms" not in report.summary()
            with pytest.raises(ValueError, match="no command was done"):
                report.percentile_ms(50)


def test_latency_is_from_when_a_command_was_due() -> None:
    """Not from when there was time to send it: this one was due a second ago."""
    with fb.connect("sim:") as link:
        report = offer(link, fb.Alert(kind=1, level=1, duration_ms=10), [-1.0])
    assert report.latencies_ns[0] >= 1_000_000_000


def test_a_trip_has_the_devices_times_where_it_was_asked_for_them() -> None:
    with fb.connect("sim:") as link:
        for stamped in (0, 1):
            alert = fb.Alert(kind=1, level=1, duration_ms=10, stamped=stamped)
            for report in (offer(link, alert, [0.0] * 5), single_stream(link, alert, 5)):
                assert [trip.number for trip in report.trips] == [0, 1, 2, 3, 4]
                for trip in report.trips:
                    assert trip.due_ns <= trip.sent_ns < trip.acknowledged_ns
                    assert (trip.device is not None) == stamped


def test_a_command_that_is_made_first_is_sent_later_than_it_was_due() -> None:
    made: list[int] = []

    def make() -> fb.Message:
        made.append(time.monotonic_ns())
        return fb.Alert(kind=1 if len(made) != 2 else 99, level=1, duration_ms=10)

    with fb.connect("sim:") as link:
        for run in (lambda: offer(link, make, [0.0] * 3), lambda: single_stream(link, make, 3)):
            del made[:]
            report = run()
            assert report.failed == 1
            assert [trip.number for trip in report.trips] == [0, 2]
            for trip in report.trips:
                assert trip.due_ns <= made[trip.number] <= trip.sent_ns
