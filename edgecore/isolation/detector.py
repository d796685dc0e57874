"""`IsolatedDetector`: detects in a child process; another one stands by."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecore.detections import Detections
from edgecore.engines import EngineInfo
from edgecore.errors import EdgecoreError, EngineError
from edgecore.frame import Frame
from edgecore.preprocessing import as_frame

from .deadline import Deadline
from .process import Died, Process
from .rings import Rings
from .wire import Kind, Nonsense, found_of, text_of

KEPT_DEATHS = 100


class Death(NamedTuple):
    """How one child ended.

    Attributes:
        reason: in one line.
        monotonic_ns: when it was noticed, CLOCK_MONOTONIC.
        pid: of the child.
    """

    reason: str
    monotonic_ns: int
    pid: int


class IsolatedDetector:
    """A detector whose engine runs in a process of its own: what crashes or hangs is not ours.

    A frame is copied once, into memory that the child may read only (`edgecore.ring`). When the
    child dies, hangs beyond the deadline or answers nonsense, `detect` raises for that frame, which
    is not tried again, and the next one goes to a spare that has loaded the model already. No other
    is begun beside a child that does not end when it is killed, such as one that a driver holds.

    A recurrent model's state is the child's: frames of one source only, and it begins anew with
    each child.

    Args:
        path, **options: as `Detector.from_file` takes them.
        spare: keep a second child ready; without, the next frame waits until one has loaded.
        start_timeout_s: for a child to load its model and run it once.
        first_deadline_s: for an answer, while it is not known how long answers take, and never
            more later; then three times their 99th percentile, or 0.15 s more than it where
            that is less, but at least one and a half times. What the child waits for a processor,
            or this process stands still, does not count until then.
        least_deadline_s: the deadline is never shorter; on a busy machine a healthy process may
            not get a processor for as long as a small model's answers take.
        memory_bytes: the child's heap may not grow beyond; None: no ceiling.
        on_death: is called with each, on the thread that noticed.

    Attributes:
        deaths: the last 100, newest last.

    Raises:
        ModelError, EngineError: the child refused the model, or died of it; with the reason.
        TypeError: an option that cannot be pickled for the child.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        spare: bool = True,
        start_timeout_s: float = 60.0,
        first_deadline_s: float = 5.0,
        least_deadline_s: float = 0.2,
        memory_bytes: int | None = None,
        on_death: Callable[[Death], None] = lambda _: None,
        **options: Any,
    ) -> None:
        self.deaths: deque[Death] = deque(maxlen=KEPT_DEATHS)
        self._options = {"path": path, "memory_bytes": memory_bytes, **options}
        self._wants_spare = spare
        self._start_timeout_s = start_timeout_s
        self._deadline = Deadline(first_deadline_s, least_deadline_s)
        self._on_death = on_death
        self._lock = threading.Lock()
        self._folder = Path(tempfile.mkdtemp(prefix="edgecore-"))
        self._rings = Rings(self._folder)
        self._closed = threading.Event()
        self._process: Process | None = None
        self._spare: Process | None = None
        self._held: Process | None = None
        try:
            self._process = Process(self._options)
            self._spare = Process(self._options) if spare else None
            self._facts = self._process.wait_until_ready(start_timeout_s)
        except Died as death:
            self.close()
            raise EngineError(f"the engine's process {death}") from None
        except (EdgecoreError, TypeError):
            self.close()
            raise

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of each class id; empty where nothing names them."""
        return self._facts.labels

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the model's input, pixels."""
        return self._facts.input_size

    @property
    def info(self) -> EngineInfo:
        """What the first child runs the model on, and why not on what was asked for first."""
        return self._facts.info

    @property
    def pid(self) -> int | None:
        """Of the child that gets the next frame; None where none lives."""
        return self._process.pid if self._process is not None else None

    @property
    def deadline_s(self) -> float:
        """An answer that takes longer is not waited for."""
        return self._deadline.limit_s

    def detect(self, frame: Frame | NDArray[np.uint8]) -> Detections:
        """What the model finds in `frame`; one call at a time, other threads wait.

        Raises:
            TypeError, ValueError: the frame is none that `edgecore.preprocess` takes.
            EngineError: the child died of it or before it, or its engine failed; closed.
        """
        frame = as_frame(frame)
        with self._lock:
            if self._closed.is_set():
                raise EngineError("the isolated detector is closed")
            try:
                return self._answer(frame)
            finally:
                if (
                    self._closed.is_set()
                ):  # meanwhile, by another thread: nothing begun since may stay
                    self.close()

    def close(self) -> None:
        """End the children; a second call does nothing."""
        self._closed.set()
        for process in (self._process, self._spare):
            if process is not None:
                process.end()
        self._process = self._spare = None
        self._rings.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> IsolatedDetector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, frame: Frame) -> Detections:
        process = self._living()
        ring, number = self._rings.share(frame)
        deadline = self._deadline
        try:
            kind, body, taken_s = process.ask(ring, number, deadline.limit_s, deadline.first_s)
            if kind is Kind.FAILED:
                raise EngineError(text_of(body))
            found = found_of(body, self.labels)
        except Died as death:
            raise self._mourn(process, str(death)) from None
        except Nonsense as error:
            process.end()
            raise self._mourn(process, f"answered nonsense: {error}") from None
        deadline.note(taken_s)
        return found

    def _living(self) -> Process:
        """A child that is ready; the spare where the last one died."""
        if self._held is not None and self._held.ended:
            self._held = None
        if self._process is None:
            self._process, self._spare = self._spare or self._begun(), None
        process = self._process
        try:
            process.wait_until_ready(self._start_timeout_s)
        except Died as death:
            raise self._mourn(process, str(death)) from None
        except EdgecoreError:
            self._process = None
            raise
        if self._spare is None and self._wants_spare and self._held is None:
            self._spare = self._begun()
        return process

    def _begun(self) -> Process:
        """Another child; not where each would be held as the last is, and fill the memory."""
        if self._held is not None:
            raise EngineError(
                f"the engine's process {self._held.pid} was killed and has not ended, as if a "
                "driver held it; no other is begun until it has"
            )
        return Process(self._options)

    def _mourn(self, process: Process, reason: str) -> EngineError:
        """Note the death, and what to raise."""
        self._process = None
        if not process.ended:
            self._held = process
        death = Death(reason, time.monotonic_ns(), process.pid)
        self.deaths.append(death)
        self._on_death(death)
        return EngineError(f"the engine's process {reason}; the next frame goes to another")
