"""`edgecore bench`: how quick the kernels and a model are on this device."""

from __future__ import annotations

import datetime
import json as notation
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecore.cli.accelerator import AcceleratorsOption
from edgecore.errors import AcceleratorError, ConfigError, EngineError

from .comparing import compare_kept, write_page
from .keeping import check_place, writing
from .mlperf_tiny import measure_device
from .printable import printable
from .progress import progress_bar

if TYPE_CHECKING:
    from edgecore.benchmark.result import Result

EXAMPLES = """
[bold]Examples[/]

edgecore bench

edgecore bench --only heads --seconds 2

edgecore bench --model yolov8n.tflite --json bench.json --plot bench.png

edgecore bench --only invoke --model yolov8n.tflite --accelerator cpu --accelerator npu

edgecore bench --compare monday.json friday.json

edgecore bench --compare pi5.json jetson.json eval.json --html boards.html

edgecore bench --mlperf-tiny /dev/ttyACM0 --dataset ic01
"""
PASSES = 3
"""Times that everything is measured, one after the other, so that a later load shows as noise."""

SECONDS = 0.5
"""For each row, about."""

PARTS = ("preprocess", "NMS", "heads", "detection", "invoke", "link", "ring")


def bench(
    kept: Annotated[
        list[Path] | None,
        typer.Argument(help="With --compare: results kept by --json.", metavar="[FILE...]"),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Measure nothing; compare the FILEs.")
    ] = False,
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
    html: Annotated[
        Path | None, typer.Option(help="A page of them, side by side.", metavar="FILE")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=60,
            metavar="S",
            help=f"About how long for each row; default: {SECONDS:g}, a window of MLPerf Tiny 10.",
        ),
    ] = None,
    engine: Annotated[str, typer.Option(metavar="NAME", help="auto, litert or tflite.")] = "auto",
    accelerator: AcceleratorsOption = ["cpu"],  # noqa: B006
    num_threads: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Of the engine.")
    ] = 1,
    mlperf_tiny: Annotated[
        str | None,
        typer.Option(
            help="Measure the device there instead, by MLPerf Tiny's commands.", metavar="URL"
        ),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(
            help="With --mlperf-tiny: its inputs and y_labels.csv, for accuracy too.", metavar="DIR"
        ),
    ] = None,
) -> None:
    """Measure preprocessing, suppression and heads on every instruction set, and a model.

    Kernels run pinned to one core, on seeded input, in turns; times are medians of processor time.
    Cold frames come from memory, hot ones from cache. The model, the link to a simulated device and
    the ring to another process run unpinned, by the wall's clock.
    """
    for option, path in (("--json", json), ("--plot", plot), ("--html", html)):
        check_place(option, path)
    if mlperf_tiny is not None:
        others = {
            "files of results": kept,
            "--compare": compare,
            "--model": model,
            "--only": only,
            "--plot": plot,
            "--html": html,
        }
        for option, given in others.items():
            if given:
                raise ConfigError(
                    f"--mlperf-tiny: expected --dataset, --seconds and --json beside it, "
                    f"got {option}"
                )
        return measure_device(mlperf_tiny, dataset, seconds, json)
    if dataset is not None:
        raise ConfigError("--dataset: expected --mlperf-tiny URL beside it, got none")
    if compare:
        return compare_kept(kept or [], html)
    if kept:
        raise ConfigError(f"expected --compare before files of results, got {kept[0]} without it")
    chosen = _chosen(only)
    if engine not in {"auto", "litert", "tflite"}:
        raise ConfigError(f"--engine: expected auto, litert or tflite, got {engine!r}")
    named = {
        "--model": model,
        "--engine": engine != "auto",
        "--accelerator": accelerator != ["cpu"],
    }
    asked = [option for option, given in named.items() if given]
    if asked and not {"detection", "invoke"} & set(chosen):
        raise ConfigError(
            f"{asked[0]}: expected detection or invoke among --only, got {', '.join(chosen)}"
        )
    results = _measure(
        *(chosen, model, engine, accelerator, num_threads, seconds or SECONDS),
        asked=bool(asked or only),
    )
    _print(results)
    document = _document(results)
    if json is not None:
        with writing("--json", json):
            json.write_text(notation.dumps(document, indent=1) + "\n")
        print(f"results: {json}", file=sys.stderr)
    if plot is not None:
        from edgecore.benchmark.plot import draw

        picture = draw(results, f"edgecore on {document['machine']}, {document['date']}")
        with writing("--plot", plot):
            picture.save(plot, "PNG")
        print(f"plot: {plot}", file=sys.stderr)
    if html is not None:
        from edgecore.benchmark.comparison import Run

        about = str(document["machine"]), str(document["date"]), str(document["edgecore"])
        write_page(html, [Run("this run", *about, {row[:3]: row for row in results})], [])


def _chosen(only: list[str] | None) -> list[str]:
    for part in only or []:
        if part not in PARTS:
            raise ConfigError(f"--only: expected one of {', '.join(PARTS)}, got {part!r}")
    return only or list(PARTS)


def _measure(
    chosen: list[str],
    model: Path | None,
    engine: str,
    accelerators: Sequence[str],
    num_threads: int,
    seconds: float,
    asked: bool,
) -> list[Result]:
    """The results of all passes; a model that cannot run is an error where it was asked for."""
    from edgecore.benchmark import link, ring, suite
    from edgecore.benchmark import model as models
    from edgecore.benchmark.result import merged

    seconds /= PASSES
    whole: dict[str, Callable[[], Iterable[Result]]] = {}
    for one in dict.fromkeys(accelerators):
        whole[f"detection on {one}"] = partial(
            models.stages, model, engine, one, num_threads, seconds
        )
        whole[f"invoke on {one}"] = partial(models.invocations, model, engine, one, seconds)
    whole["link"] = lambda: (*link.codec(seconds), *link.round_trips(seconds))
    whole["ring"] = partial(ring.handovers, seconds)
    whole = {name: measure for name, measure in whole.items() if name.split()[0] in chosen}
    jobs = [job for job in suite.jobs() if job.group in chosen]
    passes: list[list[Result]] = []
    with progress_bar() as progress:
        bar = progress.add_task("", total=PASSES * (len(jobs) + 1 + len(whole)))
        for _ in range(PASSES):
            results: list[Result] = []
            for name, measure in list(whole.items()):
                progress.update(bar, description=name)
                try:
                    results += measure()
                except EngineError as reason:
                    del whole[name]
                    others = any(name.split()[0] == other.split()[0] for other in whole)
                    if asked and not (others and isinstance(reason, AcceleratorError)):
                        raise
                    progress.console.print(f"edgecore: {name} is left out: {reason}", markup=False)
                progress.advance(bar)
            with _one_core():
                for job in jobs:
                    progress.update(bar, description=f"{job.group}: {job.name}")
                    results += job.run(seconds)
                    progress.advance(bar)
                results += suite.yardsticks(seconds)
                progress.advance(bar)
            passes.append(results)
    places = [*PARTS, "yardsticks"]
    return sorted(merged(passes), key=lambda result: places.index(result.group))


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
        table.add_column("", overflow="fold", min_width=30)
        for variant in variants:
            table.add_column("" if variant == "any" else variant, justify="right")
        for job in dict.fromkeys(row.job for row in rows):
            cells = {row.variant: row for row in rows if row.job == job}
            texts = []
            for variant in variants:
                row = cells.get(variant)
                texts.append(Text("-", "dim") if row is None else Text(time_text(row.median_us)))
            table.add_row(Text(printable(job)), *texts)
        console.print(table)
