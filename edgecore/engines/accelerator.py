"""Accelerators reached through an external delegate library, and why one cannot be had."""

import ctypes
import os
from collections.abc import Callable
from glob import glob
from typing import Any
from urllib.parse import parse_qsl

from edgecore.errors import EngineError

SUPPORTED = "cpu, edgetpu, edgetpu:DEVICE, external:/path.so?key=value"

_EDGETPU_LIBRARY = "libedgetpu.so.1"
_EDGETPU_USB_IDS = {("1a6e", "089a"), ("18d1", "9302")}
_ENTRY_POINTS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")
_ABI_SIGNS = ("invalid ELF header", "wrong ELF class", "undefined symbol", "version `", "too short")


def parse(accelerator: str) -> tuple[str, dict[str, str]] | None:
    """The delegate library and its options that `accelerator` names; None for the CPU.

    Raises:
        ValueError: not one of SUPPORTED.
    """
    kind, _, rest = accelerator.partition(":")
    if accelerator == "cpu":
        return None
    if kind == "edgetpu":
        return _EDGETPU_LIBRARY, {"device": rest} if rest else {}
    if kind == "external" and rest:
        path, _, query = rest.partition("?")
        return path, dict(parse_qsl(query, keep_blank_values=True))
    raise ValueError(f"accelerator must be one of {SUPPORTED}; got {accelerator!r}")


def load(accelerator: str, load_delegate: Callable[..., Any]) -> list[Any]:
    """The delegates for `accelerator`, made by the engine's own `load_delegate`.

    Raises:
        ValueError: not one of SUPPORTED.
        EngineError: it cannot be had; the text begins with which of library missing, permission,
            ABI or device absent it is.
    """
    parsed = parse(accelerator)
    if parsed is None:
        return []
    library, options = parsed
    _check_library(accelerator, library)
    try:
        return [load_delegate(library, options)]
    except (ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        if library == _EDGETPU_LIBRARY and not _edgetpu_present():
            reason = "device absent: no Edge TPU on USB or at /dev/apex_*"
        elif library == _EDGETPU_LIBRARY:
            reason = "device present, but its library could not open it (permission, or in use)"
        else:
            reason = "refused by the library (device absent, or options not accepted)"
        raise EngineError(f"{accelerator}: {reason}: {text}") from error


def _check_library(accelerator: str, library: str) -> None:
    """Open the library before the engine does, whose failures do not say what was wrong."""
    if os.sep in library:
        if not os.path.exists(library):
            raise EngineError(f"{accelerator}: library missing: no file {library}")
        if not os.access(library, os.R_OK):
            raise EngineError(f"{accelerator}: permission: {library} is not readable")
    try:
        handle = ctypes.CDLL(library)
    except OSError as error:
        text = str(error)
        reason = "ABI" if any(sign in text for sign in _ABI_SIGNS) else "library missing"
        raise EngineError(f"{accelerator}: {reason}: {text}") from error
    missing = [name for name in _ENTRY_POINTS if not hasattr(handle, name)]
    if missing:
        raise EngineError(f"{accelerator}: ABI: {library} is no delegate library: no {missing[0]}")


def _edgetpu_present() -> bool:
    return bool(glob("/dev/apex_*")) or any(
        (_read(vendor), _read(vendor.replace("idVendor", "idProduct"))) in _EDGETPU_USB_IDS
        for vendor in glob("/sys/bus/usb/devices/*/idVendor")
    )


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""
