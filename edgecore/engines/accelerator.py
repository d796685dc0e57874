"""How an accelerator is named, and the reasons for which one cannot be had."""

import ctypes
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl

from edgecore.errors import AcceleratorError

SUPPORTED = (
    "cpu, edgetpu, edgetpu:DEVICE, external:/path.so?key=value, "
    "npu, npu:VENDOR?key=value, gpu, gpu?key=value"
)

LIBRARY_MISSING = "library missing"
DEVICE_ABSENT = "device absent"
PERMISSION = "permission"
ABI = "ABI"
IN_USE = "already in use"
UNKNOWN_OPTION = "unknown option"
MODEL_NOT_TAKEN = "does not take this model"
FAILED = "failed"
DIED = "crashes or hangs"
REASONS = (
    LIBRARY_MISSING,
    DEVICE_ABSENT,
    PERMISSION,
    ABI,
    IN_USE,
    UNKNOWN_OPTION,
    MODEL_NOT_TAKEN,
    FAILED,
    DIED,
)

CHATTER = ("INFO:", "WARNING:", "W0000", "I0000")
"""How the lines begin that runtimes write on stderr though nothing is wrong."""

NOTHING_TAKEN = "] 0 compiler plugins were applied"
"""What LiteRT notes where a vendor's compiler took nothing, and the CPU is to run it all."""

_ABI_SIGNS = ("invalid ELF header", "wrong ELF class", "undefined symbol", "version `", "too short")
_SIGNS = (
    (PERMISSION, r"permission denied|not permitted|EACCES|EPERM"),
    (IN_USE, r"\bbusy\b|in use|EBUSY"),
    (
        UNKNOWN_OPTION,
        r"(unknown|unrecognized|unrecognised|invalid|unsupported) (option|key|setting)",
    ),
    (
        DEVICE_ABSENT,
        r"no such device|device is? ?(absent|not found|missing)|no adapters? found|ENODEV",
    ),
    (LIBRARY_MISSING, r"cannot open shared object file|cannot load library"),
)


@dataclass(frozen=True, slots=True)
class Accelerator:
    """An accelerator as it was asked for.

    Attributes:
        text: the user's own words.
        kind: "cpu", or who is asked for it: an external "delegate", or LiteRT's compiled model
            for an "npu" or "gpu".
        name: path or name of the delegate's library; an NPU's vendor, "" for any.
        options: by name, as given.
    """

    text: str
    kind: Literal["cpu", "delegate", "npu", "gpu"]
    name: str = ""
    options: dict[str, str] = field(default_factory=dict)

    def refuse(self, reason: str, detail: str) -> AcceleratorError:
        """The error that says why this accelerator cannot be had."""
        return AcceleratorError(self.text, reason, " ".join(detail.split()))

    def refuse_options(self, known: Sequence[str]) -> None:
        """Raise AcceleratorError where an option is not among those known."""
        for option in self.options:
            if option not in known:
                expected = ", ".join(known) or "none"
                raise self.refuse(UNKNOWN_OPTION, f"expected {expected}; got {option!r}")


EDGETPU_LIBRARY = "libedgetpu.so.1"


def parse(accelerator: str) -> Accelerator:
    """What `accelerator` names.

    Raises:
        ValueError: not one of SUPPORTED.
    """
    head, _, query = accelerator.partition("?")
    kind, colon, name = head.partition(":")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if accelerator == "cpu":
        return Accelerator(accelerator, "cpu")
    if kind == "edgetpu" and not query:
        return Accelerator(
            accelerator, "delegate", EDGETPU_LIBRARY, {"device": name} if name else {}
        )
    if kind == "external" and name:
        return Accelerator(accelerator, "delegate", name, options)
    if kind == "npu" and bool(name) == bool(colon):
        return Accelerator(accelerator, "npu", name, options)
    if kind == "gpu" and not colon:
        return Accelerator(accelerator, "gpu", "", options)
    raise ValueError(f"accelerator must be one of {SUPPORTED}; got {accelerator!r}")


def reason_of(text: str, otherwise: str) -> str:
    """The reason that a library's own words speak of; `otherwise` where they name none."""
    for reason, sign in _SIGNS:
        if re.search(sign, text, re.IGNORECASE):
            return reason
    return otherwise


def explained(error: AcceleratorError, lines: Sequence[str]) -> AcceleratorError:
    """`error` with what the libraries said on stderr, which may name a better reason."""
    if error.reason not in (FAILED, MODEL_NOT_TAKEN):
        return error
    said = [line for line in lines if not line.startswith(CHATTER)]
    for line in said:
        reason = reason_of(line, "")
        if reason:
            return AcceleratorError(error.accelerator, reason, line)
    detail = ": ".join([error.detail, *said[:1]])
    return AcceleratorError(error.accelerator, error.reason, detail)


def check_library(wanted: Accelerator, library: str) -> ctypes.CDLL:
    """Open a library before the engine does, whose failures do not say what was wrong.

    Raises:
        AcceleratorError: library missing, permission or ABI.
    """
    if os.sep in library:
        if not os.path.exists(library):
            raise wanted.refuse(LIBRARY_MISSING, f"no file {library}")
        if not os.access(library, os.R_OK):
            raise wanted.refuse(PERMISSION, f"{library} is not readable")
    try:
        return ctypes.CDLL(library)
    except OSError as error:
        text = str(error)
        abi = any(sign in text for sign in _ABI_SIGNS)
        raise wanted.refuse(ABI if abi else LIBRARY_MISSING, text) from error
