"""What a run of pytest came to, kept as JSON and as a page: `--edge-report FOLDER`.

It listens to the reports that pytest makes anyway, so those of xdist's workers are among them.
"""

from __future__ import annotations

import datetime
import json
import platform
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edgecore.testing.collected import COLLECTED, Collected, Entry, WorkersCollected
from edgecore.testing.markers import REQUIREMENT
from edgecore.testing.matrix import (
    Outcome,
    Requirement,
    TestRun,
    matrix,
    read_requirements,
)
from edgecore.testing.options import repeat_by, seed, target_spec
from edgecore.testing.reporting import LATENCY, RIG

FORMAT, VERSION = "edgecore test report", 1
_NAME = "edgecore-report"


@dataclass(frozen=True)
class Report:
    """A run.

    Attributes:
        target, seed: of the device.
        repeat: the options that repeat the run.
        command: pytest's own arguments.
        begun: UTC, ISO 8601.
        duration_s: of the whole run.
        exit_status: pytest's.
        versions: of what it ran with, by name.
        tests: all that ran, in the order of their ends, then those that were collected only.
        requirements: the matrix.
    """

    target: str
    seed: int
    repeat: str
    command: str
    begun: str
    duration_s: float
    exit_status: int
    versions: dict[str, str]
    tests: tuple[TestRun, ...]
    requirements: tuple[Requirement, ...]

    def counts(self) -> dict[str, int]:
        """Tests by outcome, as far as there are any."""
        outcomes = [test.outcome for test in self.tests]
        return {name: outcomes.count(name) for name in OUTCOMES if name in outcomes}

    def document(self) -> dict[str, Any]:
        """In JSON's terms."""
        told = {"format": FORMAT, "version": VERSION, **asdict(self)}
        told["requirements"] = [
            {"id": row.id, "title": row.title, "verdict": row.verdict}
            | {"tests": {test.id: test.outcome for test in row.tests}}
            for row in self.requirements
        ]
        return told


OUTCOMES: tuple[Outcome, ...] = (
    "failed",
    "error",
    "passed",
    "xpassed",
    "xfailed",
    "skipped",
    "not run",
)


