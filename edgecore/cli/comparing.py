"""What `edgecore bench --compare` says of results that were kept."""

from __future__ import annotations

import json as notation
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgecore.errors import ConfigError

from .figures import Row, console, print_figures
from .keeping import Output, keeping
from .printable import printable
from .telling_apart import told_apart

if TYPE_CHECKING:
    from edgecore.benchmark.comparison import Comparison
    from edgecore.benchmark.kept import Accuracy, Run

STYLES = {"quicker": "green", "slower": "red", "same": "dim"}


def compare_kept(files: Sequence[Path], json: Path | None, html: Path | None) -> None:
    """Print what changed between two runs, and keep it, and a page of all files.

    Raises:
        ConfigError: not two runs and no page wanted, or a file that keeps no results.
    """
    from edgecore.benchmark.comparison import compare, document
    from edgecore.benchmark.kept import Run, load, of_two_contents

    loaded = [load(file) for file in files]
    kept = [(file, one) for file, one in zip(files, loaded, strict=True) if isinstance(one, Run)]
    names = told_apart([file.with_suffix("") for file, _ in kept])
    runs = [run._replace(name=name) for name, (_, run) in zip(names, kept, strict=True)]
    judged = [(file, one) for file, one in zip(files, loaded, strict=True) if isinstance(one, list)]
    models = [  # of each board its own times
        row if len(judged) == 1 else row._replace(model=f"{row.model}, {file.stem}")
        for file, one in judged
        for row in one
    ]
    _check(runs, len(judged), json, html)
    outputs = []
    comparison = compare(*runs) if len(runs) == 2 else None
    if json is not None and comparison is not None:
        text = notation.dumps(document(runs[0], runs[1], comparison), indent=1) + "\n"
        outputs.append(Output("--json", json, "changes", text.encode))
    if html is not None:
        outputs.append(page_of(html, runs, models))
    with keeping(outputs):
        if comparison is not None:
            _print(runs[0], runs[1], comparison)
        for name in of_two_contents(runs):
            said = f"edgecore: {name}: two different models of this name stand side by side"
            print(printable(said), file=sys.stderr)


def _check(runs: Sequence[Run], judged: int, json: Path | None, html: Path | None) -> None:
    got = f"got {len(runs)}" + (f" and {judged} of `edgecore eval --json`" if judged else "")
    if html is None and (len(runs) != 2 or judged):
        raise ConfigError(
            "--compare: expected two files of `edgecore bench --json`, or --html for any number "
            f"of them and of `edgecore eval --json`; {got}"
        )
    if not runs and not judged:
        raise ConfigError("--compare: expected files of results for --html, got none")
    if json is not None and len(runs) != 2:
        raise ConfigError(
            f"--json: expected two files of `edgecore bench --json` to compare, {got}"
        )


def check_no_result(option: str, path: Path | None) -> None:
    """Refuse a place that holds a result, as where the option's own file was left out.

    Raises:
        ConfigError: it holds one.
    """
    from edgecore.benchmark.kept import load

    if path is None or not path.is_file():
        return
    try:
        load(path)
    except ConfigError:
        return
    raise ConfigError(f"{option}: {path}: expected a file to write, got one that holds results")


def page_of(path: Path, runs: Sequence[Run], models: Sequence[Accuracy]) -> Output:
    """The page of the runs and the models."""
    from edgecore.benchmark.page import page

    return Output("--html", path, "page", lambda: page(runs, models).encode())


def _print(before: Run, after: Run, comparison: Comparison) -> None:
    from edgecore.benchmark.comparison import DOUBTFUL
    from edgecore.benchmark.plot import time_text

    terminal = console()
    for run in (before, after):
        engine = f", {run.engine}" if run.engine else ""
        about = f"{run.name}: {run.machine}, edgecore {run.edgecore}{engine}, {run.date}"
        terminal.print(printable(about), highlight=False, markup=False)
    moved = [one for one in comparison.changes if one.verdict != "same"]
    if moved:
        rows = [
            Row(
                f"{one.before.group}: {one.before.job}, {one.before.variant}",
                [
                    time_text(one.before.median_us),
                    time_text(one.after.median_us),
                    f"{one.ratio:.2f}",
                    one.verdict,
                ],
                ["", "", "", STYLES[one.verdict]],
            )
            for one in sorted(moved, key=lambda one: one.ratio)
        ]
        print_figures(terminal, ["", before.name, after.name, "ratio", ""], rows)
    ratio = comparison.machine_ratio
    terminal.print(
        f"{len(comparison.changes) - len(moved)} of {len(comparison.changes)} rows are the same "
        "within noise; "
        + (
            "the runs share no yardsticks"
            if ratio is None
            else f"the yardsticks took {ratio:.2f} times as long"
        ),
        highlight=False,
    )
    for title, keys in (("gone", comparison.gone), ("new", comparison.come)):
        if keys:
            groups = ", ".join(sorted({k[0] for k in keys}))
            terminal.print(printable(f"{title}: {len(keys)} rows, {groups}"), markup=False)
    if comparison.same_machine and comparison.noise > DOUBTFUL:
        print(
            f"edgecore: both runs count as one machine's, yet a yardstick moved "
            f"{comparison.noise:.2f} times: it was busy or throttled, or it is another; no smaller "
            "difference is called one",
            file=sys.stderr,
        )
