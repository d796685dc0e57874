"""Which instruction set the native kernels run on. Results do not depend on it, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgecore import _native

__all__ = ["active", "available", "pinned"]


def available() -> tuple[str, ...]:
    """Names of the sets this machine can run, best first; the last one is always baseline."""
    return tuple(_native.isa_available())


def active() -> str:
    """The set in use.

    It is the best one, unless the environment variable EDGECORE_FORCE_ISA named another when the
    native module was loaded (an unknown name fails that import), or `pinned` does now.
    """
    return _native.isa_active()


@contextmanager
def pinned(name: str) -> Iterator[None]:
    """Run the whole process on one set while the block lasts; for tests and measurements.

    Args:
        name: one of `available()`.

    Raises:
        ValueError: this machine has no such set.
    """
    if name not in available():
        raise ValueError(f"instruction set must be one of {', '.join(available())}; got {name!r}")
    before = active()
    _native.isa_force(name)
    try:
        yield
    finally:
        _native.isa_force(before)
