"""Which tests a run collected: a report also tells of those that it never came to.

Of xdist's processes the workers know, so the first report of each takes it along to the controller.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeAlias

import pytest

from edgecore.testing.markers import REQUIREMENT

COLLECTED = "edge_collected"
"""The attribute of a worker's first report that has them."""

Entry: TypeAlias = tuple[str, list[str], bool]
"""A test's node id, its requirements, and whether the run was told to leave it out."""


class Collected:
    """Listens while pytest collects.

    Attributes:
        entries: all that was collected, in the order in which it is to run.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._left_out: list[pytest.Item] = []

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """These were found and are not to run."""
        self._left_out += items

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """No more comes."""
        self.entries = [_entry(item, False) for item in session.items]
        self.entries += [_entry(item, True) for item in self._left_out]


class WorkersCollected(Collected):
    """The same in a worker of xdist, which tells its controller."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """The first takes it along."""
        report = yield
        if self.entries:
            setattr(report, COLLECTED, self.entries)
            self.entries = []
        return report


def _entry(item: pytest.Item, left_out: bool) -> Entry:
    wanted = [str(value) for name, value in item.user_properties if name == REQUIREMENT]
    return item.nodeid, wanted, left_out
