"""Hours on a bad line: nothing is lost, and nothing grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

import firmware_bridge as fb
from edgecore.testing.dut import Dut
from firmware_bridge.testing.faults import Faults
from tests.hil.suite.test_commands import alerts, ask

GROWTH_MAX_BYTES = 5_000_000
BURST, PERIOD_S = 20, 0.1
PROOF_S = 3600.0
"""A run of so long is worth a page."""


class Process:
    """This process, host's end of the link and fault bridge both, and its children, the devices."""

    def __init__(self) -> None:
        import psutil  # seldom: without --edge-soak nobody looks

        self._itself = psutil.Process()
        self._devices = self._itself.children()
        self.look()

    def look(self) -> None:
        """How large it is now, bytes, and its children; how many descriptors it has."""
        self.bytes = self._itself.memory_info().rss
        self.device_bytes = sum(each.memory_info().rss for each in self._devices)
        self.descriptors = self._itself.num_fds()


@pytest.mark.edge_soak
@pytest.mark.edge_req("LINK-LOSSLESS")
@pytest.mark.timeout(0)
def test_no_command_is_lost_and_nothing_grows(
    edge_dut: Dut,
    edge_link: fb.Link,
    edge_faults: Faults,
    edge_soak_s: float,
    record_property: Any,
    proof: Callable[..., None],
) -> None:
    boot_id = edge_link.info.boot_id
    before, asked, records = alerts(edge_link), 0, 0
    edge_faults.use("noisy")
    begun_s = time.monotonic()
    warm, now = Process(), Process()
    peak_bytes = 0
    with edge_link.subscribe("status") as batches:
        while (gone_s := time.monotonic() - begun_s) < edge_soak_s:
            edge_link.keep_alive()
            edge_link.publish(fb.DetectionSummary(frame=asked, count=1, nearest_ttc_ms=900))
            ask(edge_link, BURST)  # each is done, or raises
            asked += BURST
            while (batch := batches.read()) is not None:
                records += len(batch)
            now.look()
            if gone_s < edge_soak_s / 4:  # buffers and what was kept of the line are full then
                warm.look()
            peak_bytes = max(peak_bytes, now.bytes)
            time.sleep(max(0.0, gone_s + PERIOD_S - (time.monotonic() - begun_s)))
    edge_faults.use("clean")
    executed = alerts(edge_link) - before
    now.look()
    figures = {
        "target": edge_dut.name.partition("?")[0],
        "seconds": round(time.monotonic() - begun_s),
        "commands": asked,
        "executed": executed,
        "lost": max(0, asked - executed),
        "doubled": max(0, executed - asked),
        "status_records": records,
        **{name: edge_faults.counts[name] for name in ("bytes_in", "bits_flipped")},
        **{name: edge_faults.counts[name] for name in ("bytes_dropped", "bytes_repeated")},
        "retransmits": edge_link.stats.retransmits,
        "growth_bytes": now.bytes - warm.bytes,
        "growth_at_peak_bytes": peak_bytes - warm.bytes,
        "growth_of_device_bytes": now.device_bytes - warm.device_bytes,
        "descriptors_after_a_quarter": warm.descriptors,
        "descriptors_at_the_end": now.descriptors,
    }
    for name, value in figures.items():
        record_property(name, value)
    if edge_soak_s >= PROOF_S:
        proof("hours on a noisy line lose no command, and nothing grows", by="make soak", **figures)
    assert executed == asked
    assert edge_link.info.boot_id == boot_id
    assert figures["growth_bytes"] < GROWTH_MAX_BYTES
    assert now.descriptors <= warm.descriptors
