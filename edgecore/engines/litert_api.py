"""The part of LiteRT's C API that a compiled model needs, called in the wheel's own libLiteRt.so.

ctypes releases the GIL for the length of every call; LiteRT's Python binding of the same functions
holds it while a model runs. The C API has changed between minor versions (before 2.1.6 a model was
made without an environment), so other versions than those known are refused.
"""

import ctypes
import functools
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_void_p
from importlib import metadata, util
from pathlib import Path
from typing import Any

from edgecore.errors import EngineError

PACKAGE = "ai-edge-litert"
KNOWN_VERSIONS = ((2, 2), (3, 0))
"""From the first of these on, and before the second."""

CPU, GPU, NPU = 1, 2, 4
"""Bits of LiteRtHwAccelerators."""

NOTICES, ERRORS = 1, 3
"""What LiteRT says on stderr: how it partitions and compiles too, or only what fails."""

severity = ERRORS
"""The one for environments that are made from now on."""

MAX_RANK = 8
NOT_COMPILED = 504
"""The status where an accelerator does not take the whole model."""

_PLUGIN_DIR, _DISPATCH_DIR, _RUNTIME_DIR, _ACCELERATORS, _SEVERITY = 0, 1, 22, 24, 25
_INTEGER, _STRING = 2, 8
_STATUSES = {
    1: "invalid argument", 2: "out of memory", 3: "failure at run time", 4: "input missing",
    5: "not supported", 6: "not found", 8: "wrong version", 9: "unknown error", 500: "file error",
    501: "not a valid model", 502: "library cannot be loaded", 503: "cannot be serialised",
    NOT_COMPILED: "cannot be compiled",
}  # fmt: skip


