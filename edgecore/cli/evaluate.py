"""`edgecore eval`: how accurate models are on annotated pictures, how quick and how large."""

from __future__ import annotations

import json as notation
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edgecore.cli.accelerator import accelerator_option
from edgecore.errors import EdgecoreError

from .engine import engine_option, num_threads_option
from .keeping import Output, check_place, keeping
from .printable import printable
from .progress import progress_bar
from .telling_apart import told_apart

if TYPE_CHECKING:
    from rich.progress import TaskID

    from edgecore.evaluation import Evaluation

EXAMPLES = """\b
Examples:
  edgecore eval --model yolov8n.tflite --coco instances_val2017.json --images val2017
  edgecore eval -m small.tflite -m large.tflite --coco labels.json --images photos --json eval.json
"""

_NAMED = 5
"""So many of the pictures that do not count are named."""


class _Judged(NamedTuple):
    name: str
    path: Path
    evaluation: Evaluation


@click.command("eval", epilog=EXAMPLES)
@click.option(
    "--model",
    "-m",
    "models",
    type=Path,
    multiple=True,
    required=True,
    metavar="FILE",
    help="TFLite file; may be given again.",
)
@click.option(
    "--coco",
    type=Path,
    required=True,
    metavar="FILE",
    help="Annotations as JSON in COCO's form.",
)
@click.option("--images", type=Path, required=True, metavar="DIR", help="Folder of the pictures.")
@click.option(
    "--labels",
    type=Path,
    metavar="FILE",
    help="Text file of class names, one a line, in place of the models' own.",
)
@click.option("--json", type=Path, metavar="FILE", help="Keep the results here.")
@engine_option
@accelerator_option
@num_threads_option
def evaluate(
    models: tuple[Path, ...],
    coco: Path,
    images: Path,
    labels: Path | None,
    json: Path | None,
    engine: str,
    accelerator: str,
    num_threads: int,
) -> None:
    """Print a table of model, COCO mAP, milliseconds a picture and megabytes.

    Precision is judged at every confidence from 0.001, after suppression at IoU 0.7. Classes are
    matched by name; those that a model does not name do not count and are listed. Boxes have to be
    of the upright picture, as it is shown: pictures are turned by their EXIF tag.

    Damaged pictures and models that cannot be judged are reported and the others go on; the exit
    status is then 1.
    """
    from edgecore import Detector
    from edgecore.evaluation import IOU_THRESHOLD, SCORE_THRESHOLD, check
    from edgecore.evaluation import evaluate as judge
    from edgecore.model import read
    from edgecore.model.labels import from_user

    check_place("--json", json)
    classes = from_user(labels) or None
    unfit: list[Path] = []

    def load(path: Path) -> Detector:
        return Detector.from_file(
            path,
            engine=engine,
            accelerator=accelerator,
            num_threads=num_threads,
            score_threshold=SCORE_THRESHOLD,
            iou_threshold=IOU_THRESHOLD,
            labels=classes,
        )

    names = dict(zip(models, told_apart(models), strict=True))
    for path, name in names.items():  # better now than after the first was judged
        with _telling(name, path, unfit):
            read(path, labels=classes)
    fit = [path for path in models if path not in unfit]
    if fit:
        check(coco, images)
    found: list[_Judged] = []
    try:
        with progress_bar() as progress:
            for path in fit:
                bar = progress.add_task(names[path], total=None)

                def advance(done: int, of: int, bar: TaskID = bar) -> None:
                    progress.update(bar, completed=done, total=of)

                with _telling(names[path], path, unfit):
                    one = judge(load(path), coco, images, advance)
                    found.append(_Judged(names[path], path, one))
    finally:  # what was judged before something else failed took its time
        if found:
            _tell(found, json)
    sys.exit(1 if unfit or any(one.evaluation.unjudged for one in found) else 0)


@contextmanager
def _telling(name: str, path: Path, unfit: list[Path]) -> Iterator[None]:
    """An error of the block is told, and the model is one of the unfit."""
    try:
        yield
    except (EdgecoreError, ValueError) as error:
        said = str(error) if str(path) in str(error) else f"{name}: {error}"
        print(f"edgecore: {printable(said)}", file=sys.stderr)
        unfit.append(path)


def _tell(found: list[_Judged], json: Path | None) -> None:
    text = notation.dumps([_document(one) for one in found], indent=1) + "\n"
    with keeping([] if json is None else [Output("--json", json, "results", text.encode)]):
        _complain(found)
        _print(found)


def _complain(found: list[_Judged]) -> None:
    """Of the pictures that do not count; models differ in them hardly ever."""
    for unjudged in dict.fromkeys(one.evaluation.unjudged for one in found):
        for said in unjudged[:_NAMED]:
            print(f"edgecore: {printable(said)}", file=sys.stderr)
        if len(unjudged) > _NAMED:
            print(f"edgecore: and {len(unjudged) - _NAMED} more", file=sys.stderr)


def _print(found: list[_Judged]) -> None:
    from .figures import Row, console, print_figures

    terminal = console()
    rows = []
    for name, path, one in found:
        spent = one.timings
        stages_ms = spent.preprocess_ms, spent.invoke_ms, spent.postprocess_ms
        figures = [f"{value:.4f}" for value in one.precision]
        figures += [f"{ms:.2f}" for ms in stages_ms]
        rows.append(Row(name, [*figures, f"{_megabytes(path):.2f}"]))
    heads = ("model", "mAP 50-95", "mAP 50", "pre ms", "invoke ms", "post ms", "MB")
    print_figures(terminal, heads, rows)
    for name, _, one in found:
        said = f"{name}: {'; '.join(_counted(one))}"
        terminal.print(printable(said), highlight=False, markup=False)


def _counted(one: Evaluation) -> Iterator[str]:
    yield f"{one.pictures} pictures, {one.boxes} boxes" + (
        f", {one.crowds} crowds" if one.crowds else ""
    )
    if one.turned:
        yield f"{one.turned} pictures were turned by their EXIF tag"
    if one.unjudged:
        yield f"not judged, damaged or of another size: {len(one.unjudged)} pictures"
    if one.unknown:
        yield f"not judged, for the model does not name them: {', '.join(one.unknown)}"
    if one.unlisted:
        yield f"not judged, for their pictures are not listed: {one.unlisted} boxes"


def _document(judged: _Judged) -> dict[str, Any]:
    name, path, one = judged
    return {
        "model": str(path),
        "name": name,
        "megabytes": _megabytes(path),
        "map_50_95": one.precision.map_50_95,
        "map_50": one.precision.map_50,
        "by_class": {name: precision._asdict() for name, precision in one.by_class.items()},
        "pictures": one.pictures,
        "boxes": one.boxes,
        "crowds": one.crowds,
        "pictures_turned": one.turned,
        "pictures_not_judged": one.unjudged,
        "not_judged": one.unknown,
        "boxes_not_listed": one.unlisted,
        **asdict(one.timings),
    }


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6
