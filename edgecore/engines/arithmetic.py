"""Keeps the process's arithmetic through the import of native code that changes it.

A library linked with GCC's -ffast-math tells the processor to flush subnormal numbers to zero as it
is loaded; tflite-runtime's for 64-bit ARM is one. That would hold for all that the importing thread
computes from then on, in every thread that it starts, and NumPy warns of it.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_ENVIRONMENT_SIZE = 256
"""Bytes; C's fenv_t has at most 32 on the processors that there are."""


@contextmanager
def kept() -> Iterator[None]:
    """The thread computes after the block as it did before: rounding, traps, subnormal numbers."""
    libm = ctypes.CDLL(None)
    environment = ctypes.create_string_buffer(_ENVIRONMENT_SIZE)
    libm.fegetenv(environment)
    try:
        yield
    finally:
        libm.fesetenv(environment)
