"""Inference engines: LiteRT and tflite-runtime behind one protocol, found when first asked for."""

import importlib
import importlib.util
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from edgecore.engines import arithmetic
from edgecore.engines import delegate as delegates
from edgecore.engines.accelerator import (
    ABI,
    LIBRARY_MISSING,
    MODEL_NOT_TAKEN,
    Accelerator,
    parse,
)
from edgecore.engines.fallback import first
from edgecore.engines.interpreter import InterpreterEngine
from edgecore.engines.opening import open_first
from edgecore.engines.protocol import Engine, EngineInfo, TensorSpec
from edgecore.errors import EngineError, ModelError

__all__ = [
    "NAMES",
    "Engine",
    "EngineInfo",
    "TensorSpec",
    "available",
    "choose",
    "load",
    "open_first",
    "version",
]

NAMES = ("litert", "tflite")
"""Every engine, by falling preference."""

_MODULES = {"litert": "ai_edge_litert.interpreter", "tflite": "tflite_runtime.interpreter"}
_PACKAGES = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}
_REASON_LENGTH = 200
"""A runtime says the same of every tensor that it minds; the first of them is enough."""


def available() -> dict[str, str | None]:
    """Each engine's reason for not being usable here, None where it is; imports those found."""
    return {name: _reason(name) for name in NAMES}


def choose(engine: str = "auto") -> str:
    """The name of the engine that `engine` stands for here; "auto" prefers LiteRT.

    Raises:
        ValueError: unknown name.
        EngineError: not installed, or installed but not importable, with the reason.
    """
    if engine not in (*NAMES, "auto"):
        raise ValueError(f"engine must be one of auto, {', '.join(NAMES)}; got {engine!r}")
    reasons = []
    for name in NAMES if engine == "auto" else (engine,):
        reason = _reason(name)
        if reason is None:
            return name
        reasons.append(f"{name}: {reason}")
    raise EngineError("; ".join(reasons))


def version(engine: str) -> str:
    """Name and version of an engine that is installed, such as "litert 2.3.0"."""
    package = importlib.import_module(_MODULES[engine].partition(".")[0])
    return f"{engine} {package.__version__}"


def load(
    model: str | Path | bytes,
    engine: str = "auto",
    accelerator: str = "cpu",
    fallback: Sequence[str] = (),
    num_threads: int = 1,
) -> Engine:
    """`model` loaded and allocated, ready for its inputs.

    The file is trusted here: a hostile one may end the process, so `edgecore.model.verify`
    comes first for a file that is not known.

    Args:
        model: path of a .tflite file, or its bytes.
        engine: "auto", "litert" or "tflite".
        accelerator: one of `edgecore.engines.accelerator.SUPPORTED`.
        fallback: further accelerators, tried in turn where the first cannot be had.
        num_threads: CPU threads of the engine, at least 1.

    Raises:
        ValueError: unknown engine or accelerator, or num_threads below 1.
        EngineError: no such engine here, or no accelerator of those named can be had.
        ModelError: no such file, or the engine refuses the model.
    """
    if num_threads < 1:
        raise ValueError(f"num_threads must be at least 1, got {num_threads}")
    wanted = {choice: parse(choice) for choice in (accelerator, *fallback)}
    name = choose(engine)
    if not isinstance(model, bytes):
        _check_file(os.fspath(model))
    return first(tuple(wanted), lambda choice: _open(name, wanted[choice], model, num_threads))[0]


def _open(name: str, wanted: Accelerator, model: str | Path | bytes, num_threads: int) -> Engine:
    module = _import(_MODULES[name])
    if wanted.kind in ("npu", "gpu"):
        return _open_compiled(name, wanted, model, num_threads, module)
    delegate = None if wanted.kind == "cpu" else delegates.load(wanted, module.load_delegate)
    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}

    def create() -> Any:
        interpreter = module.Interpreter(
            **source,
            experimental_delegates=None if delegate is None else [delegate],
            num_threads=num_threads,
        )
        if delegate is not None and not delegates.takes_part(interpreter):
            raise RuntimeError("it takes none of its operators")
        return interpreter

    try:
        return InterpreterEngine(name, wanted.text, create)
    except (RuntimeError, ValueError, MemoryError) as error:
        text = textwrap.shorten(str(error), _REASON_LENGTH, placeholder=" ...")
        if delegate is not None:
            raise wanted.refuse(MODEL_NOT_TAKEN, text) from error
        raise ModelError(f"{name} refuses the model: {text}") from error


def _open_compiled(
    name: str, wanted: Accelerator, model: str | Path | bytes, num_threads: int, module: ModuleType
) -> Engine:
    if name != "litert":
        raise wanted.refuse(LIBRARY_MISSING, f"expected the engine litert, got {name}")
    from edgecore.engines import litert_api, vendors
    from edgecore.engines.compiled import CompiledEngine

    try:
        package = litert_api.package()
        litert_api.api()
    except EngineError as error:
        raise wanted.refuse(ABI, str(error)) from error
    target = vendors.target(wanted, package, num_threads)
    content = model if isinstance(model, bytes) else Path(model).read_bytes()

    def create() -> Any:
        return module.Interpreter(model_content=content, num_threads=num_threads)

    try:
        return CompiledEngine(wanted, content, target, create)
    except (RuntimeError, ValueError, MemoryError) as error:
        text = textwrap.shorten(str(error), _REASON_LENGTH, placeholder=" ...")
        raise ModelError(f"{name} refuses the model: {text}") from error


def _check_file(path: str) -> None:
    if os.path.isdir(path):
        raise ModelError(f"{path} is a directory, not a model file")
    if not os.path.isfile(path):
        raise ModelError(f"{path}: no such model file")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ModelError(
            f"{path!r}: expected a file name in UTF-8, by which engines open"
        ) from None


def _import(module: str) -> ModuleType:
    """The module; Ctrl-C meanwhile stays Ctrl-C, of which native code makes an ImportError."""
    try:
        with arithmetic.kept():
            return importlib.import_module(module)
    except ImportError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


def _reason(name: str) -> str | None:
    package, module = _PACKAGES[name], _MODULES[name]
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        return f"the package {package} is not installed: pip install 'edgecore[{name}]'"
    try:
        found = _import(module)
    except Exception as error:
        return f"the package {package} is installed but cannot be imported: {error}"
    return None if hasattr(found, "Interpreter") else f"{module} has no Interpreter"
