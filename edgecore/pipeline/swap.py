"""A new model on its way into a running pipeline: verified, tested, put in, judged, kept or not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from edgecore.errors import EngineError

from .candidate import Given, ModelFile
from .engine_model import EngineModel
from .events import Kind, PipelineEvent, in_a_line
from .trial import Judge, Trial, Verdict

if TYPE_CHECKING:
    from .self_test import SelfTest

Outcome: TypeAlias = Literal["refused", "confirmed", "rolled_back"]
Models: TypeAlias = "dict[str | None, EngineModel]"


class Swap:
    """One swap, under way on a thread of its own; made by `Pipeline.swap`.

    Args:
        candidate: the new model.
        self_test: what it has to pass before it gets a frame; None: it has to run at all.
        trial: what it has to pass after.
        engines: the models of each engine by name; that under None is replaced.
        tell: gets an event for every step.

    Attributes:
        outcome: refused: it never ran; confirmed: it stays; rolled_back: it ran, and the old
            model is back; None while it is under way.
        reason: of the outcome, in one line.
    """

    def __init__(
        self,
        candidate: ModelFile | Given,
        self_test: SelfTest | None,
        trial: Trial,
        engines: Sequence[Models],
        tell: Callable[[PipelineEvent], None],
    ) -> None:
        self.outcome: Outcome | None = None
        self.reason = ""
        self._name, self._trial = candidate.name, trial
        self._engines, self._tell = engines, tell
        self._old: list[EngineModel] = []
        self._new: list[EngineModel] = []
        self._judge: Judge | None = None
        self._lock = threading.Lock()
        self._announcing = False
        self._kept_back: Verdict | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(candidate, self_test), name="edgecore-swap", daemon=True
        )

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether there is an outcome, within so long."""
        return self._ended.wait(timeout_s)

    def start(self) -> None:
        """Begin; the old model runs on meanwhile."""
        self._thread.start()

    @property
    def is_this_thread(self) -> bool:
        """Whether it calls this itself."""
        return self._thread is threading.current_thread()

    def join(self, timeout_s: float) -> bool:
        """Whether the thread, which after the outcome closes the model that lost, came back."""
        if not self.is_this_thread:
            self._thread.join(timeout_s)
        return self.is_this_thread or not self._thread.is_alive()

    def ran(self, taken_ms: float) -> None:
        """The new model ran a frame."""
        assert self._judge is not None
        with self._lock:
            verdict = self._judge.ran(taken_ms)
            self._obey(verdict)
        self._say(verdict)

    def failed(self, error: str) -> None:
        """It failed on one; where that was one too many, the old model is back at the return."""
        assert self._judge is not None
        with self._lock:
            verdict = self._judge.failed(error)
            self._obey(verdict)
        self._say(verdict)

    def stop(self, why: str) -> None:
        """The pipeline ends: a model that is not confirmed by now is none."""
        with self._lock:
            verdict = self._judge.stop(why) if self._judge is not None else None
            self._obey(verdict)
        self._say(verdict)
        self._refuse(why)
        self._ended.set()  # also where who is told the outcome ends the pipeline by it

    def _run(self, candidate: ModelFile | Given, self_test: SelfTest | None) -> None:
        try:
            self._make_ready(candidate, self_test)
        except (Exception, SystemExit) as error:  # a judge may raise anything
            self._refuse(in_a_line(error))
        self._ended.wait()
        if self.outcome == "confirmed":
            lost = self._old
        else:
            lost = [model for model in self._new if model.owned]
        for model in lost:
            model.close()
        self._old, self._new = [], []

    def _make_ready(self, candidate: ModelFile | Given, self_test: SelfTest | None) -> None:
        candidate.verify()
        self._step("swap_verified", self._name)
        measured = candidate.test(self_test)
        if measured is not None:
            frames = f"{measured.frames} frame{'s'[: measured.frames != 1]}"
            self._step(
                "swap_tested",
                f"{self._name}: {frames}, 99 of 100 within {measured.p99_ms:.1f} ms",
            )
        if self._over():
            return
        self._new = [EngineModel(None, detector) for detector in candidate.load(len(self._engines))]
        for model in self._new:
            model.owned = candidate.owned
        old = [models[None] for models in self._engines]
        self._check(old)
        old_ms = [taken_ms for model in old for taken_ms in model.taken_ms()]
        anew = "; its state begins anew" if self._new[0].recurrent else ""
        with self._lock:
            if self._over():
                return
            self._old, self._judge = old, Judge(self._trial, old_ms)
            for models, model in zip(self._engines, self._new, strict=True):
                model.swap = self
                models[None] = model
            trial = f"on trial for {self._trial.frames} frames{anew}"
            self._announcing = True
        self._tell(PipelineEvent("swapped", f"{self._name}: {trial}"))
        with self._lock:
            self._announcing = False
        self._say(self._kept_back)

    def _check(self, old: Sequence[EngineModel]) -> None:
        """Whether the new model fits the threads that the pipeline was made with."""
        new = self._new[0]
        if new.recurrent and not old[0].recurrent and len(old) > 1:
            raise EngineError(
                f"a recurrent model needs its sources to keep to one engine: expected one engine "
                f"or a recurrent model before it, got {len(old)} engines"
            )

    def _obey(self, verdict: Verdict | None) -> None:
        """Do what it says; the lock is held, so that nobody meets half of it."""
        if verdict is None:
            return
        stay, go = (self._new, self._old) if verdict.stays else (self._old, self._new)
        for models, model in zip(self._engines, stay, strict=True):
            models[None] = model
        for model in self._new:
            model.swap = None
        for model in go:
            model.withdrawn = True
        self.outcome = "confirmed" if verdict.stays else "rolled_back"
        self.reason = f"{self._name}: {verdict.reason}"
        if not verdict.stays and self._old[0].recurrent:
            self.reason += "; the old model's state begins anew"

    def _say(self, verdict: Verdict | None) -> None:
        """Tell it, with the lock free: whoever is told may close the pipeline, or wait.

        While `swapped` is told the trial goes on. A verdict that falls then is told after it.
        """
        if verdict is None:
            return
        with self._lock:
            announcing = self._announcing
            if announcing:
                self._kept_back = verdict
        if not announcing:
            kind: Kind = "swap_confirmed" if verdict.stays else "swap_rolled_back"
            self._tell(PipelineEvent(kind, self.reason))
        self._ended.set()

    def _refuse(self, why: str) -> None:
        with self._lock:
            if self.outcome is not None or self._judge is not None:
                return
            self.outcome, self.reason = "refused", f"{self._name}: {why}"
        self._tell(PipelineEvent("swap_refused", self.reason))
        self._ended.set()

    def _step(self, kind: Kind, reason: str) -> None:
        if not self._over():
            self._tell(PipelineEvent(kind, reason))

    def _over(self) -> bool:
        return self.outcome is not None