class LiteRtError(EngineError):
    """A function of LiteRT's C API failed, with this LiteRtStatus."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class _Value(ctypes.Union):
    _fields_ = (("integer", ctypes.c_int64), ("string", c_char_p))


class _Any(ctypes.Structure):
    _fields_ = (("type", c_int), ("value", _Value))


class _Option(ctypes.Structure):
    _fields_ = (("tag", c_int), ("any", _Any))


class Layout(ctypes.Structure):
    """LiteRtLayout: the low 7 bits of `bits` are the rank, the next says that strides are given."""

    _fields_ = (
        ("bits", c_uint32),
        ("dimensions", c_int32 * MAX_RANK),
        ("strides", c_uint32 * MAX_RANK),
    )


class TensorType(ctypes.Structure):
    """LiteRtRankedTensorType."""

    _fields_ = (("element_type", c_int), ("layout", Layout))

    @classmethod
    def of(cls, element_type: int, shape: tuple[int, ...]) -> "TensorType":
        """A tensor without strides; at most MAX_RANK dimensions."""
        return cls(element_type, Layout(len(shape), (c_int32 * MAX_RANK)(*shape)))


_P, _S, _OUT = c_void_p, c_size_t, POINTER(c_void_p)
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "CreateEnvironment": (c_int, POINTER(_Option), _OUT),
    "CreateModelFromBuffer": (_P, _P, _S, _OUT),
    "GetModelSignature": (_P, _S, _OUT),
    "GetNumSignatureInputs": (_P, POINTER(_S)),
    "GetNumSignatureOutputs": (_P, POINTER(_S)),
    "GetSignatureInputTensorByIndex": (_P, _S, _OUT),
    "GetSignatureOutputTensorByIndex": (_P, _S, _OUT),
    "GetTensorIndex": (_P, POINTER(c_uint32)),
    "CreateOptions": (_OUT,),
    "SetOptionsHardwareAccelerators": (_P, c_int),
    "CreateOpaqueOptions": (c_char_p, _P, _P, _OUT),
    "AddOpaqueOptions": (_P, _P),
    "CreateCompiledModel": (_P, _P, _P, _OUT),
    "CompiledModelResizeInputTensor": (_P, _S, _S, POINTER(c_int), _S),
    "GetCompiledModelInputBufferRequirements": (_P, _S, _S, _OUT),
    "GetCompiledModelOutputBufferRequirements": (_P, _S, _S, _OUT),
    "GetTensorBufferRequirementsSupportedTensorBufferType": (_P, c_int, POINTER(c_int)),
    "GetTensorBufferRequirementsBufferSize": (_P, POINTER(_S)),
    "CreateManagedTensorBuffer": (_P, c_int, POINTER(TensorType), _S, _OUT),
    "LockTensorBuffer": (_P, _OUT, c_int),
    "UnlockTensorBuffer": (_P,),
    "RunCompiledModel": (_P, _S, _S, _OUT, _S, _OUT),
}
_DESTRUCTORS = ("TensorBuffer", "CompiledModel", "Options", "Model")


class LiteRt:
    """The functions of one libLiteRt.so; `call` raises where the status is not success."""

    def __init__(self, library: Path) -> None:
        handle = ctypes.CDLL(str(library))
        self._functions = {}
        for name, arguments in _FUNCTIONS.items():
            function = handle[f"LiteRt{name}"]
            function.argtypes, function.restype = arguments, c_int
            self._functions[name] = function
        self._destructors = {}
        for name in _DESTRUCTORS:
            function = handle[f"LiteRtDestroy{name}"]
            function.argtypes, function.restype = (c_void_p,), None
            self._destructors[name] = function
        process = ctypes.CDLL(None)
        process.strdup.restype = c_void_p
        self._duplicate, self._free = process.strdup, ctypes.cast(process.free, c_void_p)

    def call(self, name: str, *arguments: Any) -> None:
        """Call LiteRt<name>.

        Raises:
            LiteRtError: another status than success.
        """
        status = self._functions[name](*arguments)
        if status:
            text = f"LiteRt{name}: {_STATUSES.get(status, f'status {status}')}"
            raise LiteRtError(text, status)

    def make(self, name: str, *arguments: Any) -> int:
        """Call LiteRt<name>, whose last argument is where it puts a pointer; the pointer."""
        made = c_void_p()
        self.call(name, *arguments, byref(made))
        return made.value or 0

    def ask(self, kind: Any, name: str, *arguments: Any) -> Any:
        """Call LiteRt<name>, whose last argument is where it puts a value of `kind`; the value."""
        answer = kind()
        self.call(name, *arguments, byref(answer))
        return answer.value

    def destroy(self, kind: str, pointer: int) -> None:
        """Call LiteRtDestroy<kind>."""
        self._destructors[kind](pointer)

    def options(self, hardware: int, opaque: tuple[tuple[str, str], ...]) -> int:
        """LiteRtOptions for `hardware`, with `opaque` pairs of identifier and TOML text."""
        made = self.make("CreateOptions")
        self.call("SetOptionsHardwareAccelerators", made, hardware)
        for identifier, text in opaque:
            payload = self._duplicate(text.encode())
            one = self.make("CreateOpaqueOptions", identifier.encode(), payload, self._free)
            self.call("AddOpaqueOptions", made, one)
        return made


def package() -> Path:
    """The folder of ai_edge_litert.

    Raises:
        EngineError: not installed, or not a version whose C API is known.
    """
    spec = util.find_spec("ai_edge_litert")
    if spec is None or not spec.submodule_search_locations:
        raise EngineError(f"the package {PACKAGE} is not installed")
    version = metadata.version(PACKAGE)
    first, end = KNOWN_VERSIONS
    if not first <= tuple(int(part) for part in version.split(".")[:2]) < end:
        known = f"at least {first[0]}.{first[1]} and below {end[0]}.{end[1]}"
        raise EngineError(f"expected {PACKAGE} {known}, got {version}")
    return Path(spec.submodule_search_locations[0])


@functools.cache
def api() -> LiteRt:
    """The C API of the installed package."""
    return LiteRt(package() / "libLiteRt.so")


@functools.cache
def environment(hardware: int, plugins: Path | None, dispatch: Path | None) -> int:
    """The environment of these accelerators and a vendor's folders; lives as long as the process.

    Args:
        hardware: the accelerators to register; a GPU's library is not even opened for an NPU.
        plugins, dispatch: folders of the vendor's libraries.
    """
    values: list[tuple[int, int | Path | None]] = [
        (_PLUGIN_DIR, plugins),
        (_DISPATCH_DIR, dispatch),
        (_RUNTIME_DIR, package()),
        (_ACCELERATORS, hardware | CPU),
        (_SEVERITY, severity),
    ]
    given = [(tag, value) for tag, value in values if value is not None]
    options = (_Option * len(given))()
    for option, (tag, value) in zip(options, given, strict=True):
        option.tag = tag
        if isinstance(value, int):
            option.any.type, option.any.value.integer = _INTEGER, value
        else:
            option.any.type, option.any.value.string = _STRING, str(value).encode()
    return api().make("CreateEnvironment", len(given), options)
