"""An engine for a detector: the accelerator that can be had, the threads that are worth it."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from edgecore.engines.accelerator import parse
from edgecore.engines.fallback import first
from edgecore.engines.protocol import Engine, EngineInfo
from edgecore.engines.threads import fastest

_log = logging.getLogger(__name__)


def open_first(
    engine: str,
    choices: Sequence[str],
    num_threads: int | Literal["auto"],
    open_one: Callable[[str, int], Engine],
) -> tuple[Engine, EngineInfo]:
    """The engine on the first of `choices` that can be had, and how that came about.

    Args:
        engine: its name and version.
        choices: accelerators, by falling preference.
        num_threads: of the CPU; "auto" is as many as `threads.fastest` finds, on the CPU and with
            a delegate, whose rest the CPU runs.
        open_one: opens the model on an accelerator with so many threads, its inputs of their
            final shapes.

    Raises:
        ValueError: unknown accelerator, or a number of threads that is none.
        EngineError: none can be had.
    """
    kinds = {choice: parse(choice).kind for choice in choices}
    if num_threads != "auto" and (not isinstance(num_threads, int) or num_threads < 1):
        raise ValueError(f"num_threads must be at least 1 or auto, got {num_threads!r}")
    counts: dict[str, int] = {}
    measured: dict[int, float] = {}

    def open_with_threads(choice: str) -> Engine:
        if num_threads != "auto" or kinds[choice] in ("npu", "gpu"):
            counts[choice] = 1 if num_threads == "auto" else num_threads
            return open_one(choice, counts[choice])
        opened, counts[choice], times = fastest(partial(open_one, choice))
        measured.update(times)
        _log.info("%d threads, of milliseconds an invoke: %s", counts[choice], times)
        return opened

    opened, refused = first(choices, open_with_threads)
    used = opened.accelerator
    return opened, EngineInfo(engine, used, tuple(map(str, refused)), counts[used], measured)