@dataclass
class _Phases:
    """What pytest told of one test so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    duration_s: float = 0.0
    properties: list[tuple[str, object]] = field(default_factory=list)
    reason: str = ""
    again: str = ""
    texts: list[str] = field(default_factory=list)
    latency: list[dict[str, object]] = field(default_factory=list)
    rig: bool = False

    def add(self, report: pytest.TestReport) -> None:
        self.duration_s += report.duration
        # Of a worker that crashed the last report, which xdist makes up, has none.
        self.properties = list(report.user_properties) or self.properties
        self.latency = getattr(report, LATENCY, self.latency)
        self.rig = self.rig or getattr(report, RIG, False)
        outcome = _outcome(report)
        if outcome is not None:
            self.outcomes.append(outcome)
        if report.failed:
            self.texts.append(_text(report))
            self.reason = self.reason or _last_line(report)
        elif report.skipped:
            self.reason = self.reason or _skip_reason(report)
        elif str(report.outcome) == "rerun":  # of pytest-rerunfailures
            self.texts.append(_text(report))
            self.again = self.again or f"tried again: {_last_line(report)}"

    def test(self, id: str) -> TestRun:
        known = [name for name in OUTCOMES if name in self.outcomes]
        if self.rig:  # what the test says of the device then is nothing
            known = ["error"]
        return TestRun(
            id,
            known[0] if known else "error",
            round(self.duration_s, 4),
            tuple(str(value) for name, value in self.properties if name == REQUIREMENT),
            tuple(
                (str(name), str(value)) for name, value in self.properties if name != REQUIREMENT
            ),
            (self.reason or self.again) if known else "it did not end",
            "\n\n".join(self.texts),
            tuple(self.latency),
            self.rig,
        )


class ReportKeeper(Collected):
    """Collects a run, and leaves report.json and report.html in its folder."""

    def __init__(self, config: pytest.Config, folder: Path, listed: dict[str, str]) -> None:
        super().__init__()
        self._config, self._folder, self._listed = config, folder, listed
        self._said = str(folder / "report.html")
        self._begun = datetime.datetime.now(datetime.timezone.utc)
        self._phases: dict[tuple[str, str], _Phases] = {}
        self._elsewhere: dict[tuple[str, str], Entry] = {}
        # Of xdist's ways of sharing tests out, the one by which each worker runs them all.
        self._each = getattr(config.option, "dist", "no") == "each"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test, here or on a worker of xdist."""
        worker = getattr(report, "worker_id", "") if self._each else ""
        self._phases.setdefault((report.nodeid, worker), _Phases()).add(report)
        for entry in getattr(report, COLLECTED, ()):
            self._elsewhere[entry[0], worker] = entry

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected is an error of its own; each worker tells it."""
        if report.failed:
            phases = _Phases(["error"], reason=_last_line(report), texts=[_text(report)])
            self._phases[report.nodeid, ""] = phases

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Writes both files; a run whose report is lost ends with another status than 0."""
        from edgecore.testing.report_page import page

        report = self._report(int(exitstatus))
        told = json.dumps(report.document(), indent=1)
        try:
            (self._folder / "report.json").write_text(told + "\n", encoding="utf-8")
            (self._folder / "report.html").write_text(page(report), encoding="utf-8")
        except OSError as error:
            self._said = f"not written: {error.filename or self._folder}: {error.strerror}"
            session.exitstatus = exitstatus or pytest.ExitCode.INTERNAL_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Says where."""
        terminalreporter.write_line(f"edgecore: report: {self._said}")

    def _report(self, exit_status: int) -> Report:
        now = datetime.datetime.now(datetime.timezone.utc)
        tests = tuple(self._tests())
        return Report(
            target_spec(self._config),
            seed(self._config),
            repeat_by(self._config),
            shlex.join(["pytest", *map(str, self._config.invocation_params.args)]),
            self._begun.isoformat(timespec="seconds"),
            round((now - self._begun).total_seconds(), 3),
            exit_status,
            _versions(),
            tests,
            tuple(matrix(tests, self._listed)),
        )

    def _tests(self) -> Iterator[TestRun]:
        for key, phases in self._phases.items():
            yield phases.test(_name(*key))
        here = {(entry[0], ""): entry for entry in self.entries}
        for key, (_, wanted, left_out) in (here | self._elsewhere).items():
            if key not in self._phases:
                reason = "deselected" if left_out else "the run ended before its turn"
                yield TestRun(_name(*key), "not run", 0.0, tuple(wanted), reason=reason)


def _name(nodeid: str, worker: str) -> str:
    return f"{nodeid} [{worker}]" if worker else nodeid


def keep_report(config: pytest.Config) -> None:
    """Begins a report where one is asked for; workers of xdist help their controller with it.

    Raises:
        pytest.UsageError: the folder cannot be had, or the requirements cannot be read.
    """
    folder = config.getoption("--edge-report")
    requirements = config.getoption("--edge-requirements")
    if folder is None and requirements is not None:
        raise pytest.UsageError("--edge-requirements: expected --edge-report FOLDER beside it")
    if folder is None:
        return
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(WorkersCollected())
        return
    try:
        listed = {} if requirements is None else read_requirements(Path(requirements))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise pytest.UsageError(f"--edge-requirements: {requirements}: {why}") from None
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # better now than after the last test
            pass
    except OSError as error:
        raise pytest.UsageError(f"--edge-report: {folder}: {error.strerror}") from None
    config.pluginmanager.register(ReportKeeper(config, Path(folder).resolve(), listed), _NAME)


def _outcome(report: pytest.TestReport) -> Outcome | None:
    """What one phase says of its test; None: nothing yet, or that it is tried again."""
    if report.failed:
        return "failed" if report.when == "call" else "error"
    if hasattr(report, "wasxfail") and report.when == "call":
        return "xfailed" if report.skipped else "xpassed"
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    return "passed" if report.passed and report.when == "call" else None


def _text(report: pytest.TestReport | pytest.CollectReport) -> str:
    parts = [report.longreprtext]
    parts += [f"---- {title} ----\n{content}" for title, content in report.sections]
    return "\n\n".join(part for part in parts if part)


def _last_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    """What was raised, or where there is no exception of a test the end of what is told."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else report.longreprtext
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0 if crash is not None else -1].strip() if lines else ""


def _skip_reason(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail)
    told = report.longrepr
    text = str(told[2]) if isinstance(told, tuple) else report.longreprtext
    return text.removeprefix("Skipped: ")


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        ours = version("edgecore")
    except PackageNotFoundError:  # a checkout on the path alone
        ours = "not installed"
    return {
        "edgecore": ours,
        "pytest": pytest.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
