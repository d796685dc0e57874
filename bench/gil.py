"""How much of the time the GIL is free for other threads while a call runs."""

from __future__ import annotations

import ctypes
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

MEAN_NAP_NS = 500_000


def build_nap(folder: Path) -> Callable[[int], int]:
    """`nap` of gil_nap.c, compiled into `folder`."""
    library = folder / "gil_nap.so"
    source = Path(__file__).with_name("gil_nap.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    nap = ctypes.CDLL(str(library)).nap
    nap.argtypes, nap.restype = (ctypes.c_long,), ctypes.c_long
    return nap


def percent_free(nap: Callable[[int], int], call: Callable[[], object], seconds: float) -> float:
    """Of the moments at which another thread asked for the GIL, how many found it free.

    The other thread sleeps for exponentially distributed times, so that it samples every moment of
    `call` alike, and makes nobody give the GIL up. Found free is what it had without blocking, so
    that a busy machine, which delays it too, changes nothing.
    """
    held: list[bool] = []
    ended = threading.Event()
    chance = random.Random(5)

    def ask() -> None:
        while not ended.is_set():
            blocked = nap(int(chance.expovariate(1 / MEAN_NAP_NS)))
            held.append(resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw > blocked)

    other = threading.Thread(target=ask)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)
    try:
        call()
        other.start()
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            call()
        asked = list(held)
    finally:
        sys.setswitchinterval(interval)
        ended.set()
        other.join()
    return 100.0 * asked.count(False) / max(1, len(asked))
