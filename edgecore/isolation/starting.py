"""Children are started by one thread that stays: they die with the thread that started them.

PR_SET_PDEATHSIG, by which a child does not outlive its parent, is of the parent's thread, not of
its process: a detector that was made on a thread of its own would lose its child with that thread.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeAlias

Child: TypeAlias = "subprocess.Popen[bytes]"

_orders: SimpleQueue[tuple[Callable[[], Child], Future[Child]]] = SimpleQueue()
_left: list[Child] = []
_lock = threading.Lock()
_thread: threading.Thread | None = None


def start(command: Sequence[str], **options: Any) -> Child:
    """A child that lives until it ends, is killed, or this process ends.

    Args:
        command, **options: as `subprocess.Popen` takes them.

    Raises:
        OSError: it cannot be started.
    """
    global _thread
    with _lock:
        _left[:] = [child for child in _left if child.poll() is None]
        if _thread is None or not _thread.is_alive():  # a forked process has no threads but one
            _thread = threading.Thread(target=_run, name="edgecore-children", daemon=True)
            _thread.start()
    started: Future[Child] = Future()
    _orders.put((lambda: subprocess.Popen(command, **options), started))
    return started.result()


def leave(child: Child) -> None:
    """It was killed and has not ended; whether it has is looked at as others are started."""
    with _lock:
        _left.append(child)


def _run() -> None:
    while True:
        make, started = _orders.get()
        try:
            started.set_result(make())
        except BaseException as error:  # the caller's to raise
            started.set_exception(error)
        del make, started
