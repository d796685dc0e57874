"""`edgecore eval`: how accurate models are on annotated pictures, how quick and how large."""

from __future__ import annotations

import json as notation
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecore.cli.accelerator import AcceleratorOption

from .keeping import check_place, writing
from .printable import printable
from .progress import progress_bar

if TYPE_CHECKING:
    from rich.progress import TaskID

    from edgecore.evaluation import Evaluation

EXAMPLES = """
[bold]Examples[/]

edgecore eval --model yolov8n.tflite --coco instances_val2017.json --images val2017

edgecore eval -m small.tflite -m large.tflite --coco labels.json --images photos --json eval.json
"""


def evaluate(
    model: Annotated[
        list[Path],
        typer.Option("--model", "-m", help="TFLite file; may be given again.", metavar="FILE"),
    ],
    coco: Annotated[Path, typer.Option(help="Annotations as JSON in COCO's form.", metavar="FILE")],
    images: Annotated[Path, typer.Option(help="Folder of the pictures.", metavar="DIR")],
    labels: Annotated[
        Path | None,
        typer.Option(help="Text file of class names, for models without.", metavar="FILE"),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Keep the results here.", metavar="FILE")
    ] = None,
    engine: Annotated[str, typer.Option(metavar="NAME", help="auto, litert or tflite.")] = "auto",
    accelerator: AcceleratorOption = "cpu",
    num_threads: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Of the engine.")
    ] = 1,
) -> None:
    """Print a table of model, COCO mAP, milliseconds a picture and megabytes.

    Precision is judged at every confidence from 0.001, after suppression at IoU 0.7. Classes are
    matched by name; those that a model does not name do not count and are listed.
    """
    from edgecore import Detector
    from edgecore.evaluation import IOU_THRESHOLD, SCORE_THRESHOLD
    from edgecore.evaluation import evaluate as judge
    from edgecore.model import read

    check_place("--json", json)
    named = [bool(read(path).labels) for path in model]  # better now than after the first
    found: list[tuple[Path, Evaluation]] = []
    try:
        with progress_bar() as progress:
            for path, has_labels in zip(model, named, strict=True):
                detector = Detector.from_file(
                    path,
                    engine=engine,
                    accelerator=accelerator,
                    num_threads=num_threads,
                    score_threshold=SCORE_THRESHOLD,
                    iou_threshold=IOU_THRESHOLD,
                    labels=None if has_labels else labels,
                )
                bar = progress.add_task(path.name, total=None)

                def advance(done: int, of: int, bar: TaskID = bar) -> None:
                    progress.update(bar, completed=done, total=of)

                found.append((path, judge(detector, coco, images, advance)))
    finally:  # what was judged before something failed took its time
        if found:
            _tell(found, json)


def _tell(found: list[tuple[Path, Evaluation]], json: Path | None) -> None:
    _print(found)
    if json is not None:
        with writing("--json", json):
            json.write_text(notation.dumps([_document(*one) for one in found], indent=1) + "\n")
        print(f"results: {json}", file=sys.stderr)


def _print(found: list[tuple[Path, Evaluation]]) -> None:
    from .figures import Row, console, print_figures

    terminal = console()
    rows = []
    for path, one in found:
        spent = one.timings
        stages_ms = spent.preprocess_ms, spent.invoke_ms, spent.postprocess_ms
        figures = [f"{value:.4f}" for value in one.precision]
        figures += [f"{ms:.2f}" for ms in stages_ms]
        rows.append(Row(path.name, [*figures, f"{_megabytes(path):.2f}"]))
    heads = ("model", "mAP 50-95", "mAP 50", "pre ms", "invoke ms", "post ms", "MB")
    print_figures(terminal, heads, rows)
    for path, one in found:
        said = f"{path.name}: {one.pictures} pictures, {one.boxes} boxes"
        if one.unknown:
            said += f"; not judged, for the model does not name them: {', '.join(one.unknown)}"
        if one.unlisted:
            said += f"; not judged, for their pictures are not listed: {one.unlisted} boxes"
        terminal.print(printable(said), highlight=False, markup=False)


def _document(path: Path, one: Evaluation) -> dict[str, Any]:
    return {
        "model": str(path),
        "megabytes": _megabytes(path),
        "map_50_95": one.precision.map_50_95,
        "map_50": one.precision.map_50,
        "by_class": {name: precision._asdict() for name, precision in one.by_class.items()},
        "pictures": one.pictures,
        "boxes": one.boxes,
        "not_judged": one.unknown,
        "boxes_not_listed": one.unlisted,
        **asdict(one.timings),
    }


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6
