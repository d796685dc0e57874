"""Hours on a bad line: nothing is lost, and nothing grows."""

from __future__ import annotations

import time
from typing import Any

import psutil
import pytest

import firmware_bridge as fb
from firmware_bridge.testing.faults import Faults
from tests.hil.suite.test_commands import alerts, ask

GROWTH_MAX_BYTES = 5_000_000


@pytest.mark.edge_soak
@pytest.mark.edge_req("LINK-LOSSLESS")
@pytest.mark.timeout(0)
def test_no_command_is_lost_and_nothing_grows(
    edge_link: fb.Link, edge_faults: Faults, edge_soak_s: float, record_property: Any
) -> None:
    process = psutil.Process()
    before, asked = alerts(edge_link), 0
    edge_faults.use("noisy")
    until_s = time.monotonic() + edge_soak_s
    warm_until_s = time.monotonic() + edge_soak_s / 4
    bytes_at_first = descriptors = 0
    while time.monotonic() < until_s:
        if time.monotonic() < warm_until_s:
            bytes_at_first, descriptors = process.memory_info().rss, process.num_fds()
        ask(edge_link, 20)
        asked += 20
    edge_faults.use("clean")
    growth_bytes = process.memory_info().rss - bytes_at_first
    for name, value in (("commands", asked), ("growth_bytes", growth_bytes)):
        record_property(name, value)
    assert alerts(edge_link) == before + asked
    assert growth_bytes < GROWTH_MAX_BYTES
    assert process.num_fds() <= descriptors
