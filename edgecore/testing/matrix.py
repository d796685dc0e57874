"""Requirements, the tests that are to show them, and those that nobody shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal[
    "passed", "failed", "error", "skipped", "xfailed", "xpassed", "not run"
]
Verdict: TypeAlias = Literal["shown", "failed", "not shown", "no test"]


@dataclass(frozen=True)
class TestRun:
    """One test of a run.

    Attributes:
        id: pytest's node id, the worker's name behind it where more than one ran it.
        outcome: its own: "error" is one of the rig, of a fixture, or of collection; "not run": it
            was collected only.
        duration_s: of all its phases.
        requirements: ids that it is to show.
        properties: what it recorded, names and values in their order.
        reason: why it was skipped or had no turn, or the last line of what went wrong.
        text: what pytest has to say of one that went wrong, also before it was tried again.
        latency: series of passages, as `LatencyLab` measured them.
        rig: whether the rig failed in it, which makes it an error.
    """

    __test__ = False
    id: str
    outcome: Outcome
    duration_s: float
    requirements: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    text: str = ""
    latency: tuple[dict[str, object], ...] = ()
    rig: bool = False


@dataclass(frozen=True)
class Requirement:
    """One row of the matrix.

    Attributes:
        id, title: as listed; without a list the title is empty.
        tests: that name it.
        verdict: "failed" when one of them failed, or had an error that is not the rig's; "shown"
            when at least one passed and none failed or met an error of the rig; "not shown" when
            none ran to its end, or the rig kept one from it; "no test" when there is none.
    """

    id: str
    title: str
    tests: tuple[TestRun, ...]
    verdict: Verdict


def matrix(tests: Sequence[TestRun], listed: Mapping[str, str]) -> list[Requirement]:
    """A row for each requirement: those listed first, in their order, then those of tests alone.

    Args:
        tests: of a run.
        listed: titles by id, as of `read_requirements`.
    """
    by_id: dict[str, list[TestRun]] = {name: [] for name in listed}
    for test in tests:
        for name in dict.fromkeys(test.requirements):
            by_id.setdefault(name, []).append(test)
    return [
        Requirement(name, listed.get(name, ""), tuple(shown), _verdict(shown))
        for name, shown in by_id.items()
    ]


def _verdict(tests: Sequence[TestRun]) -> Verdict:
    outcomes = {test.outcome for test in tests if not test.rig}
    if outcomes & {"failed", "error"}:
        return "failed"
    if outcomes & {"passed", "xpassed"} and not any(test.rig for test in tests):
        return "shown"
    return "not shown" if tests else "no test"


def read_requirements(path: Path) -> dict[str, str]:
    """Titles by id, from a file with a requirement a line: its id, with a colon behind it or
    without, blanks or tabs, its title.

    Empty lines and those that begin with # mean nothing.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text, or lists an id twice; the text has the line's number.
    """
    listed: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        name, title = [*line.split(maxsplit=1), "", ""][:2]
        name = name.removesuffix(":")
        if not name or name.startswith("#"):
            continue
        if name in listed:
            raise ValueError(f"line {number}: expected each requirement once, got {name} again")
        listed[name] = title.strip()
    return listed
