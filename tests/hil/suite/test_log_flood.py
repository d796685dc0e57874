"""Whatever the firmware logs, alerts go on, and what of the lines was lost is counted."""

from __future__ import annotations

import time
from typing import Any

import pytest

import firmware_bridge as fb
from firmware_bridge.logs import LogRecord
from tests.hil.suite.flood import LINE, flood
from tests.hil.suite.load import Load
from tests.hil.suite.test_commands import PATIENCE_S, alerts

LINES = 100
PERIOD_S = 0.01
"""The firmware sends a line no sooner after another."""
WAITING = 30
"""Lines that may have waited in it, or in queues of the line, when the counting began."""


def drain(logs: fb.Logs) -> None:
    """What the boot had to say, and tests before this one."""
    while logs.read(0.3) is not None:
        pass


def read_to_the_end(logs: fb.Logs, link: fb.Link, sent: int) -> tuple[list[LogRecord], int]:
    """All lines up to one for which there was room again, and the number that it is of."""
    records: list[LogRecord] = []
    last = sent
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        last += 1
        flood(link, last, 1)
        while (record := logs.read(0.3)) is not None:
            records.append(record)
            words = record.text.removeprefix(LINE).split()
            if record.text.startswith(LINE) and int(words[0]) > sent:
                return records, int(words[0])
    said = [record.text for record in records[-10:]]
    raise AssertionError(f"no line came of {sent + 1} to {last}; of {len(records)} others {said}")


@pytest.mark.edge_req("LOG-BOUNDED")
def test_flood_of_lines_is_counted_and_holds_up_no_alert(
    edge_link: fb.Link, record_property: Any
) -> None:
    logs = edge_link.logs()
    drain(logs)
    begun_s = time.monotonic()
    with Load(edge_link) as load:
        flood(edge_link, 1, LINES)
        records, last = read_to_the_end(logs, edge_link, LINES)
    took_s = time.monotonic() - begun_s
    load.assert_truthful(alerts(edge_link))
    written = sum(1 + record.missing for record in records)
    assert written >= last - edge_link.stats.dropped["bulk"]
    record_property("lines_lost", written - len(records))
    assert len(records) <= took_s / PERIOD_S + WAITING
