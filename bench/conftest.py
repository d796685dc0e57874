"""Pins the run to one core, races the implementations of a workload, prints the tables at the end.

pytest-benchmark times one function in a block of its own. Here its function is a whole round, one
turn of every implementation, so noise hits all alike; the turns are timed inside the round, and
--benchmark-json keeps both.
"""

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench import harness
from bench.harness import Row
from edgecore.benchmark.race import Entrant, Race, arithmetic

SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
ROWS = pytest.StashKey[list[Row]]()
PEERS = pytest.StashKey[dict[str, str]]()
ABSENT = pytest.StashKey[dict[str, str]]()

Contest = Callable[..., None]
Keep = Callable[[Row], None]
Load = Callable[..., list[Any]]


def pytest_configure(config: pytest.Config) -> None:
    harness.pin_to_one_core()
    config.stash[ROWS] = []
    config.stash[PEERS] = {}
    config.stash[ABSENT] = {}


@pytest.fixture(scope="session")
def test_data() -> Path:
    folder = os.environ.get("EDGECORE_TEST_DATA")
    if not folder:
        pytest.skip("EDGECORE_TEST_DATA is not set: real models and pictures are not at hand")
    return Path(folder)


@pytest.fixture(scope="session")
def peers(pytestconfig: pytest.Config) -> Load:
    """Peer modules of bench/peers/<folder>, those that can be imported; the others are named."""

    def load(folder: str, *names: str) -> list[Any]:
        modules = []
        for name in names:
            try:
                module = importlib.import_module(f"bench.peers.{folder}.{name}")
            except ImportError as error:
                pytestconfig.stash[ABSENT][name] = str(error).splitlines()[0]
                continue
            pytestconfig.stash[PEERS][module.NAME] = module.VERSION
            modules.append(module)
        return modules

    return load


@pytest.fixture
def all_cores() -> Iterator[None]:
    """Leaves the one core that the suite is pinned to."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture
def contest(benchmark: Any, pytestconfig: pytest.Config) -> Contest:
    """Race the entrants over the inputs and keep a row for each.

    `rows` describe them, by implementation; those without an entrant are kept as they are, as what
    could not run.
    """

    def run(rows: Sequence[Row], entrants: Sequence[Entrant], inputs: Sequence[Any]) -> None:
        workload = rows[0].workload
        race = Race([*entrants, Entrant("arithmetic loop", arithmetic)], inputs, SECONDS)
        benchmark.group = workload
        benchmark.pedantic(race.round, rounds=race.rounds)
        timings = race.timings()
        kept = [*rows, Row(workload, "arithmetic loop", None, role="yardstick")]
        for row in kept:
            if row.implementation in timings:
                timing = timings[row.implementation]
                row.median_us, row.iqr_us = timing.median_us, timing.iqr_us
                row.rounds = timing.turns
        benchmark.extra_info["rows"] = [asdict(row) for row in kept]
        pytestconfig.stash[ROWS].extend(kept)

    return run


@pytest.fixture
def keep(pytestconfig: pytest.Config) -> Keep:
    """Keep a row that was measured in another way."""
    return pytestconfig.stash[ROWS].append


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = [*config.stash[ROWS], *_single_rows(config)]
    say = terminalreporter.write_line
    say(f"\n{harness.machine()} ({', '.join(harness.cpu_flags())}), one core, medians")
    for line in harness.table(rows):
        say(line)
    for name, version in config.stash[PEERS].items():
        say(f"peer {name} {version}")
    for name, reason in config.stash[ABSENT].items():
        say(f"absent: {name}: {reason}")
    say("")
    for line in harness.figures(rows):
        say(line)
    board = os.environ.get("BOARD")
    if board and rows:
        path = Path(__file__).parent / "reference" / f"{board}.json"
        harness.write_reference(rows, config.stash[PEERS], path)
        say(f"kept: {path}")


def _single_rows(config: pytest.Config) -> list[Row]:
    """Of the workloads that leave each implementation to pytest-benchmark by itself."""
    session = getattr(config, "_benchmarksession", None)
    described = ("implementation", "role")
    return [
        Row(
            workload=str(done.group),
            implementation=str(done.extra_info["implementation"]),
            median_us=done.stats.median * 1e6,
            iqr_us=done.stats.iqr * 1e6,
            rounds=done.stats.rounds,
            facts={k: v for k, v in done.extra_info.items() if k not in described},
            role=str(done.extra_info.get("role", "edgecore")),
        )
        for done in (session.benchmarks if session else [])
        if "implementation" in done.extra_info
    ]
