"""Whether an unknown model file may be loaded here: size, structure, then a child that tries it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from edgecore.errors import EngineError, ModelError
from edgecore.model import graph as graphs
from edgecore.model.facts import Trial
from edgecore.model.probe import REFUSED
from edgecore.model.reading import read

TIMEOUT_S = 60.0

_METHOD = 2  # part of every cache key; a stricter probe gets another number
_PACKAGES = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}
_STAGES = {"": "starting", "load": "loading", "run": "running"}
_CHATTER = ("INFO:", "WARNING:", "W0000", "I0000")

_passed: dict[str, Trial] = {}


def verify(
    path: str | Path,
    engine: str = "auto",
    *,
    shapes: Mapping[int, tuple[int, ...]] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Trial:
    """Return if `engine` may load the model at `path` into this process.

    A content that has passed is remembered, for this process and in the user's cache folder
    ($XDG_CACHE_HOME/edgecore), so a child is started once a file and engine version.

    Args:
        path: a .tflite file.
        engine: as `edgecore.engines.load` takes it.
        shapes: of inputs that are to be resized, by index; by default a picture of open size
            gets the size that `read` finds.
        timeout_s: how long the child may take.

    Returns:
        What the child saw, for `read`.

    Raises:
        ModelError: no such file, not a model, damaged, refused by the engine, or the child
            died or took too long; the text says which and at what stage.
        EngineError: no such engine here, or the child could not be started.
    """
    from edgecore import engines

    name = engines.choose(engine)
    with graphs.mapped(path) as data:
        try:
            graph = graphs.parse(data)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        digest = hashlib.sha256(data).hexdigest()
    if shapes is None:
        shapes = _open_shapes(path, graph)
    key = _key(digest, name, shapes)
    if key not in _passed:
        record = _cache_folder() / key
        trial = _recorded(record)
        if trial is None:
            trial = _try_in_child(path, name, shapes, timeout_s)
            _store(record, trial)
        _passed[key] = trial
    return _passed[key]


def _open_shapes(path: str | Path, graph: graphs.Graph) -> dict[int, tuple[int, ...]]:
    if not any(-1 in tensor.shape for tensor in graph.inputs):
        return {}
    with suppress(ModelError):
        found = read(path)
        if -1 in graph.inputs[found.input_index].shape:
            return {found.input_index: found.input_shape}
    return {}


def _try_in_child(
    path: str | Path, engine: str, shapes: Mapping[int, tuple[int, ...]], timeout_s: float
) -> Trial:
    if not sys.executable:
        raise EngineError("an unknown model is tried in a child, and sys.executable is not set")
    resizes = [f"{index}:{','.join(map(str, shape))}" for index, shape in shapes.items()]
    command = [sys.executable, "-m", "edgecore.model.probe", os.fspath(path), engine, *resizes]
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
        raise ModelError(f"{path}: {stage} it takes {engine} over {timeout_s:g} s") from error
    except OSError as error:
        raise EngineError(f"cannot start a child to try {path}: {error}") from error
    said = _lines(child.stdout)
    if child.returncode == 0 and said[-2:-1] == ["done"]:
        return Trial(tuple(float(word) for word in said[-1].split()))
    if child.returncode == REFUSED and "refused" in said:
        raise ModelError(f"{path}: {' '.join(said[said.index('refused') + 1 :])}")
    end = f"status {child.returncode}"
    if child.returncode < 0:
        end = signal.Signals(-child.returncode).name
    errors = [line for line in _lines(child.stderr) if not line.startswith(_CHATTER)]
    last = f": {errors[-1]}" if errors else ""
    raise ModelError(f"{path}: {_stage(said)} it crashes {engine} ({end}){last}")


def _stage(said: list[str]) -> str:
    return "while " + _STAGES[next((word for word in reversed(said) if word in _STAGES), "")]


def _lines(output: bytes | None) -> list[str]:
    lines = (output or b"").decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _key(digest: str, engine: str, shapes: Mapping[int, tuple[int, ...]]) -> str:
    version = metadata.version(_PACKAGES[engine])
    text = json.dumps([_METHOD, digest, engine, version, sorted(shapes.items())])
    return hashlib.sha256(text.encode()).hexdigest()


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
