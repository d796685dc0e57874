"""`edgecore bench`: how quick the kernels and a model are on this device."""

from __future__ import annotations

import datetime
import json as notation
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecore.errors import ConfigError, EngineError

from .progress import progress_bar

if TYPE_CHECKING:
    from edgecore.benchmark.suite import Result

EXAMPLES = """
[bold]Examples[/]

edgecore bench

edgecore bench --only heads --seconds 2

edgecore bench --model yolov8n.tflite --json bench.json --plot bench.png
"""
PARTS = ("preprocess", "NMS", "heads", "detection")


def bench(
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", "-m", help="TFLite file; default: the embedded road model.", metavar="FILE"
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(PARTS)}; may be given again.", metavar="PART"),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Keep the results here.", metavar="FILE")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw them here.", metavar="PNG")] = None,
    seconds: Annotated[
        float, typer.Option(min=0.01, max=60, metavar="S", help="About how long for each row.")
    ] = 0.5,
    engine: Annotated[str, typer.Option(metavar="NAME", help="auto, litert or tflite.")] = "auto",
    num_threads: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Of the engine.")
    ] = 1,
) -> None:
    """Measure preprocessing, suppression and heads on every instruction set, and a model.

    Kernels run pinned to one core, on seeded input, in turns; times are medians of processor time.
    Cold frames come from memory, hot ones from cache. The model runs unpinned, by the wall's clock.
    """
    chosen = _chosen(only)
    if engine not in {"auto", "litert", "tflite"}:
        raise ConfigError(f"--engine: expected auto, litert or tflite, got {engine!r}")
    for option, path in (("--json", json), ("--plot", plot)):
        if path is not None and not path.absolute().parent.is_dir():
            raise ConfigError(f"{option}: {path.parent}: no such folder")
    results = _measure(chosen, model, engine, num_threads, seconds)
    _print(results)
    document = _document(results)
    if json is not None:
        json.write_text(notation.dumps(document, indent=1) + "\n")
        print(f"results: {json}", file=sys.stderr)
    if plot is not None:
        from edgecore.benchmark.plot import draw

        draw(results, f"edgecore on {document['machine']}, {document['date']}").save(plot, "PNG")
        print(f"plot: {plot}", file=sys.stderr)


def _chosen(only: list[str] | None) -> list[str]:
    for part in only or []:
        if part not in PARTS:
            raise ConfigError(f"--only: expected one of {', '.join(PARTS)}, got {part!r}")
    return only or list(PARTS)


def _measure(
    chosen: list[str], model: Path | None, engine: str, num_threads: int, seconds: float
) -> list[Result]:
    from edgecore.benchmark import suite

    jobs = [job for job in suite.jobs() if job.group in chosen]
    results: list[Result] = []
    with progress_bar() as progress:
        bar = progress.add_task("", total=len(jobs) + 1 + ("detection" in chosen))
        if "detection" in chosen:
            progress.update(bar, description="model")
            try:
                results += suite.detection(model, engine, num_threads, seconds)
            except EngineError as reason:
                if model is not None:
                    raise
                progress.console.print(f"edgecore: detection is left out: {reason}", markup=False)
            progress.advance(bar)
        with _one_core():
            for job in jobs:
                progress.update(bar, description=f"{job.group}: {job.name}")
                results += job.run(seconds)
                progress.advance(bar)
            results += suite.yardsticks(seconds)
    places = [*PARTS, "yardsticks"]
    return sorted(results, key=lambda result: places.index(result.group))


@contextmanager
def _one_core() -> Iterator[None]:
    """The last core this process may use, while the block lasts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _document(results: list[Result]) -> dict[str, Any]:
    import platform

    from edgecore import isa
    from edgecore.benchmark.machine import cpu_flags, machine

    return {
        "machine": machine(),
        "cpu_flags": cpu_flags(),
        "instruction_sets": list(isa.available()),
        "edgecore": _version(),
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "results": [result._asdict() for result in results],
    }


def _version() -> str:
    """Of the installed package; a checkout on the path alone has none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("edgecore")
    except PackageNotFoundError:
        return "not installed"


def _print(results: list[Result]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from edgecore.benchmark.machine import cpu_flags, machine
    from edgecore.benchmark.plot import time_text

    console = Console()
    console.print(f"{machine()} ({', '.join(cpu_flags())}), medians", highlight=False)
    for group in dict.fromkeys(result.group for result in results):
        rows = [result for result in results if result.group == group]
        variants = list(dict.fromkeys(row.variant for row in rows))
        table = Table(box=box.SIMPLE_HEAD, title=group, title_justify="left")
        table.add_column("", overflow="fold", min_width=40)
        for variant in variants:
            table.add_column("" if group == "yardsticks" else variant, justify="right")
        for job in dict.fromkeys(row.job for row in rows):
            cells = {row.variant: row for row in rows if row.job == job}
            texts = []
            for variant in variants:
                row = cells.get(variant)
                texts.append(Text("-", "dim") if row is None else Text(time_text(row.median_us)))
            table.add_row(job, *texts)
        console.print(table)
