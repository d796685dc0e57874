"""Inference engines: LiteRT and tflite-runtime behind one protocol, found when first asked for."""

import importlib
import importlib.util
import logging
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from edgecore.engines import accelerator as accelerators
from edgecore.engines.interpreter import InterpreterEngine
from edgecore.engines.protocol import Engine, TensorSpec
from edgecore.errors import EngineError, ModelError

__all__ = ["NAMES", "Engine", "TensorSpec", "available", "choose", "load"]

NAMES = ("litert", "tflite")
"""Every engine, by falling preference."""

_MODULES = {"litert": "ai_edge_litert.interpreter", "tflite": "tflite_runtime.interpreter"}
_PACKAGES = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}
_REASON_LENGTH = 200
"""A runtime says the same of every tensor that it minds; the first of them is enough."""

_log = logging.getLogger(__name__)


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
        accelerator: "cpu", "edgetpu", "edgetpu:DEVICE" or "external:/path.so?key=value".
        fallback: further accelerators, tried in turn where the first cannot be had.
        num_threads: CPU threads of the engine, at least 1.

    Raises:
        ValueError: unknown engine or accelerator, or num_threads below 1.
        EngineError: no such engine here, or no accelerator of those named can be had.
        ModelError: no such file, or the engine refuses the model.
    """
    if num_threads < 1:
        raise ValueError(f"num_threads must be at least 1, got {num_threads}")
    choices = (accelerator, *fallback)
    for choice in choices:
        accelerators.parse(choice)
    name = choose(engine)
    if not isinstance(model, bytes):
        _check_file(os.fspath(model))
    refusals: list[str] = []
    for choice in choices:
        try:
            loaded = _open(name, choice, model, num_threads)
        except EngineError as error:
            refusals.append(str(error))
            continue
        if refusals:
            _log.warning("running on %s instead: %s", choice, "; ".join(refusals))
        return loaded
    raise EngineError("; ".join(refusals))


def _open(name: str, accelerator: str, model: str | Path | bytes, num_threads: int) -> Engine:
    module = _import(_MODULES[name])
    delegates = accelerators.load(accelerator, module.load_delegate)
    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}

    def create() -> Any:
        return module.Interpreter(
            **source, experimental_delegates=delegates or None, num_threads=num_threads
        )

    try:
        return InterpreterEngine(name, accelerator, create)
    except (RuntimeError, ValueError, MemoryError) as error:
        text = textwrap.shorten(str(error), _REASON_LENGTH, placeholder=" ...")
        if delegates:
            raise EngineError(f"{accelerator}: does not take this model: {text}") from error
        raise ModelError(f"{name} refuses the model: {text}") from error


def _check_file(path: str) -> None:
    if os.path.isdir(path):
        raise ModelError(f"{path} is a directory, not a model file")
    if not os.path.isfile(path):
        raise ModelError(f"{path}: no such model file")


def _import(module: str) -> ModuleType:
    """The module; Ctrl-C meanwhile stays Ctrl-C, of which native code makes an ImportError."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


def _reason(name: str) -> str | None:
    package, module = _PACKAGES[name], _MODULES[name]
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        return f"the package {package} is not installed"
    try:
        found = _import(module)
    except Exception as error:
        return f"the package {package} is installed but cannot be imported: {error}"
    return None if hasattr(found, "Interpreter") else f"{module} has no Interpreter"
