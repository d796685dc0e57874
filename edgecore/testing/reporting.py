"""Failures with the line's last seconds, and errors of the rig kept apart from them."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from edgecore.testing.errors import RigError
from edgecore.testing.options import repeat_by

LATENCY = "edge_latency"
"""The fixture, and the attribute of pytest's reports that has what a test measured by it."""
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what the device and its line did; a rig that fails in a test is an error, no failure."""
    report = yield
    rig_failed = call.excinfo is not None and call.excinfo.errisinstance(RigError)
    if rig_failed and hasattr(report, "wasxfail"):  # it is the device that is expected to fail
        assert call.excinfo is not None
        del report.wasxfail
        report.outcome, report.longrepr = "failed", item.repr_failure(call.excinfo)
    funcargs = getattr(item, "funcargs", None) or {}
    lab = funcargs.get(LATENCY)
    if lab is not None and call.when == "teardown":
        setattr(report, LATENCY, lab.record())
    if not report.failed:
        return report
    item.stash[FAILED] = True
    if "edge_dut" in funcargs:
        report.sections.append(("edgecore, to repeat it", repeat_by(item.config)))
    for name in ("edge_dut", "edge_agent"):
        if name in funcargs:
            report.sections.extend(funcargs[name].story())
    if call.when == "call" and rig_failed:
        # Reporters tell errors from failures by the phase alone.
        report.when = "setup"
    return report
