"""`Pipeline`: sources, engines, schedule and delivery put together."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from edgecore.sources import Source
from firmware_bridge.patience import Patience

from .arguments import opened, sequence_of
from .candidate import Given, ModelFile
from .delivery import Delivery
from .engine_model import Detects, DetectsInStages, EngineModel
from .engine_thread import EngineThread, Surroundings
from .events import PipelineEvent
from .feed import Feed, Tracks
from .governor_thread import GovernorThread
from .result import Dropped, Result
from .schedule import Lane, Schedule
from .swap import Swap
from .trial import Trial

if TYPE_CHECKING:
    from .governor import Governor
    from .self_test import SelfTest

LEFT_BEHIND_S = 2.0
"""A thread that does not come back within so long hangs, or waits for a silent camera."""


class Pipeline:
    """Frames of several sources through one engine or more, results in the order of each source.

    Iterate over it, with `for` or `async for`, or `start` it with a callback. Of a live source the
    newest frame wins, and of any other no frame is lost; engines take the ready frames of all
    sources in turn. It can be run once.

    Args:
        sources: one source, or several by name; a text is opened as `edgecore.sources.open` does.
            A single one has the name "source". The pipeline closes them.
        detectors: one for each engine, with one and the same model. Nothing else may use them.
        on_event: is called with every event, on the thread where it happens.
        governor: lowers frame rate or model by rules; None never does.
        models: smaller models by the names that the governor's steps use, each as `detectors`.
        tracker: makes a tracker for each source, such as `edgecore.Tracker`; None tracks nothing.
        overlap: whether the next frame is prepared while this one is invoked; None: where there
            are more cores than engines, if the first frames tell that it pays.

    Raises:
        TypeError: something else than sources and detectors.
        ValueError: no source, no detector, models of another number than the engines, a step of
            the governor that names no model, or overlap with a detector that has no stages.
        SourceError: a source given as text cannot be opened.
    """

    def __init__(
        self,
        sources: Source | str | Path | Mapping[str, Source | str | Path],
        detectors: Detects | DetectsInStages | Sequence[Detects | DetectsInStages],
        *,
        on_event: Callable[[PipelineEvent], None] = lambda _: None,
        governor: Governor | None = None,
        models: Mapping[str, Detects | DetectsInStages | Sequence[Detects | DetectsInStages]]
        | None = None,
        tracker: Callable[[], Tracks] | None = None,
        overlap: bool | None = None,
    ) -> None:
        usual = sequence_of("detectors", detectors)
        smaller = {name: sequence_of(name, each) for name, each in (models or {}).items()}
        for name, each in smaller.items():
            if len(each) != len(usual):
                raise ValueError(
                    f"models: expected {len(usual)} detectors of {name!r}, one for each engine, "
                    f"got {len(each)}"
                )
        unknown = {step.model for step in governor.steps} - {None, *smaller} if governor else None
        if unknown:
            raise ValueError(
                f"governor: expected steps with models among {sorted(smaller)}, "
                f"got {sorted(map(str, unknown))}"
            )
        self._by_engine: list[dict[str | None, EngineModel]] = [
            {
                None: EngineModel(None, detector),
                **{name: EngineModel(name, each[number]) for name, each in smaller.items()},
            }
            for number, detector in enumerate(usual)
        ]
        every = [model for models in self._by_engine for model in models.values()]
        in_stages = all(model.in_stages for model in every)
        if overlap and not in_stages:
            raise ValueError("overlap: expected detectors with prepare(), got one without")
        if not in_stages or (overlap is None and len(os.sched_getaffinity(0)) <= len(usual)):
            overlap = False
        self._on_event = on_event
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._feeds = [
            Feed(name, source, lock, self._changed, self._told, tracker and tracker())
            for name, source in opened(sources)
        ]
        lanes = [Lane(number) for number in range(len(usual))]
        if any(model.recurrent for model in every):
            for number, feed in enumerate(self._feeds):
                feed.home = number % len(lanes)
        self._schedule = Schedule(self._feeds, lanes, self._changed)
        self._model: str | None = None
        self._governor = (
            GovernorThread(governor, self._apply, self._told) if governor is not None else None
        )
        note_age = self._governor.note_age if self._governor is not None else lambda _: None
        self._delivery = Delivery(self._changed, note_age)
        around = Surroundings(
            schedule=self._schedule,
            delivery=self._delivery,
            model=lambda: self._model,
            told=self._told,
            broke=self._break,
            left=self._leave,
        )
        self._engines = [
            EngineThread(lane, models, overlap, around)
            for lane, models in zip(lanes, self._by_engine, strict=True)
        ]
        self._working = len(self._engines)
        self._swap: Swap | None = None
        self._failure: BaseException | None = None
        self._state = "new"
        self._closing = 0

    @property
    def dropped(self) -> dict[str, Dropped]:
        """Frames dropped so far, by source."""
        with self._changed:
            return {feed.name: feed.total for feed in self._feeds}

    @property
    def failure(self) -> BaseException | None:
        """What ended the pipeline: a callback's error, the last engine's, or the first source's.

        None while it runs, and when all sources simply ended. Its attribute `source` names the
        source it is of.
        """
        if self._failure is not None:
            return self._failure
        with self._changed:
            if not all(feed.ended for feed in self._feeds):
                return None
            return next((feed.failure for feed in self._feeds if feed.failure), None)

    def wait(self, timeout_s: float) -> bool:
        """Whether, within so long, the last result came and was fetched or called back with."""
        return self._delivery.wait(timeout_s)

    def start(self, on_result: Callable[[Result], None] | None = None) -> None:
        """Begin to work.

        Args:
            on_result: is called with each result on the thread of an engine, one at a time; what
                it raises ends the pipeline. None: results are iterated over.

        Raises:
            RuntimeError: it was started or closed before.
        """
        if self._state != "new":
            raise RuntimeError(f"a pipeline is started once; this one is {self._state}")
        self._state = "started"
        self._delivery.on_result = on_result
        if self._governor is not None:
            self._governor.start()
        for feed in self._feeds:
            feed.start()
        for engine in self._engines:
            engine.start()

    def __iter__(self) -> Iterator[Result]:
        """Results until all sources have ended; then what ended one of them early is raised."""
        if self._state == "new":
            self.start()
        while (result := self._delivery.get()) is not None:
            yield result
        self._raise()

    async def __aiter__(self) -> AsyncIterator[Result]:
        """The same, for asyncio."""
        import asyncio  # only those who use it pay for its import

        loop, ready = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(ready.set)

        self._delivery.on_ready = wake
        if self._state == "new":
            self.start()
        while not self._delivery.ended:
            ready.clear()
            while (result := self._delivery.get(wait=False)) is not None:
                yield result
            if not self._delivery.ended:
                await ready.wait()
        self._raise()

    def swap(
        self,
        model: str | Path | Detects | DetectsInStages | Sequence[Detects | DetectsInStages],
        *,
        self_test: SelfTest | None = None,
        trial: Trial | None = None,
        isolated: bool = False,
        **options: Any,
    ) -> Swap:
        """Put a new model in the place of the usual one, without a pause, and watch it.

        The old one runs on until the new one is ready, and is kept ready until the new one has
        passed its trial. Every step is an event. What was replaced for good is closed, where it
        can be, and so is what was loaded of a file and did not stay.

        Args:
            model: a file, verified and tested in a child before it is loaded; or detectors of it,
                one for each engine, which are tested in this process.
            self_test: recorded frames that it has to pass first; None: it has to run at all.
            trial: what it has to keep to afterwards; None: `Trial()`.
            isolated: run a file in a process for each engine (`edgecore.isolation`).
            **options: for a file, as `Detector.from_file` takes them.

        Returns:
            At once; its outcome comes later.

        Raises:
            RuntimeError: the pipeline does not run, or another swap is under way.
            TypeError: something else than files and detectors, or options for detectors.
            ValueError: detectors of another number than the engines.
        """
        candidate: ModelFile | Given
        if isinstance(model, str | Path):
            candidate = ModelFile(model, isolated, options)
        else:
            detectors = sequence_of("model", model)
            if options or isolated:
                raise TypeError(
                    f"swap: expected options with a file only, got {sorted(options) or 'isolated'}"
                )
            if len(detectors) != len(self._engines):
                raise ValueError(
                    f"swap: expected {len(self._engines)} detectors, one for each engine, "
                    f"got {len(detectors)}"
                )
            candidate = Given(detectors)
        swap = Swap(candidate, self_test, trial or Trial(), self._by_engine, self._told)
        with self._changed:
            if self._state != "started" or self._working == 0:
                raise RuntimeError("swap: expected a pipeline that runs, got one that does not")
            if self._swap is not None and not self._swap.wait(0.0):
                raise RuntimeError("swap: expected no other one under way, got a second one")
            self._swap = swap
            swap.start()
        return swap

    def close(self, timeout_s: float = LEFT_BEHIND_S) -> bool:
        """End all work; results that nobody fetched are dropped. A second call does nothing more.

        Args:
            timeout_s: for threads to come back; the others are left behind. One that waits for a
                silent camera closes it when that speaks, or its reading times out.

        Returns:
            Whether all engines came back. Called by a handler while another thread is closing, at
            once whether they had by then: each would wait for the other.
        """
        self._state = "closed"
        self._stop()
        maybe = (*self._engines, *self._feeds, self._governor, self._swap)
        threads = [each for each in maybe if each is not None]
        own = any(each.is_this_thread for each in threads)
        if own and self._swap is not None and self._swap.outcome == "refused":
            threads.remove(self._swap)  # it may still be testing; who closes at the end waits
        with self._changed:
            others, self._closing = self._closing, self._closing + 1
        try:
            patience = Patience(0.0 if own and others else timeout_s)
            came_back = [_came_back(each, patience) for each in threads]
        finally:
            with self._changed:
                self._closing -= 1
        back = all(came_back[: len(self._engines)])
        for models in self._by_engine:
            if back and models[None].owned:
                models[None].close()
        return back

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Pipeline:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import asyncio

        await asyncio.to_thread(self.close)

    def _stop(self) -> None:
        with self._changed:
            for feed in self._feeds:
                feed.close()
        self._schedule.close()
        self._delivery.end(discard=True)
        if self._governor is not None:
            self._governor.stop()
        if self._swap is not None:
            self._swap.stop("the pipeline ended")

    def _raise(self) -> None:
        failure = self.failure
        if failure is not None and self._state != "closed":
            raise failure

    def _told(self, event: PipelineEvent) -> None:
        try:
            self._on_event(event)
        except (Exception, SystemExit) as error:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stop()

    def _leave(self) -> None:
        with self._changed:
            self._working -= 1
            working = self._working
        if working == 0:
            if self._swap is not None:
                self._swap.stop("the pipeline ended")
            self._delivery.end()
            if self._governor is not None:
                self._governor.stop()

    def _apply(self, max_fps: float | None, model: str | None) -> None:
        self._model = model
        with self._changed:
            self._schedule.max_fps = max_fps
            for feed in self._feeds:
                feed.due_ns = 0
            self._changed.notify_all()


def _came_back(thread: EngineThread | Feed | GovernorThread | Swap, patience: Patience) -> bool:
    while not thread.join(slice_s := patience.slice_s()):
        if slice_s == 0.0:
            return False
    return True
