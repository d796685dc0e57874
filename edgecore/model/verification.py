"""Whether an unknown model file may be loaded here: size, structure, then a child that tries it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

try:
    from _blake2 import blake2b  # the same without OpenSSL, which costs three megabytes
except ImportError:
    from hashlib import blake2b

from edgecore.engines.accelerator import (
    CHATTER,
    DIED,
    MODEL_NOT_TAKEN,
    NOTHING_TAKEN,
    Accelerator,
    explained,
    parse,
)
from edgecore.errors import EdgecoreError, EngineError, ModelError
from edgecore.model import graph as graphs
from edgecore.model import structure
from edgecore.model.facts import Trial
from edgecore.model.probe import REFUSED, UNAVAILABLE
from edgecore.model.reading import read

TIMEOUT_S = 60.0
DIGEST_BYTES = 32

_METHOD = 4  # part of every cache key; a stricter probe gets another number
_STAGES = {"": "starting", "load": "loading", "run": "running"}

_passed: dict[str, Trial] = {}


def verify(
    path: str | Path,
    engine: str = "auto",
    *,
    accelerator: str = "cpu",
    shapes: Mapping[int, tuple[int, ...]] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Trial:
    """Return if `engine` may load the model at `path` into this process.

    A content that has passed is remembered, for this process and in the user's cache folder
    ($XDG_CACHE_HOME/edgecore), so a child is started once a file and engine version; an accelerator
    may be gone tomorrow, so with one it is started once a process.

    Args:
        path: a .tflite file.
        engine, accelerator: as `edgecore.engines.load` takes them.
        shapes: of inputs that are to be resized, by index; by default a picture of open size
            gets the size that `read` finds.
        timeout_s: how long the child may take.

    Returns:
        What the child saw, for `read`.

    Raises:
        ModelError: no such file, not a model, damaged, refused by the engine, or the child
            died or took too long; the text says which and at what stage.
        EngineError: no such engine here, or the child could not be started.
        AcceleratorError: the accelerator cannot be had, with the reason; or it does not take the
            model, or crashed or hung with it.
    """
    from edgecore import engines

    name = engines.choose(engine)
    with graphs.mapped(path) as data:
        try:
            graph = graphs.parse(data)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        digest = blake2b(data, digest_size=DIGEST_BYTES).hexdigest()
    if shapes is None:
        shapes = _open_shapes(path, graph)
    key = _key(digest, engines.version(name), accelerator, shapes)
    if key not in _passed:
        record = _cache_folder() / key
        kept = accelerator == "cpu"
        trial = _recorded(record) if kept else None
        if trial is None:
            _check_structure(path)
            trial = _try_in_child(path, name, parse(accelerator), shapes, timeout_s)
            if kept:
                _store(record, trial)
        _passed[key] = trial
    return _passed[key]


def _check_structure(path: str | Path) -> None:
    with graphs.mapped(path) as data:
        try:
            structure.check(data)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error


def _open_shapes(path: str | Path, graph: graphs.Graph) -> dict[int, tuple[int, ...]]:
    if not any(-1 in tensor.shape for tensor in graph.inputs):
        return {}
    with suppress(ModelError):
        found = read(path)
        if -1 in graph.inputs[found.input_index].shape:
            return {found.input_index: found.input_shape}
    return {}


def _try_in_child(
    path: str | Path,
    engine: str,
    wanted: Accelerator,
    shapes: Mapping[int, tuple[int, ...]],
    timeout_s: float,
) -> Trial:
    if not sys.executable:
        raise EngineError("an unknown model is tried in a child, and sys.executable is not set")
    resizes = [f"{index}:{','.join(map(str, shape))}" for index, shape in shapes.items()]
    command = [sys.executable, "-m", "edgecore.model.probe"]
    command += [os.fspath(path), engine, wanted.text, *resizes]
    where = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            env={**os.environ, "PYTHONPATH": where},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        stage = _stage(_lines(error.stdout))
        raise _death(path, wanted, f"{stage} it takes {engine} over {timeout_s:g} s") from error
    except OSError as error:
        raise EngineError(f"cannot start a child to try {path}: {error}") from error
    said, errors = _lines(child.stdout), _lines(child.stderr)
    if child.returncode == 0 and said[-2:-1] == ["done"]:
        if any(NOTHING_TAKEN in line for line in errors):
            raise explained(
                wanted.refuse(MODEL_NOT_TAKEN, "it takes none of its operators"), errors
            )
        return Trial(tuple(float(word) for word in said[-1].split()))
    if child.returncode == REFUSED and "refused" in said:
        raise ModelError(f"{path}: {' '.join(said[said.index('refused') + 1 :])}")
    if child.returncode == UNAVAILABLE and said[-3:-2] == ["unavailable"]:
        raise explained(wanted.refuse(*said[-2:]), errors)
    end = f"status {child.returncode}"
    if child.returncode < 0:
        end = signal.Signals(-child.returncode).name
    worst = [line for line in errors if not line.startswith(CHATTER)]
    last = f": {worst[-1]}" if worst else ""
    raise _death(path, wanted, f"{_stage(said)} it crashes {engine} ({end}){last}")


def _death(path: str | Path, wanted: Accelerator, text: str) -> EdgecoreError:
    """On an accelerator it is not the model's fault, which has been tried on the CPU before."""
    return ModelError(f"{path}: {text}") if wanted.kind == "cpu" else wanted.refuse(DIED, text)


def _stage(said: list[str]) -> str:
    return "while " + _STAGES[next((word for word in reversed(said) if word in _STAGES), "")]


def _lines(output: bytes | None) -> list[str]:
    lines = (output or b"").decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _key(digest: str, engine: str, accelerator: str, shapes: Mapping[int, tuple[int, ...]]) -> str:
    """Of a record; `engine` with its version."""
    text = json.dumps([_METHOD, digest, engine, accelerator, sorted(shapes.items())])
    return blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        root = Path(base)
    else:
        try:
            root = Path.home() / ".cache"
        except RuntimeError:  # a container's user without a name and HOME
            root = Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"
    return root / "edgecore" / "verified"


def _recorded(record: Path) -> Trial | None:
    """What this user has stored; another user's word is not taken, nor a damaged one."""
    with suppress(OSError, ValueError, TypeError, KeyError), open(record) as file:
        if os.fstat(file.fileno()).st_uid == os.getuid():
            return Trial(tuple(float(value) for value in json.load(file)["largest"]))
    return None


def _store(record: Path, trial: Trial) -> None:
    """A cache folder that cannot be written costs a child at the next start, nothing else."""
    with suppress(OSError):
        record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=record.parent)
        with os.fdopen(handle, "w") as file:
            json.dump(trial._asdict(), file)
        os.replace(temporary, record)
