"""Failures with the line's last frames, and errors of the rig kept apart from them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from edgecore.testing.errors import RigError
from edgecore.testing.options import repeat_by

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr, Traceback

LATENCY = "edge_latency"
"""The fixture, and the attribute of pytest's reports that has what a test measured by it."""
RIG = "edge_rig"
"""The attribute of pytest's reports that says that the rig failed."""
FAILED = pytest.StashKey[bool]()
_OURS = ("edgecore.", "firmware_bridge.", "_pytest.", "pluggy.", "contextlib")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what the device and its line did; a rig that fails in a test is an error, no failure."""
    report = yield
    rig_failed = call.excinfo is not None and call.excinfo.errisinstance(RigError)
    if rig_failed:
        assert call.excinfo is not None
        setattr(report, RIG, True)
        report.longrepr = _in_brief(item, call.excinfo)
        if hasattr(report, "wasxfail"):  # it is the device that is expected to fail
            del report.wasxfail
            report.outcome = "failed"
    funcargs = getattr(item, "funcargs", None) or {}
    lab = funcargs.get(LATENCY)
    if lab is not None and call.when == "teardown":
        setattr(report, LATENCY, lab.record())
    if call.when == "setup":
        item.stash[FAILED] = False  # it may be tried again
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


def _in_brief(
    item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException]
) -> str | TerminalRepr:
    """What the rig's error says and where the test met it; the way within our own code tells a
    rig's engineer nothing."""
    style = item.config.getoption("tbstyle")
    if item.config.getoption("fulltrace") or style == "native":
        return item.repr_failure(excinfo)
    told = excinfo.getrepr(
        showlocals=item.config.getoption("showlocals"),
        style="long" if style == "auto" else style,
        tbfilter=_theirs,
        chain=False,
    )
    if told.reprcrash is not None:
        told.reprcrash.message = str(excinfo.value)  # without its class: the line is short
    return told


def _theirs(excinfo: pytest.ExceptionInfo[BaseException]) -> Traceback:
    return excinfo.traceback.filter(
        lambda entry: not str(entry.frame.f_globals.get("__name__")).startswith(_OURS)
    )
