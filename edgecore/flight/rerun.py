"""A flight's frames through the pipeline and the detector again."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgecore.errors import FlightError
from edgecore.pipeline import Pipeline, PipelineEvent
from edgecore.sources import Source

from .judging import Seen
from .pixels import sums
from .supply import KeptFrames, SourceFrames, Supply, begins_anew, opened

if TYPE_CHECKING:
    from edgecore.detector import Detector
    from edgecore.frame import Frame

    from .judging import Line

OPTIONS = ("score_threshold", "iou_threshold", "max_detections", "num_threads", "labels")
"""Those of `Detector.from_file` that a flight may set: none of them loads code."""
MISSING_MAX = 10_000
"""So many frames in a row that cannot be had are waited with for one that can."""


class _Again(Source):
    """The frames that can be had of a flight's lines; `passed` has all lines, in their order."""

    def __init__(self, path: Path, lines: Iterable[tuple[int, Line]], supply: Supply) -> None:
        super().__init__()
        self.passed: deque[tuple[int, Line, bool]] = deque()
        self.error: Exception | None = None
        self._path, self._lines = path, iter(lines)
        self._supply = supply

    def __next__(self) -> Frame:
        try:
            for number, line in self._lines:
                frame = self._frame(number, line)
                self.passed.append((number, line, frame is not None))
                if frame is not None:
                    self.label = str(line.get("label"))
                    return frame
                if len(self.passed) > MISSING_MAX:
                    self.error = FlightError(
                        f"{self._path}: line {number}: expected at most {MISSING_MAX} frames in a "
                        "row that cannot be had"
                    )
                    break
        except Exception as error:  # is the caller's, not one of the source
            self.error = error
        raise StopIteration

    def _frame(self, number: int, line: Line) -> Frame | None:
        try:
            return self._supply.frame(line)
        except FlightError as error:
            raise FlightError(f"{self._path}: line {number}: {error}") from None

    def close(self) -> None:
        """Of what gives the frames."""
        self._supply.close()


def rerun(
    path: Path, lines: Iterable[tuple[int, Line]], supply: Supply, detector: Detector
) -> Generator[Seen, None, None]:
    """The lines in their order, with what the detector finds in their frames now.

    Args:
        path: of the flight, for what is wrong with it.
        lines: numbered; read ahead of what is given by a frame or two, on another thread.
        supply: of the frames; closed at the end.
        detector: is used by the pipeline alone meanwhile.

    Raises:
        FlightError: a frame cannot be read or made sense of, or the engine fails on it.
    """
    told: list[PipelineEvent] = []
    again = _Again(path, lines, supply)
    count = 0
    with Pipeline({"flight": again}, detector, on_event=told.append) as pipeline:
        for result in pipeline:
            if result.frame_id != count:
                raise FlightError(f"{path}: frame {count} of the replay: {_reasons(told)}")
            count += 1
            yield from _without_frames(again)
            number, line, _ = again.passed.popleft()
            yield Seen(number, line, result.detections, sums(result.frame))
        if again.error is not None:
            raise again.error
    yield from _without_frames(again)
    if again.passed:
        raise FlightError(f"{path}: frame {count} of the replay: {_reasons(told)}")


def _without_frames(again: _Again) -> Iterator[Seen]:
    while again.passed and not again.passed[0][2]:
        number, line, _ = again.passed.popleft()
        yield Seen(number, line, None, None)


def _reasons(told: list[PipelineEvent]) -> str:
    return "; ".join(dict.fromkeys(event.reason for event in told if event.reason)) or "was lost"


def open_supply(path: Path, header: Line, url: str | None) -> Supply:
    """Where the frames come from: the named source, else that of then, else the flight itself.

    Raises:
        SourceError: the named source cannot be opened.
        FlightError: the source of then was live, and the flight keeps no frames.
    """
    if url is not None:
        opened(url).close()  # what fails here is no fault of the flight, as it were at a frame
        return SourceFrames(url)
    recorded = header.get("url")
    if begins_anew(recorded):
        return SourceFrames(str(recorded))
    try:
        return KeptFrames(path)
    except FlightError as error:
        raise FlightError(
            f"{error}; and its source does not give its frames again: {recorded!r:.80}"
        ) from None


def open_detector(path: Path, header: Line, model: str | None, accelerator: str) -> Detector:
    """The detector of then, as the head of the flight describes it, or one of another model.

    Its accelerator is not taken from the file: a delegate is code.

    Raises:
        FlightError: the head does not describe one, or its model's file is another by now.
        ModelError, EngineError: as `Detector.from_file`.
    """
    from edgecore import Detector

    options, info = header.get("options"), header.get("detector")
    if not isinstance(options, dict) or not isinstance(info, dict):
        raise FlightError(f"{path}: options, detector: expected tables, got {options!r:.80}")
    engine = str(info.get("engine")).partition(" ")[0]  # its version follows
    chosen = model if model is not None else header.get("model_file")
    if chosen is not None and not isinstance(chosen, str):
        raise FlightError(f"{path}: model_file: expected a text or null, got {chosen!r:.80}")
    if model is None:
        _is_that_of_then(path, header, chosen)
    known = {name: options[name] for name in OPTIONS if name in options}
    try:
        return Detector.from_file(chosen, engine=engine, accelerator=accelerator, **known)
    except (TypeError, ValueError) as error:
        raise FlightError(f"{path}: options: {error}") from None


def _is_that_of_then(path: Path, header: Line, model: str | None) -> None:
    from edgecore.model import embedded

    file = embedded() if model is None else Path(model)
    expected = header.get("model_sha256")
    if expected is None or not file.is_file():  # what is not there is told of by its reader
        return
    came = hashlib.sha256(file.read_bytes()).hexdigest()
    if came != expected:
        raise FlightError(
            f"{path}: expected {file} to have the SHA-256 {expected!r:.80}, got {came}; "
            "name it with --model to run it all the same"
        )
