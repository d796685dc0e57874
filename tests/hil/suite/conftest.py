"""The order of the suite: what takes longest is begun first, so that workers end together.

Under `--dist worksteal` each worker begins with a stretch of the tests: they are dealt like cards.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONG = ("edge_agent", "author")
"""Fixtures of tests that begin processes: the agent, then devices which are updated."""


def rank(item: pytest.Function) -> int:
    """Of the first of these fixtures that it has."""
    return next((n for n, name in enumerate(LONG) if name in item.fixturenames), len(LONG))


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Among each other: tests from elsewhere, if there are any, keep their places."""
    places = [n for n, item in enumerate(items) if item.path.is_relative_to(HERE)]
    ordered = sorted((items[n] for n in places), key=rank)
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    dealt = [item for worker in range(workers) for item in ordered[worker::workers]]
    for place, item in zip(places, dealt, strict=True):
        items[place] = item
