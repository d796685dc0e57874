"""What tests say of themselves: what they need, which requirement they show, how long they take."""

from __future__ import annotations

import pytest

from edgecore.testing.options import check_options
from edgecore.testing.session import device

REQUIREMENT = "requirement"
"""Name of the property that a requirement is."""
_MARKERS = (
    "edge_needs(capability, ...): skipped, with the reason, on a target without one of these",
    "edge_req(id, ...): requirements that the test shows; they stand in the reports",
    "edge_slow: runs with --edge-slow only",
    "edge_soak: runs with --edge-soak SECONDS only, for about so long; see edge_soak_s",
)


def pytest_configure(config: pytest.Config) -> None:
    """Registers the markers, and begins a report where one is asked for."""
    check_options(config)
    for line in _MARKERS:
        config.addinivalue_line("markers", line)
    if config.getoption("--edge-report") or config.getoption("--edge-requirements"):
        from edgecore.testing.report import keep_report

        keep_report(config)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Notes requirements: also those of tests that are skipped."""
    named = dict.fromkeys(
        name
        for mark in item.iter_markers("edge_req")
        for name in mark.args
        if isinstance(name, str)
    )
    item.user_properties.extend((REQUIREMENT, name) for name in named)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what this run or this target is not for; a marker that makes no sense is an error."""
    for kind in ("edge_req", "edge_needs"):
        for mark in item.iter_markers(kind):
            _check_names(mark)
    if item.get_closest_marker("edge_slow") and not item.config.getoption("--edge-slow"):
        pytest.skip("edge_slow: runs with --edge-slow only")
    if item.get_closest_marker("edge_soak") and item.config.getoption("--edge-soak") is None:
        pytest.skip("edge_soak: runs with --edge-soak SECONDS only")
    wanted = {name for mark in item.iter_markers("edge_needs") for name in mark.args}
    if wanted:
        dut = device(item.config)
        missing = sorted(wanted - dut.capabilities)
        if missing:
            has = ", ".join(sorted(dut.capabilities)) or "none"
            pytest.skip(f"{dut.name} lacks {', '.join(missing)}; it has {has}")


def _check_names(mark: pytest.Mark) -> None:
    if not mark.args or mark.kwargs or not all(isinstance(name, str) for name in mark.args):
        given = [repr(value) for value in mark.args]
        given += [f"{key}={value!r}" for key, value in mark.kwargs.items()]
        text = f"{mark.name}: expected one text or several, got ({', '.join(given)})"
        pytest.fail(text, pytrace=False)
