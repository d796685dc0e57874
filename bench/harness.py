"""What a run leaves: rows of medians, tables for people, the figures to reach, JSON for a board."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.targets import AMOUNTS, TARGETS, Target
from edgecore.benchmark.machine import cpu_flags, machine


@dataclass
class Row:
    """What one implementation took for one workload.

    `role` is edgecore, peer or yardstick; `accurate` says whether a peer keeps to the bound that
    edgecore keeps, None where there is nothing to tell; `median_us` is None for what did not run.
    """

    workload: str
    implementation: str
    median_us: float | None
    iqr_us: float = 0.0
    rounds: int = 0
    facts: dict[str, float | str] = field(default_factory=dict)
    role: str = "peer"
    accurate: bool | None = None


def pin_to_one_core() -> int:
    """Bind this process to the last core it may use, and say which."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def table(rows: list[Row]) -> list[str]:
    """The rows as lines of text, one block a workload: edgecore, peers by time, yardsticks.

    The ratio is to edgecore's quickest row of the block.
    """
    lines: list[str] = []
    for workload in dict.fromkeys(row.workload for row in rows):
        block = [row for row in rows if row.workload == workload]
        ours = quickest(row for row in block if row.role == "edgecore")
        places = {"edgecore": 0, "peer": 1, "yardstick": 2}
        block.sort(key=lambda row: (places[row.role], row.median_us or 0.0))
        lines += ["", workload]
        for row in block:
            lines.append(_line(row, ours))
    return lines


def _line(row: Row, ours: Row | None) -> str:
    facts = "  ".join(f"{name} {value}" for name, value in row.facts.items())
    if row.median_us is None:
        return f"  {row.implementation:<52}{'-':>12}   {facts}"
    ratio = f"{row.median_us / ours.median_us:8.1f} x" if ours and ours.median_us else " " * 10
    kind = {True: "accurate", False: "fast", None: ""}[row.accurate]
    spread = f"± {row.iqr_us / 2:.1f}"
    return (
        f"  {row.implementation:<52}{row.median_us:12.1f} us {spread:>9}{ratio}  {kind:<9}{facts}"
    )


def quickest(rows: Iterable[Row]) -> Row | None:
    """The row with the smallest median among those that ran."""
    ran = [row for row in rows if row.median_us is not None]
    return min(ran, key=lambda row: row.median_us or 0.0, default=None)


def figures(rows: list[Row]) -> list[str]:
    """`figure | reach | measured` for each target whose workloads were part of the run."""
    met = [(target, _reached(target, rows)) for target in TARGETS]
    shown = [(target, reached) for target, reached in met if reached is not None]
    amounts = _amounts(rows)
    if not shown:
        return amounts
    lines = [f"{'figure':<58}{'reach':>9}{'measured':>12}", "-" * 92]
    for target, (ratio, text) in shown:
        if ratio is None:
            lines.append(f"{target.figure:<58}{target.reach:>7g} x{'-':>12}   {text}")
            continue
        verdict = "" if ratio >= target.reach else "SHORT: "
        lines.append(f"{target.figure:<58}{target.reach:>7g} x{ratio:>10.1f} x   {verdict}{text}")
    return lines + amounts


def _amounts(rows: list[Row]) -> list[str]:
    lines = []
    for target in AMOUNTS:
        for row in rows:
            if (row.workload, row.implementation) != (target.workload, target.implementation):
                continue
            amount = float(row.facts[target.fact])
            reach = f"{'<=' if target.most else '>='} {target.reach:g}"
            verdict = "" if target.met(amount) else "SHORT"
            lines.append(f"{target.figure:<58}{reach:>9}{amount:>12g}   {target.fact}   {verdict}")
    return lines


def _reached(target: Target, rows: list[Row]) -> tuple[float | None, str] | None:
    """The smallest ratio over the target's workloads, and which two rows gave it."""
    found: list[tuple[float, str]] = []
    missing = ""
    run = {row.workload for row in rows}
    for workload in target.workloads:
        if workload not in run:
            continue
        block = [row for row in rows if row.workload == workload]
        ours = quickest(r for r in block if r.role == "edgecore" and target.ours(r.implementation))
        rival = quickest(r for r in block if r.role == "peer" and target.rival(r))
        if ours is None or rival is None:
            missing = f"{workload}: no {'edgecore' if ours is None else target.against} row"
            continue
        assert ours.median_us is not None
        assert rival.median_us is not None
        where = f" at {workload}" if len(target.workloads) > 1 else ""
        text = f"{ours.implementation} beside {rival.implementation}{where}"
        found.append((rival.median_us / ours.median_us, text))
    if found:
        return min(found)
    return (None, missing) if missing else None


def write_reference(rows: list[Row], peers: dict[str, str], path: Path) -> None:
    """Keep a run: machine, date, versions of the peers and every row, as JSON."""
    run = {
        "machine": machine(),
        "cpu_flags": cpu_flags(),
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "peers": peers,
        "figures": figures(rows),
        "rows": [asdict(row) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run, indent=1) + "\n")
