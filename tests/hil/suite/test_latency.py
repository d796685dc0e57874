"""How long commands take at each rhythm; the figures stand in the report, none is asserted."""

from __future__ import annotations

import json
from typing import Any

import pytest

import firmware_bridge as fb
from firmware_bridge.testing.load import LoadReport, arrivals, offer, single_stream

ALERT = fb.Alert(kind=1, level=1, duration_ms=10)
PATIENCE_S = 30.0
COUNT = 40


def keep(report: LoadReport, record_property: Any) -> None:
    told = json.loads(json.dumps(report.summary()))
    for name, value in told.items():
        record_property(name, value)
    assert (told["done"], told["failed"]) == (COUNT, 0)
    assert 0 < told["p50_ms"] <= told["p95_ms"] <= told["p99_ms"] <= told["max_ms"]


def test_one_after_the_other(edge_link: fb.Link, record_property: Any) -> None:
    keep(single_stream(edge_link, ALERT, COUNT, timeout=PATIENCE_S), record_property)


@pytest.mark.parametrize("rhythm", ["fixed-rate", "poisson", "burst"])
def test_at_a_rhythm(edge_link: fb.Link, record_property: Any, rhythm: Any) -> None:
    due_s = arrivals(rhythm, COUNT, rate_hz=200, seed=3)
    report = offer(edge_link, ALERT, due_s, timeout=PATIENCE_S)
    keep(report, record_property)
    assert report.duration_s >= due_s[-1]
