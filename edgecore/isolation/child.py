"""The process that runs an engine and may die of it.

python -m edgecore.isolation.child DESCRIPTOR
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING

import numpy as np

from edgecore.errors import EdgecoreError
from edgecore.isolation.wire import (
    KEPT_RINGS,
    TICKET,
    Facts,
    Gone,
    Kind,
    Options,
    beneath,
    facts_message,
    found_message,
    receive,
    send,
    text_message,
)

if TYPE_CHECKING:
    from edgecore.detector import Detector
    from edgecore.ring import Consumer

FRAME_TIMEOUT_S = 1.0
_PR_SET_PDEATHSIG = 1


def main(descriptor: int) -> None:
    """Serve one parent until it hangs up."""
    line = socket.socket(fileno=descriptor)
    _die_with_the_parent()
    with contextlib.suppress(Gone):
        _, body = receive(line, None)
        options: Options = pickle.loads(body)
        ceiling = options.pop("memory_bytes")
        _confine(ceiling)
        try:
            detector = _ready(options)
        except Exception as error:
            send(line, Kind.REFUSED, _reason(error, ceiling))
            return
        facts = Facts(detector.labels, detector.input_size, detector.info)
        send(line, Kind.READY, facts_message(facts))
        _serve(line, detector, ceiling)


def _ready(options: Options) -> Detector:
    """The detector, after a first frame: engines allocate and compile at the first invoke."""
    from edgecore.detector import Detector

    detector = Detector.from_file(options.pop("path"), **options)
    height, width = detector.input_size
    detector.detect(np.full((height, width, 3), 114, np.uint8))
    detector.reset_state()
    return detector


def _serve(line: socket.socket, detector: Detector, ceiling: int | None) -> None:
    rings: dict[str, Consumer] = {}  # the one in use is the last
    while True:
        kind, body = receive(line, None)
        if kind is Kind.RING:
            path = os.fsdecode(body)
            rings[path] = rings.pop(path) if path in rings else _opened(path, rings)
            continue
        (wanted,) = TICKET.unpack(body)
        ring = rings[next(reversed(rings))]
        frame = ring.read(FRAME_TIMEOUT_S)
        try:
            if frame is None or ring.sequence != wanted:
                raise ValueError(f"expected frame {wanted} in the ring, got {ring.sequence}")
            found = detector.detect(frame)
        except Exception as error:
            send(line, Kind.FAILED, _reason(error, ceiling))
        else:
            send(line, Kind.FOUND, found_message(found))
        del frame


def _opened(path: str, rings: dict[str, Consumer]) -> Consumer:
    from edgecore.ring import Consumer

    if len(rings) == KEPT_RINGS:
        rings.pop(next(iter(rings))).close()
    return Consumer(path)


def _reason(error: Exception, ceiling: int | None) -> bytes:
    """What the parent is told.

    Too little memory has many faces: an engine refuses the model, the parser finds the syntax of a
    module wrong, a folder cannot be listed. So beneath a ceiling nothing is told without it.

    Raises:
        `error`, if nothing foresaw it and no ceiling explains it.
    """
    if isinstance(error, (EdgecoreError, TypeError, ValueError)):
        return text_message(error, beneath(ceiling))
    if ceiling is None and not isinstance(error, MemoryError):
        raise error
    most = "the machine's memory" if ceiling is None else f"its ceiling of {ceiling} bytes"
    return text_message(MemoryError(f"the engine's process needs more than {most}"))


def _die_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer


def _confine(memory_bytes: int | None) -> None:
    """No core dump; out of memory means this process, not the parent."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")


if __name__ == "__main__":
    main(int(sys.argv[1]))
