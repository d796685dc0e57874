"""What `edgecore bench --compare` says of results that were kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgecore.errors import ConfigError

from .keeping import writing
from .printable import printable

if TYPE_CHECKING:
    from edgecore.benchmark.comparison import Accuracy, Comparison, Run

STYLES = {"quicker": "green", "slower": "red", "same": "dim"}


def compare_kept(files: Sequence[Path], html: Path | None) -> None:
    """Print what changed between two runs, and write a page of all files.

    Raises:
        ConfigError: not two runs and no page wanted, or a file that keeps no results.
    """
    from edgecore.benchmark.comparison import Run, compare, load

    loaded = [load(file) for file in files]
    kept = [(file, one) for file, one in zip(files, loaded, strict=True) if isinstance(one, Run)]
    names = [run.name for _, run in kept]
    runs = [  # monday/bench.json and friday/bench.json are told apart by their folders
        run if names.count(run.name) == 1 else run._replace(name=str(file.with_suffix("")))
        for file, run in kept
    ]
    judged = [(file, one) for file, one in zip(files, loaded, strict=True) if isinstance(one, list)]
    models = [  # of each board its own times
        row if len(judged) == 1 else row._replace(model=f"{row.model}, {file.stem}")
        for file, one in judged
        for row in one
    ]
    if (html is None and len(runs) != 2) or not files:
        raise ConfigError(
            f"--compare: expected two files of `edgecore bench --json`, or --html for any number; "
            f"got {len(runs)}"
        )
    if len(runs) == 2:
        _print(runs[0], runs[1], compare(*runs))
    if html is not None:
        write_page(html, runs, models)


def write_page(path: Path, runs: Sequence[Run], models: Sequence[Accuracy]) -> None:
    """The page, and where it lies on stderr."""
    from edgecore.benchmark.page import page

    with writing("--html", path):
        path.write_text(page(runs, models), encoding="utf-8")
    print(f"page: {path}", file=sys.stderr)


def _print(before: Run, after: Run, comparison: Comparison) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from edgecore.benchmark.plot import time_text

    console = Console()
    for run in (before, after):
        about = f"{run.name}: {run.machine}, edgecore {run.edgecore}, {run.date}"
        console.print(printable(about), highlight=False, markup=False)
    moved = [one for one in comparison.changes if one.verdict != "same"]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("", overflow="fold", min_width=36)
    for column in (before.name, after.name, "ratio"):
        table.add_column(Text(printable(column)), justify="right")
    table.add_column("", no_wrap=True)
    for one in sorted(moved, key=lambda one: one.ratio):
        table.add_row(
            Text(printable(f"{one.before.group}: {one.before.job}, {one.before.variant}")),
            time_text(one.before.median_us),
            time_text(one.after.median_us),
            f"{one.ratio:.2f}",
            Text(one.verdict, STYLES[one.verdict]),
        )
    if moved:
        console.print(table)
    console.print(
        f"{len(comparison.changes) - len(moved)} of {len(comparison.changes)} rows are the same "
        f"within noise; the yardsticks took {comparison.machine_ratio:.2f} times as long",
        highlight=False,
    )
    for title, keys in (("gone", comparison.gone), ("new", comparison.come)):
        if keys:
            groups = ", ".join(sorted({k[0] for k in keys}))
            console.print(printable(f"{title}: {len(keys)} rows, {groups}"), markup=False)
