"""`edgecore detect`: what a model sees in pictures and videos."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from edgecore.cli.accelerator import accelerator_option
from edgecore.errors import ConfigError, SourceError

from .command import Argument, Command
from .engine import engine_option
from .float_range import FloatRange
from .progress import progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress

    from edgecore.detections import Detections
    from edgecore.detector import Detector
    from edgecore.frame import Frame
    from edgecore.sources import Source

EXAMPLES = """\b
Examples:
  edgecore detect bus.jpg --model yolov8n.tflite
  edgecore detect photos/ --model yolov8n.tflite --save marked
  edgecore detect "shots/*.png" clip.mp4 --json > found.jsonl
  edgecore detect "synthetic:?duration=5&realtime=0" --save marked
"""


@click.command("detect", cls=Command, epilog=EXAMPLES)
@click.argument(
    "inputs",
    cls=Argument,
    nargs=-1,
    required=True,
    metavar="INPUT...",
    help="Pictures, folders, patterns, videos, ring:, or synthetic:",
)
@click.option(
    "--model", "-m", metavar="FILE", help="TFLite file; default: the embedded road model."
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a frame, a line each, on stdout."
)
@click.option("--save", type=Path, metavar="DIR", help="Folder for annotated pictures and videos.")
@click.option(
    "--score-threshold",
    type=FloatRange(0, 1),
    default=0.25,
    metavar="0..1",
    help="Weaker detections are left out.",
)
@click.option(
    "--iou-threshold",
    type=FloatRange(0, 1),
    default=0.45,
    metavar="0..1",
    help="Boxes of a class that overlap more are one.",
)
@click.option(
    "--max-detections",
    type=click.IntRange(min=1),
    default=300,
    metavar="N",
    help="At most so many a frame.",
)
@click.option("--labels", metavar="FILE", help="Text file of class names, one a line.")
@engine_option
@accelerator_option
@click.option(
    "--num-threads",
    default="1",
    metavar="N",
    help="Of the engine; auto measures what is best.",
)
def detect(
    inputs: tuple[str, ...],
    model: str | None,
    as_json: bool,
    save: Path | None,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
    labels: str | None,
    engine: str,
    accelerator: str,
    num_threads: str,
) -> None:
    """Find objects in pictures, folders of pictures, and videos.

    A damaged picture in a folder is reported and the others go on; the exit status is then 1.
    """
    from edgecore import Detector

    detector = Detector.from_file(
        model,
        engine=engine,
        accelerator=accelerator,
        num_threads=_threads(num_threads),
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
        labels=labels,
    )
    failed = 0
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar())
        for name in inputs:
            failed += _detect_in(name, detector, progress, save, as_json)
    if save is not None:
        print(f"annotated: {save}", file=sys.stderr)
    sys.exit(1 if failed else 0)


def _threads(given: str) -> int | Literal["auto"]:
    if given == "auto":
        return "auto"
    if not given.isdecimal() or not 1 <= int(given) <= 64:
        raise ConfigError(f"--num-threads: expected 1 to 64 or auto, got {given!r}")
    return int(given)


def _detect_in(
    name: str, detector: Detector, progress: Progress, save: Path | None, as_json: bool
) -> int:
    """Go through one input; the number of errors met, each already reported."""
    from edgecore import sources

    failed = 0
    try:
        source = sources.open(name)
    except SourceError as error:
        print(f"edgecore: {error}", file=sys.stderr)
        return 1
    with source, _Saving(save, source) as saving:
        bar = progress.add_task(Path(name).name or name, total=source.length)
        for index, item in enumerate(_frames(source)):
            if isinstance(item, SourceError):
                print(f"edgecore: {item}", file=sys.stderr)
                failed += 1
            else:
                found = detector.detect(item)
                print(
                    _json(source.label, index, item, found)
                    if as_json
                    else _text(source, item, found)
                )
                saving.add(item, found, source.label)
            progress.advance(bar)
        progress.remove_task(bar)
        for note in source.notes:
            print(f"edgecore: {name}: {note}", file=sys.stderr)
    return failed


def _frames(source: Source) -> Iterator[Frame | SourceError]:
    """Frames, and the errors between them."""
    while True:
        try:
            yield next(source)
        except StopIteration:
            return
        except SourceError as error:
            yield error
            if not source.resumable:
                return


class _Saving:
    """Annotated frames of one source, kept in a folder; nothing without a folder."""

    def __init__(self, folder: Path | None, source: Source) -> None:
        from edgecore.agent.recording import PictureRecording, Recording, VideoRecording

        self._recording: Recording | None = None
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"--save: {folder}: cannot be made: {error.strerror}") from None
        stem = Path(source.description.partition(":")[0]).stem or "video"
        self._recording = (
            PictureRecording(folder) if source.resumable else VideoRecording(folder / stem)
        )

    def __enter__(self) -> _Saving:
        return self

    def __exit__(self, *_: object) -> None:
        if self._recording is not None:
            self._recording.close()

    def add(self, frame: Frame, found: Detections, label: str) -> None:
        if self._recording is not None:
            from edgecore.annotate import annotate

            drawn = annotate(frame.to_rgb(), found)
            self._recording.add(drawn, frame.timestamp_ns or 0, label)


def _json(label: str, index: int, frame: Frame, found: Detections) -> str:
    timings = found.timings
    record: dict[str, Any] = {
        "source": label,
        "frame": index,
        "width": frame.width,
        "height": frame.height,
        "detections": [
            {
                "class_id": int(found.class_id[i]),
                "class_name": found.class_name[i],
                "confidence": round(float(found.confidence[i]), 4),
                "xyxy": [round(float(edge), 2) for edge in found.xyxy[i]],
            }
            for i in range(len(found))
        ],
        "truncated": bool(found.truncated),
        "timings": {
            "preprocess_ms": round(timings.preprocess_ms, 4),
            "invoke_ms": round(timings.invoke_ms, 4),
            "postprocess_ms": round(timings.postprocess_ms, 4),
        },
    }
    return json.dumps(record)


def _text(source: Source, frame: Frame, found: Detections) -> str:
    """`bus.jpg  810x1080  person 0.89 0.89 0.39, bus 0.87  21.4 ms`."""
    groups: dict[str, list[str]] = {}
    for name, confidence in zip(found.class_name, found.confidence, strict=True):
        groups.setdefault(name, []).append(f"{confidence:.2f}")
    seen = ", ".join(f"{name} {' '.join(scores)}" for name, scores in groups.items())
    timings = found.timings
    spent = timings.preprocess_ms + timings.invoke_ms + timings.postprocess_ms
    size = f"{frame.width}x{frame.height}"
    return f"{source.label}  {size}  {seen or 'nothing found'}  {spent:.1f} ms"
