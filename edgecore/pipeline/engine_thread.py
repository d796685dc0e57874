"""One engine's threads: one invokes and post-processes; a second one may prepare the next frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgecore.errors import EngineError, SourceError

from .delivery import Delivery
from .events import PipelineEvent, in_a_line
from .feed import Captured
from .overlap import OverlapProbe
from .result import Dropped, Result, StageTimes
from .schedule import Lane, Prepared, Schedule

if TYPE_CHECKING:
    from edgecore.detections import Detections

    from .engine_model import EngineModel

FAILURES_IN_A_ROW = 3
"""An engine that failed on so many frames, one after the other, is not used any more."""


@dataclass(frozen=True)
class Surroundings:
    """What the threads of all engines share.

    Attributes:
        model: gives the name of the model to use now.
        told: gets events.
        broke: is told an error that ends the pipeline.
        left: is told when an engine has no more to do.
    """

    schedule: Schedule
    delivery: Delivery
    model: Callable[[], str | None]
    told: Callable[[PipelineEvent], None]
    broke: Callable[[BaseException], None]
    left: Callable[[], None]


class EngineThread:
    """Runs one engine, or whichever of its models is to be used.

    Args:
        lane: its place in the schedule.
        models: by name; None is the usual one.
        overlap: prepare the next frame on a thread of its own, for models in stages; None: if the
            first ones say so.
        around: what it shares with the others.
    """

    def __init__(
        self,
        lane: Lane,
        models: Mapping[str | None, EngineModel],
        overlap: bool | None,
        around: Surroundings,
    ) -> None:
        self._lane = lane
        self._models = models
        self._around = around
        self._failures = 0
        self._counting = threading.Lock()
        self._overlap = overlap
        self._probe = OverlapProbe() if overlap is None else None
        number = lane.number
        self._thread = threading.Thread(
            target=self._run, name=f"edgecore-engine {number}", daemon=True
        )
        self._preparer = threading.Thread(
            target=self._prepare_frames, name=f"edgecore-prepare {number}", daemon=True
        )

    def start(self) -> None:
        """Work from now on."""
        if self._overlap:
            self._preparer.start()
        self._thread.start()

    @property
    def is_this_thread(self) -> bool:
        """Whether one of its threads calls this."""
        return threading.current_thread() in (self._thread, self._preparer)

    def join(self, timeout_s: float) -> bool:
        """Whether its threads came back; a caller that is one of them counts as back."""
        end_s = time.monotonic() + timeout_s
        threads = (self._thread, self._preparer)  # the first may still start the second
        others = [each for each in threads if each is not threading.current_thread()]
        for thread in others:
            if thread.ident is not None:
                thread.join(max(0.0, end_s - time.monotonic()))
        return not any(thread.is_alive() for thread in others)

    def _run(self) -> None:
        try:
            while (work := self._next()) is not None:
                self._finish(work)
        except (Exception, SystemExit) as error:  # what a callback raised
            self._around.broke(error)
        self._around.left()

    def _next(self) -> Prepared | None:
        if self._overlap:
            return self._around.schedule.take_staged(self._lane)
        while (captured := self._around.schedule.take(self._lane)) is not None:
            if self._probe is None:
                return Prepared(captured, self._models[self._around.model()])
            if (prepared := self._prepared(captured)) is not None:
                return prepared
        return None

    def _prepare_frames(self) -> None:
        schedule = self._around.schedule
        try:
            while (captured := schedule.take(self._lane)) is not None:
                if (prepared := self._prepared(captured)) is not None:
                    self._stage(prepared)
        except (Exception, SystemExit) as error:  # what a callback raised
            self._around.broke(error)
        schedule.end(self._lane)

    def _prepared(self, captured: Captured) -> Prepared | None:
        model = self._models[self._around.model()]
        if not model.in_stages:  # since a swap: the engine's thread does it all
            return Prepared(captured, model)
        try:
            tensor, preprocess_ms = model.prepare(captured.frame)
        except Exception as error:
            if judged(model, error):
                return self._prepared(captured)
            self._lose(captured, model, error)
            return None
        return Prepared(captured, model, tensor, preprocess_ms)

    def _stage(self, prepared: Prepared) -> None:
        replaced = self._around.schedule.stage(self._lane, prepared)
        if replaced is not None:
            replaced.model.release(replaced.tensor)
            if replaced.captured.ticket >= 0:
                self._tell_lost(replaced.captured, replaced.captured.dropped)

    def _weigh(self, prepared_ms: float, copied_ms: float) -> None:
        """Settle, once enough frames have told, whether to overlap from now on."""
        assert self._probe is not None
        overlap = self._probe.note(prepared_ms, copied_ms)
        if overlap is None:
            return
        self._probe, self._overlap = None, overlap
        if overlap:
            self._preparer.start()
        else:
            for model in self._models.values():
                model.drop_buffers()

    def _finish(self, work: Prepared) -> None:
        captured, model = work.captured, work.model
        if model.withdrawn:
            model.release(work.tensor)
            self._finish(Prepared(captured, self._models[self._around.model()]))
            return
        begun_ns = time.monotonic_ns()
        try:
            found = model.detect(captured.feed, captured.frame, work.tensor)
        except Exception as error:
            if judged(model, error):
                self._finish(work)
                return
            model.release(work.tensor)
            self._lose(captured, model, error)
        else:
            taken_ms = (time.monotonic_ns() - begun_ns) / 1e6 + work.preprocess_ms
            model.release(work.tensor)
            model.note(taken_ms)
            self._failures = 0
            result = self._result(work, found, begun_ns)
            if (swap := model.swap) is not None:
                swap.ran(taken_ms)
            if self._probe is not None and work.tensor is not None:
                self._weigh(work.preprocess_ms, result.times.preprocess_ms - work.preprocess_ms)
            self._around.delivery.put(captured.feed, captured.ticket, result)

    def _result(self, work: Prepared, found: Detections, begun_ns: int) -> Result:
        captured, timings = work.captured, found.timings
        if work.preprocess_ms:
            preprocess_ms = timings.preprocess_ms + work.preprocess_ms
            timings = found.timings = replace(timings, preprocess_ms=preprocess_ms)
        return Result(
            source=captured.feed.name,
            frame_id=captured.frame_id,
            frame=captured.frame,
            label=captured.label,
            captured_ns=captured.captured_ns,
            born_ns=captured.born_ns,
            detections=found,
            times=StageTimes(
                wait_ms=(begun_ns - captured.arrived_ns) / 1e6 - work.preprocess_ms,
                preprocess_ms=timings.preprocess_ms,
                invoke_ms=timings.invoke_ms,
                postprocess_ms=timings.postprocess_ms,
                age_ms=(time.monotonic_ns() - captured.born_ns) / 1e6,
            ),
            dropped=captured.dropped,
            engine=self._lane.number,
            model=work.model.name,
        )

    def _lose(self, captured: Captured, model: EngineModel, error: Exception) -> None:
        if isinstance(error, TypeError | ValueError) and model.swap is None:
            self._refuse(captured, error)
        else:
            self._fail(captured, model, error)

    def _refuse(self, captured: Captured, error: Exception) -> None:
        """The frame is of no use, and so is a source that can give no other ones."""
        feed = captured.feed
        text = f"{captured.label}: not a frame that can be used: {error}"
        if feed.source.resumable:
            self._around.told(
                PipelineEvent("source_error", text, feed.name, frame_id=captured.frame_id)
            )
        else:
            feed.fail(SourceError(text))
        self._tell_failed(captured)

    def _fail(self, captured: Captured, model: EngineModel, error: Exception) -> None:
        """The engine is to blame, or its new model, whose trial counts by itself."""
        text = in_a_line(error)
        feed, number = captured.feed, self._lane.number
        with self._counting:
            self._failures += model.swap is None
            failures = self._failures
        self._around.told(PipelineEvent("engine_error", text, feed.name, number, captured.frame_id))
        if failures == FAILURES_IN_A_ROW and model.swap is None:
            reason = f"failed on {failures} frames, one after the other: {text}"
            self._around.told(PipelineEvent("engine_failed", reason, engine=number))
            if not self._around.schedule.fail(self._lane):
                self._around.broke(EngineError(f"engine {number}: {reason}"))
        self._tell_failed(captured)

    def _tell_failed(self, captured: Captured) -> None:
        lost = Dropped(failed=1)
        captured.feed.lose(lost)
        self._tell_lost(captured, captured.dropped.plus(lost))

    def _tell_lost(self, captured: Captured, lost: Dropped) -> None:
        self._around.delivery.put(captured.feed, captured.ticket, lost)


def judged(model: EngineModel, error: Exception) -> bool:
    """Whether the model is out of use, this failure counted, and another is to run the frame."""
    if (swap := model.swap) is not None:
        swap.failed(in_a_line(error))
    return model.withdrawn
