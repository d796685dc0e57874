"""`edgecore bench`: how quick the kernels and a model are on this device."""

from __future__ import annotations

import io
import json as notation
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edgecore.cli.accelerator import accelerators_option
from edgecore.errors import AcceleratorError, ConfigError, EngineError

from .command import Argument, Command
from .comparing import check_no_result, compare_kept, page_of
from .engine import engine_option, num_threads_option
from .figures import Row, console, print_figures
from .float_range import FloatRange
from .keeping import Output, check_places, keeping
from .mlperf_tiny import measure_device
from .printable import printable
from .progress import progress_bar

if TYPE_CHECKING:
    from edgecore.benchmark.result import Result

EXAMPLES = """\b
Examples:
  edgecore bench
  edgecore bench --only heads --seconds 2
  edgecore bench --model yolov8n.tflite --json bench.json --plot bench.png
  edgecore bench --only detection --model small.tflite --model large.tflite
  edgecore bench --only invoke --model yolov8n.tflite --accelerator cpu --accelerator npu
  edgecore bench --compare monday.json friday.json
  edgecore bench --compare pi5.json jetson.json eval.json --html boards.html
  edgecore bench --mlperf-tiny /dev/ttyACM0 --dataset ic01
"""
PASSES = 3
"""Times that everything is measured, one after the other, so that a later load shows as noise."""

SECONDS = 0.5
"""For each row, about."""

MODEL_PARTS = ("detection", "invoke")
PARTS = ("preprocess", "NMS", "heads", "detection", "invoke", "link", "ring")


@click.command("bench", cls=Command, epilog=EXAMPLES)
@click.argument(
    "kept",
    cls=Argument,
    type=Path,
    nargs=-1,
    metavar="[FILE]...",
    help="With --compare: results kept by --json.",
)
@click.option("--compare", is_flag=True, help="Measure nothing; compare the FILEs.")
@click.option(
    "--model",
    "-m",
    "models",
    type=Path,
    multiple=True,
    metavar="FILE",
    help="TFLite file; may be given again; default: the embedded road model.",
)
@click.option(
    "--only", multiple=True, metavar="PART", help=f"{', '.join(PARTS)}; may be given again."
)
@click.option("--json", type=Path, metavar="FILE", help="Keep the results here, or what changed.")
@click.option("--plot", type=Path, metavar="PNG", help="Draw them here.")
@click.option("--html", type=Path, metavar="FILE", help="A page of them, side by side.")
@click.option(
    "--seconds",
    type=FloatRange(0.01, 60),
    metavar="S",
    help=f"About how long for each row; default: {SECONDS:g}, a window of MLPerf Tiny 10.",
)
@engine_option
@accelerators_option
@num_threads_option
@click.option(
    "--mlperf-tiny",
    metavar="URL",
    help="Measure the device there instead, by MLPerf Tiny's commands.",
)
@click.option(
    "--dataset",
    type=Path,
    metavar="DIR",
    help="With --mlperf-tiny: its inputs and y_labels.csv, for accuracy too.",
)
def bench(
    kept: tuple[Path, ...],
    compare: bool,
    models: tuple[Path, ...],
    only: tuple[str, ...],
    json: Path | None,
    plot: Path | None,
    html: Path | None,
    seconds: float | None,
    engine: str,
    accelerators: tuple[str, ...],
    num_threads: int,
    mlperf_tiny: str | None,
    dataset: Path | None,
) -> None:
    """Measure preprocessing, suppression and heads on every instruction set, and a model.

    Kernels run pinned to one core, on seeded input, in turns; times are medians of processor time.
    Cold frames come from memory, hot ones from cache. The model, the link to a simulated device and
    the ring to another process run unpinned, by the wall's clock.
    """
    check_places({"--json": json, "--plot": plot, "--html": html})
    for option, path in (("--plot", plot), ("--html", html)):
        check_no_result(option, path)
    measuring = {
        "--model": models,
        "--only": only,
        "--plot": plot,
        "--engine": engine != "auto",
        "--accelerator": accelerators != ("cpu",),
        "--num-threads": num_threads != 1,
    }
    if mlperf_tiny is not None:
        others = {"files of results": kept, "--compare": compare, "--html": html, **measuring}
        for option in _given(others):
            raise ConfigError(
                f"--mlperf-tiny: expected --dataset, --seconds and --json beside it, got {option}"
            )
        return measure_device(mlperf_tiny, dataset, seconds, json)
    if dataset is not None:
        raise ConfigError("--dataset: expected --mlperf-tiny URL beside it, got none")
    if compare:
        for option in _given({**measuring, "--seconds": seconds}):
            raise ConfigError(f"--compare: expected --json and --html beside it, got {option}")
        check_no_result("--json", json)
        return compare_kept(kept, json, html)
    if kept:
        raise ConfigError(f"expected --compare before files of results, got {kept[0]} without it")
    chosen = _chosen(only)
    asked = _given({key: measuring[key] for key in ("--model", "--engine", "--accelerator")})
    if asked and not set(MODEL_PARTS) & set(chosen):
        raise ConfigError(
            f"{asked[0]}: expected detection or invoke among --only, got {', '.join(chosen)}"
        )
    if num_threads != 1 and "detection" not in chosen:  # invoke is measured on each number of them
        raise ConfigError(
            f"--num-threads: expected detection among --only, got {', '.join(chosen)}"
        )
    subject = _subject(models, engine, accelerators, num_threads)
    results = _measure(chosen, subject, seconds or SECONDS, asked=bool(asked or only))
    with keeping(_outputs(results, subject, seconds or SECONDS, json, plot, html)):
        _print(results)


