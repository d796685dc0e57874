"""One table per workload: implementation, median, ratio to edgecore's, error."""

from __future__ import annotations

import datetime
import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Row:
    """What one implementation took for one workload."""

    workload: str
    implementation: str
    median_us: float
    iqr_us: float
    rounds: int
    facts: dict[str, float | str] = field(default_factory=dict)


def pin_to_one_core() -> int:
    """Bind this process to the last core it may use, and say which."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def machine() -> str:
    """The processor's own name, or the architecture where it has none."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def table(rows: list[Row]) -> list[str]:
    """The rows as lines of text, one block a workload, edgecore first."""
    lines: list[str] = []
    for workload in dict.fromkeys(row.workload for row in rows):
        block = [row for row in rows if row.workload == workload]
        ours = next((row for row in block if row.implementation == "edgecore"), None)
        block.sort(key=lambda row: (row is not ours, row.median_us))
        lines += ["", workload]
        for row in block:
            ratio = f"{row.median_us / ours.median_us:8.1f} x" if ours else " " * 10
            facts = "  ".join(f"{name} {value}" for name, value in row.facts.items())
            lines.append(f"  {row.implementation:<16}{row.median_us:12.1f} us{ratio}   {facts}")
    return lines


def write_reference(rows: list[Row], path: Path) -> None:
    """Keep a run: machine, date and every row, as JSON."""
    run = {
        "machine": machine(),
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "rows": [asdict(row) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run, indent=1) + "\n")
