"""Accelerators behind an external delegate: a library that takes operators from the interpreter."""

from collections.abc import Callable
from typing import Any

from edgecore.engines import edgetpu
from edgecore.engines.accelerator import (
    ABI,
    EDGETPU_LIBRARY,
    FAILED,
    Accelerator,
    check_library,
    reason_of,
)

_ENTRY_POINTS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")


def load(wanted: Accelerator, load_delegate: Callable[..., Any]) -> Any:
    """The delegate, made by the engine's own `load_delegate`.

    Raises:
        AcceleratorError: it cannot be had, with the reason.
    """
    library = check_library(wanted, wanted.name)
    missing = [name for name in _ENTRY_POINTS if not hasattr(library, name)]
    if missing:
        raise wanted.refuse(ABI, f"{wanted.name} is no delegate library: no {missing[0]}")
    try:
        return load_delegate(wanted.name, wanted.options)
    except (ValueError, RuntimeError) as error:
        text = str(error)
        reason = reason_of(text, FAILED)
        if wanted.name == EDGETPU_LIBRARY:
            reason, found = edgetpu.state(otherwise=reason)
            text = f"{found}: {text}"
        raise wanted.refuse(reason, text) from error


def takes_part(interpreter: Any) -> bool:
    """Whether the delegate took an operator; asked before the interpreter allocates its tensors.

    One that takes none is no error to the interpreter, which then runs all on the CPU: an Edge TPU
    does so with a model that was not compiled for it.
    """
    return any(each["op_name"] == "DELEGATE" for each in interpreter._get_ops_details())
