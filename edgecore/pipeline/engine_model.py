"""A detector as a pipeline uses it: whole or in stages, its input buffers, state by source."""

from __future__ import annotations

import threading
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .feed import Feed

if TYPE_CHECKING:
    from edgecore.detections import Detections
    from edgecore.frame import Frame

    from .swap import Swap


class Detects(Protocol):
    """The least that a pipeline asks of a detector."""

    def detect(self, frame: Frame) -> Detections:
        """What is in the frame. TypeError or ValueError say that the frame is of no use."""
        ...


@runtime_checkable
class DetectsInStages(Protocol):
    """A detector whose preprocessing may run beside it, and whose state may be kept for it."""

    def prepare(self, frame: Frame, out: Any = None) -> Any:
        """See `Detector.prepare`."""
        ...

    def detect(self, frame: Frame, *, prepared: Any = None, state: Any = None) -> Detections:
        """See `Detector.detect`."""
        ...

    def new_state(self) -> Any:
        """See `Detector.new_state`."""
        ...


class EngineModel:
    """One model of one engine.

    Args:
        name: of the model in the pipeline; None is the usual one.
        detector: runs it.

    Attributes:
        owned: the pipeline has loaded it, and closes it.
        in_stages: whether its input may be prepared beside it.
        recurrent: whether a source's frames have to meet it one by one, in their order.
        swap: judges it while it is on trial; None where it is not.
        withdrawn: another has taken its place for good; frames made ready for it go there.
    """

    def __init__(self, name: str | None, detector: Detects | DetectsInStages) -> None:
        self.name = name
        self._detector = detector
        self.in_stages = isinstance(detector, DetectsInStages)
        self.recurrent = isinstance(detector, DetectsInStages) and bool(detector.new_state())
        self.owned = False
        self.swap: Swap | None = None
        self.withdrawn = False
        self._free: list[Any] = []
        self._taken_ms: deque[float] = deque(maxlen=500)
        self._running, self._noting = threading.Lock(), threading.Lock()

    def prepare(self, frame: Frame) -> tuple[Any, float]:
        """The model's input of a frame, in a buffer of its own, and what that took in ms."""
        assert isinstance(self._detector, DetectsInStages)
        started = perf_counter()
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = None
        tensor = self._detector.prepare(frame, buffer)
        return tensor, (perf_counter() - started) * 1e3

    def release(self, tensor: Any) -> None:
        """Give a buffer back, from any thread."""
        if tensor is not None:
            self._free.append(tensor)

    def drop_buffers(self) -> None:
        """Nothing is prepared any more."""
        self._free.clear()

    def note(self, taken_ms: float) -> None:
        """A frame was prepared, invoked and decoded in so many ms."""
        with self._noting:
            self._taken_ms.append(taken_ms)

    def taken_ms(self) -> list[float]:
        """Of the last 500 frames at most."""
        with self._noting:
            return list(self._taken_ms)

    def close(self) -> None:
        """Let go of what it holds, once the frame it is at is finished."""
        with self._running:
            close(self._detector)

    def detect(self, feed: Feed, frame: Frame, tensor: Any) -> Detections:
        """What is in a frame of `feed`, whose state goes on from the frame before.

        A source that was run by another model since begins with a state that has seen nothing.
        """
        with self._running:
            return self._detect(feed, frame, tensor)

    def _detect(self, feed: Feed, frame: Frame, tensor: Any) -> Detections:
        detector = self._detector
        if not self.in_stages:
            return detector.detect(frame)
        assert isinstance(detector, DetectsInStages)
        state = None
        if self.recurrent:
            if feed.state is None or feed.state[0] is not self:
                feed.state = (self, detector.new_state())
            state = feed.state[1]
        else:
            feed.state = None
        return detector.detect(frame, prepared=tensor, state=state)


def close(detector: Detects | DetectsInStages) -> None:
    """Close a detector that can be closed."""
    ending = getattr(detector, "close", None)
    if ending is not None:
        ending()