class _Subject(NamedTuple):
    """What the parts that need a model are to measure, and what with."""

    models: dict[str, Path]
    digests: dict[str, str]
    engine: str
    accelerators: list[str]
    num_threads: int


def _subject(
    given: Sequence[Path], engine: str, accelerators: Sequence[str], num_threads: int
) -> _Subject:
    """Each model by its file's name, or where two have the same, by its path."""
    from edgecore.benchmark.kept import digest
    from edgecore.model import embedded

    names = [path.name for path in dict.fromkeys(given)]
    models = {
        path.name if names.count(path.name) == 1 else str(path): path
        for path in dict.fromkeys(given)
    } or {"embedded model": embedded()}
    digests = {name: digest(path) for name, path in models.items()}
    return _Subject(models, digests, engine, list(dict.fromkeys(accelerators)), num_threads)


def _given(options: Mapping[str, object]) -> list[str]:
    return [option for option, value in options.items() if value]


def _outputs(
    results: list[Result],
    subject: _Subject,
    seconds: float,
    json: Path | None,
    plot: Path | None,
    html: Path | None,
) -> Iterator[Output]:
    from edgecore.benchmark import kept

    document = kept.document(results, seconds, _models(results, subject))

    def picture() -> bytes:
        from edgecore.benchmark.plot import draw

        held = io.BytesIO()
        title = f"edgecore on {document['machine']}, {document['date']}"
        draw(results, title).save(held, "PNG")
        return held.getvalue()

    if json is not None:
        text = notation.dumps(document, indent=1) + "\n"
        yield Output("--json", json, "results", text.encode)
    if plot is not None:
        yield Output("--plot", plot, "plot", picture)
    if html is not None:
        yield page_of(html, [kept.run(document, "this run")], [])


def _models(results: list[Result], subject: _Subject) -> dict[str, Any]:
    """What a run's file holds of them, where any were measured."""
    if not any(result.group in MODEL_PARTS for result in results):
        return {}
    from edgecore import engines

    return {
        "engine": engines.version(engines.choose(subject.engine)),
        "accelerators": subject.accelerators,
        "num_threads": subject.num_threads,
        "models": {name: {"digest": digest} for name, digest in subject.digests.items()},
    }


def _chosen(only: Sequence[str]) -> Sequence[str]:
    for part in only:
        if part not in PARTS:
            raise ConfigError(f"--only: expected one of {', '.join(PARTS)}, got {part!r}")
    return only or PARTS


def _measure(chosen: Sequence[str], subject: _Subject, seconds: float, asked: bool) -> list[Result]:
    """The results of all passes; a model that cannot run is an error where it was asked for."""
    from edgecore.benchmark import link, ring, suite
    from edgecore.benchmark import model as models
    from edgecore.benchmark.result import merged

    seconds /= PASSES
    whole: dict[str, Callable[[], Iterable[Result]]] = {}
    for name, path in subject.models.items():
        for one in subject.accelerators:
            where = f"on {one}" if len(subject.models) == 1 else f"of {name} on {one}"
            what = path, name, subject.engine, one
            whole[f"detection {where}"] = partial(
                models.stages, *what, subject.num_threads, seconds
            )
            whole[f"invoke {where}"] = partial(models.invocations, *what, seconds)
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


def _print(results: list[Result]) -> None:
    from edgecore.benchmark.cold import shortfall
    from edgecore.benchmark.machine import cpu_flags, machine
    from edgecore.benchmark.plot import time_text

    terminal = console()
    about = printable(f"{machine()} ({', '.join(cpu_flags())}), medians")
    terminal.print(about, highlight=False, markup=False)
    if any(result.group == "preprocess" for result in results) and (told := shortfall()):
        terminal.print(told, highlight=False, markup=False)
    for group in dict.fromkeys(result.group for result in results):
        rows = [result for result in results if result.group == group]
        variants = list(dict.fromkeys(row.variant for row in rows))
        times = {(row.job, row.variant): time_text(row.median_us) for row in rows}
        print_figures(
            terminal,
            ["", *("" if variant == "any" else variant for variant in variants)],
            [
                Row(job, [times.get((job, variant), "-") for variant in variants])
                for job in dict.fromkeys(row.job for row in rows)
            ],
            title=group,
        )
