"""Pins the run to one core and prints the tables of harness.py at its end."""

import os
from pathlib import Path
from typing import Any

import pytest

from bench import harness


def pytest_configure(config: pytest.Config) -> None:
    harness.pin_to_one_core()


@pytest.fixture(scope="session")
def test_data() -> Path:
    folder = os.environ.get("EDGECORE_TEST_DATA")
    if not folder:
        pytest.skip("EDGECORE_TEST_DATA is not set: real models and pictures are not at hand")
    return Path(folder)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    rows = [
        harness.Row(
            workload=str(done.group),
            implementation=str(done.extra_info.pop("implementation")),
            median_us=done.stats.median * 1e6,
            iqr_us=done.stats.iqr * 1e6,
            rounds=done.stats.rounds,
            facts=dict(done.extra_info),
        )
        for done in (session.benchmarks if session else [])
        if "implementation" in done.extra_info
    ]
    terminalreporter.write_line(f"\n{harness.machine()}, one core, medians")
    for line in harness.table(rows):
        terminalreporter.write_line(line)
    board = os.environ.get("BOARD")
    if board and rows:
        harness.write_reference(rows, Path(__file__).parent / "reference" / f"{board}.json")
