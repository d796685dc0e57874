"""Results as files keep them: what was measured, where, when and with what."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from edgecore import isa
from edgecore.benchmark import cold, machine
from edgecore.benchmark.result import Result
from edgecore.errors import ConfigError
from edgecore.model.graph import mapped
from edgecore.model.verification import DIGEST_BYTES

_LEAST_US, _MOST_US = 1e-6, 1e12
"""What takes less than a picosecond, or more than days, was not measured."""

_MOST = 1e9
"""Milliseconds of a picture, megabytes of a model."""

Key: TypeAlias = tuple[str, str, str]


class Run(NamedTuple):
    """One run of `edgecore bench`.

    Attributes:
        name: of its file, without the suffix.
        machine, date, edgecore: what was measured where and when.
        results: by group, job and variant.
        processor: of the machine; older versions kept it as `machine`.
        identity: of the machine among those of its kind; "" from older versions.
        engine: of its models, with its version; "" where it has none.
        digests: of each model's file.
    """

    name: str
    machine: str
    date: str
    edgecore: str
    results: dict[Key, Result]
    processor: str
    identity: str = ""
    engine: str = ""
    digests: Mapping[str, str] = {}


class Accuracy(NamedTuple):
    """A model that `edgecore eval` judged; `ms` is the time of a whole picture."""

    model: str
    map_50_95: float
    map_50: float
    ms: float
    megabytes: float


def document(
    results: Iterable[Result], seconds: float, models: Mapping[str, Any]
) -> dict[str, Any]:
    """A run of this machine as JSON holds it.

    Args:
        results: its rows.
        seconds: about how long each was measured.
        models: what else there is to know where there were models: engine, accelerators,
            num_threads, and as `models` each file's `digest` by the name that its rows have.
    """
    return {
        "machine": machine.machine(),
        "processor": machine.processor(),
        "machine_id": machine.identity(),
        "cpu_flags": machine.cpu_flags(),
        "instruction_sets": list(isa.available()),
        "edgecore": _version(),
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "seconds": seconds,
        "cold_frames": {"wanted_bytes": cold.wanted_bytes(), "taken_bytes": cold.taken_bytes()},
        **models,
        "results": [result._asdict() for result in results],
    }


def digest(model: Path) -> str:
    """BLAKE2b of a model's file.

    Raises:
        ModelError: no such file.
    """
    with mapped(model) as data:
        return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def _version() -> str:
    """Of the installed package; a checkout on the path alone has none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("edgecore")
    except PackageNotFoundError:
        return "not installed"


def load(path: Path) -> Run | list[Accuracy]:
    """What `edgecore bench --json` or `edgecore eval --json` left at `path`.

    Raises:
        ConfigError: no such file, or of neither.
    """
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: expected JSON, {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: expected JSON, got too deep a nesting") from None
    if isinstance(found, dict) and found.get("benchmark") == "mlperf-tiny":
        raise ConfigError(
            f"{path}: expected results of this device or of models, got those of --mlperf-tiny"
        )
    try:
        if isinstance(found, list):
            if not found:
                raise ValueError("expected at least one model, got none")
            return [_accuracy(row, f"[{number}]") for number, row in enumerate(found)]
        return run(found, path.stem)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{path}: expected results that `edgecore bench --json` or `edgecore eval --json` "
            f"kept: {error}"
        ) from None


def run(found: object, name: str) -> Run:
    """The run that a document holds; what it holds beside is left to newer versions.

    Raises:
        ValueError: it is none; the text says where.
    """
    told, version, date = (_text(found, key) for key in ("machine", "edgecore", "date"))
    assert isinstance(found, dict)
    rows = found.get("results")
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"results: expected rows, got {_shown(rows)}")
    results = [_result(row, f"results[{number}]") for number, row in enumerate(rows)]
    models = found.get("models")
    return Run(
        name,
        told,
        date,
        version,
        {row[:3]: row for row in results},
        str(found.get("processor") or told),
        str(found.get("machine_id") or ""),
        str(found.get("engine") or ""),
        _digests(models),
    )


def _digests(models: object) -> dict[str, str]:
    if not isinstance(models, dict):
        return {}
    return {
        str(name): str(known["digest"])
        for name, known in models.items()
        if isinstance(known, dict) and "digest" in known
    }


def _result(row: object, where: str) -> Result:
    group, job, variant = (_text(row, key, where) for key in ("group", "job", "variant"))
    median, iqr, turns, low, high = (_number(row, key, where) for key in Result._fields[3:])
    if not _LEAST_US < low <= median <= high < _MOST_US:
        raise ValueError(
            f"{where}: expected 0 < low_us <= median_us <= high_us, "
            f"got {low:g}, {median:g} and {high:g}"
        )
    return Result(group, job, variant, median, iqr, int(turns), low, high)


def _accuracy(row: object, where: str) -> Accuracy:
    model = _text(row, "model", where).rpartition("/")[2]
    if isinstance(row, dict) and "name" in row:  # which tells files of one name apart
        model = _text(row, "name", where)
    map_50_95, map_50 = (_number(row, key, where) for key in ("map_50_95", "map_50"))
    keys = ("preprocess_ms", "invoke_ms", "postprocess_ms")
    stages = [_number(row, key, where) for key in keys]
    megabytes = _number(row, "megabytes", where)
    if not (0 <= map_50_95 <= 1 and 0 <= map_50 <= 1):
        raise ValueError(
            f"{where}: expected map_50_95 and map_50 within 0 and 1, "
            f"got {map_50_95:g} and {map_50:g}"
        )
    possible = all(0 <= ms < _MOST for ms in stages) and 0 < megabytes < _MOST
    if not possible or not any(stages):
        raise ValueError(
            f"{where}: expected times and a size that can be, got {stages} ms and {megabytes:g} MB"
        )
    return Accuracy(model.removesuffix(".tflite"), map_50_95, map_50, sum(stages), megabytes)


def _text(row: object, key: str, where: str = "") -> str:
    value = _value(row, key, where)
    if not isinstance(value, str):
        raise ValueError(f"{_place(where, key)}: expected a text, got {_shown(value)}")
    return value


def _number(row: object, key: str, where: str) -> float:
    value = _value(row, key, where)
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{_place(where, key)}: expected a number, got {_shown(value)}")
    return float(value)


def _value(row: object, key: str, where: str) -> object:
    if not isinstance(row, dict):
        raise ValueError(f"{where or 'it'}: expected an object, got {_shown(row)}")
    if key not in row:
        raise ValueError(f"{where or 'it'}: expected the key {key!r}, got none of that name")
    return row[key]


def _place(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def keys_of(runs: Sequence[Run]) -> list[Key]:
    """Rows of any of the runs, in the order of the first that has them."""
    return list(dict.fromkeys(key for run in runs for key in run.results))


def of_two_contents(runs: Sequence[Run]) -> list[str]:
    """Names that different models have in the runs: their rows stand side by side."""
    contents: dict[str, set[str]] = {}
    for run in runs:
        for name, content in run.digests.items():
            contents.setdefault(name, set()).add(content)
    return [name for name, found in contents.items() if len(found) > 1]
