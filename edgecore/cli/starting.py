"""Start-up without Python's collector: what is imported and built then is there to stay."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """No collection until `started`, or until the block ends."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def started() -> None:
    """Collections begin, and leave out what is there by now: no frame waits for those objects."""
    gc.freeze()
    gc.enable()
