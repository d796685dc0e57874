"""One child: started, waited for, asked, and ended, with the reason told."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
from functools import partial

from edgecore.errors import EngineError, ModelError

from .patience import Patience, delays_of
from .starting import leave, start
from .wire import (
    TICKET,
    Facts,
    Gone,
    Kind,
    Late,
    Nonsense,
    Options,
    beneath,
    facts_of,
    heard,
    receive,
    send,
    text_of,
)

CHILD = "edgecore.isolation.child"
DYING_S = 1.0
"""A process that hung up, or was killed, is on its way out; its end is seen within so long."""


class Died(Exception):
    """The child is no more, or as good as that; the text says how."""


class Process:
    """A child that loads a model and then answers one frame at a time.

    Args:
        options: pickled for it.

    Raises:
        EngineError: no process can be started.
        TypeError: an option cannot be pickled.
    """

    def __init__(self, options: Options) -> None:
        pickled = _pickled(options)
        self._line, theirs = socket.socketpair()
        where = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        try:
            self._child = start(
                [sys.executable, "-m", CHILD, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": where},
            )
        except OSError as error:
            self._line.close()
            raise EngineError(f"cannot start a process for the engine: {error}") from error
        finally:
            theirs.close()
        self._beneath = beneath(options["memory_bytes"])
        self.facts: Facts | None = None
        self._ring = ""
        with contextlib.suppress(Gone):
            send(self._line, Kind.OPTIONS, pickled)

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._child.pid

    def wait_until_ready(self, timeout_s: float) -> Facts:
        """Its facts, once its model has run.

        Raises:
            ModelError: it refused the model.
            Died: it died or was not ready in time, and was ended.
        """
        if self.facts is None:
            kind, body = self._answer(timeout_s, "loading the model")
            if kind is Kind.REFUSED:
                self.end()
                raise ModelError(text_of(body))
            if kind is not Kind.READY:
                raise self._ended(f"said {kind.name} before it was ready")
            try:
                self.facts = facts_of(body)
            except Nonsense as error:
                raise self._ended(str(error)) from None
        return self.facts

    def ask(
        self, ring: str, sequence: int, timeout_s: float, most_s: float
    ) -> tuple[Kind, bytes, float]:
        """Its answer on the frame of that number in the ring at that path, FOUND or FAILED, and
        what of the time that it took counts.

        It has so long, and what it waits for a processor, up to `most_s`.

        Raises:
            Died: it died, hung or talked nonsense, and was ended.
        """
        try:
            if ring != self._ring:
                send(self._line, Kind.RING, os.fsencode(ring))
                self._ring = ring
            send(self._line, Kind.FRAME, TICKET.pack(sequence))
            patience = Patience(timeout_s, most_s, partial(delays_of, self.pid))
            while not heard(self._line, slice_s := patience.slice_s()):
                if slice_s == 0.0:
                    raise self._hung("on a frame", timeout_s)
        except Gone:
            raise self._ended(None) from None
        kind, body = self._answer(timeout_s, "on a frame")
        if kind not in (Kind.FOUND, Kind.FAILED):
            raise self._ended(f"said {kind.name} where an answer was due")
        return kind, body, patience.waited_s

    @property
    def ended(self) -> bool:
        """Whether the child is no more."""
        return self._child.poll() is not None

    def end(self) -> None:
        """Kill it, if it lives, and let go of what it held; a second call does nothing.

        A child that waits in a driver ends when that lets go, which may be never.
        """
        self._line.close()
        self._child.kill()
        try:
            self._child.wait(DYING_S)
        except subprocess.TimeoutExpired:
            leave(self._child)

    def _answer(self, timeout_s: float, doing: str) -> tuple[Kind, bytes]:
        try:
            return receive(self._line, timeout_s)
        except Late:
            raise self._hung(doing, timeout_s) from None
        except Gone:
            raise self._ended(None) from None
        except Nonsense as error:
            raise self._ended(str(error)) from None

    def _hung(self, doing: str, timeout_s: float) -> Died:
        return self._ended(f"hung {doing} for {timeout_s * 1000:.0f} ms")

    def _ended(self, why: str | None) -> Died:
        """What to raise; `why` None: it ended by itself, and its status says how."""
        if why is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self._child.wait(DYING_S)
                why = f"ended with status {status}" if status >= 0 else _signal_name(-status)
        why = (why or "hung up and lived on") + self._beneath
        self.end()
        return Died(why if self.ended else f"{why}, and does not end when it is killed")


def _pickled(options: Options) -> bytes:
    try:
        return pickle.dumps(options)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise TypeError(f"expected options that can be pickled for a process: {error}") from None


def _signal_name(number: int) -> str:
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"killed by signal {number}"
