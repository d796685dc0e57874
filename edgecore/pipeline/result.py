"""What a pipeline says of one frame, and of those before it that nobody will hear of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from edgecore.detections import Detections
    from edgecore.frame import Frame


class Dropped(NamedTuple):
    """How many frames were dropped, by reason.

    Attributes:
        overwritten: a newer frame of a live source came while all engines were busy.
        governed: the same, while the governor held the source to its frame rate.
        source: the source itself had to skip them: a damaged packet, a frame rendered too late.
        failed: an engine could not run them, or they could not be made into its input.
    """

    overwritten: int = 0
    governed: int = 0
    source: int = 0
    failed: int = 0

    def plus(self, other: Dropped) -> Dropped:
        """Both together."""
        return Dropped(*(one + two for one, two in zip(self, other, strict=True)))


NONE_DROPPED = Dropped()


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Where one frame spent its time, milliseconds.

    Attributes:
        wait_ms: from its arrival to the begin of its invocation, less what was spent on it.
        preprocess_ms: making the model's input of it, wherever that was done.
        invoke_ms: in the engine.
        postprocess_ms: decoding, suppression, back to pixels of the frame.
        age_ms: from its `born_ns` until its result was ready.
    """

    wait_ms: float
    preprocess_ms: float
    invoke_ms: float
    postprocess_ms: float
    age_ms: float


@dataclass(frozen=True, slots=True)
class Result:
    """What was found in one frame of one source.

    Attributes:
        source: the source's name in the pipeline.
        frame_id: counts the frames that this source gave, from 0; one that was dropped has had
            its number too.
        frame: the frame itself, not copied.
        label: where it came from, as the source says it.
        captured_ns: when it was captured, CLOCK_MONOTONIC nanoseconds; its arrival where the
            source does not know.
        born_ns: since when its age counts, on the same clock: the same, but its arrival where the
            source is not live, whose frames were captured on another day.
        detections: boxes in pixels of the frame.
        times: where it spent its time.
        dropped: frames between the result before and this one.
        engine: which of the pipeline's engines ran it, from 0.
        model: name of the smaller model that ran it; None is the usual one.
    """

    source: str
    frame_id: int
    frame: Frame
    label: str
    captured_ns: int
    born_ns: int
    detections: Detections
    times: StageTimes
    dropped: Dropped
    engine: int
    model: str | None
