"""Latency and accuracy of a device under test, by the rules of the MLPerf Tiny benchmark.

Performance: five windows, an input each, of at least ten seconds and ten inferences by the device's
clock; the result is the median. Accuracy: one inference on every labelled input, top-1.
"""

from __future__ import annotations

import csv
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgecore.errors import ConfigError, DeviceError

from .tiny_device import Inference, TinyDevice

WINDOWS = 5
WINDOW_S = 10.0
ITERATIONS_MIN = 10
WARMUPS = 10

INPUT_BYTES = {"kws01": 490, "vww01": 27648, "ic01": 3072, "ad01": 2560}
"""Of the benchmark's models, for inputs made up."""

_ITERATIONS_MAX = 2**31 - 1
_GROWTH_MAX = 100
_AHEAD = 1.2
_TICK_US = 20_000
"""A clock this much quicker than ours is no oscillator's error, nor one of ticks this long."""

_STILL = 1000
"""So many inferences take time on any clock."""

LABELS = "y_labels.csv"


class Sample(NamedTuple):
    """A labelled input; `label` counts from 0 and is below `classes`."""

    path: Path
    label: int
    classes: int


class Accuracy(NamedTuple):
    """How many of the samples had the highest score at their label."""

    correct: int
    samples: int


def median_us(windows: Sequence[Inference]) -> float:
    """Time of an inference, microseconds: the median of the windows."""
    return statistics.median(window.elapsed_us / window.iterations for window in windows)


def by_the_rules(windows: Sequence[Inference]) -> bool:
    """Whether there were enough windows, each long enough."""
    return len(windows) >= WINDOWS and all(
        window.elapsed_us >= WINDOW_S * 1e6 and window.iterations >= ITERATIONS_MIN
        for window in windows
    )


def performance(
    device: TinyDevice, inputs: Sequence[bytes], *, window_s: float = WINDOW_S
) -> Iterator[Inference]:
    """The windows, one by one; inputs take turns.

    Raises:
        DeviceError: the device fails, or its clock does not count microseconds.
    """
    iterations = ITERATIONS_MIN
    for index in range(WINDOWS):
        device.load(inputs[index % len(inputs)])
        window = _window(device, iterations, window_s)
        iterations = window.iterations
        yield window


def _window(device: TinyDevice, iterations: int, window_s: float) -> Inference:
    """Repeats with more inferences until they take long enough."""
    while True:
        start_s = time.monotonic()
        run = device.infer(iterations, WARMUPS, expected_s=window_s)
        took_s = time.monotonic() - start_s
        if run.elapsed_us >= window_s * 1e6:
            if run.elapsed_us > took_s * 1e6 * _AHEAD + _TICK_US:
                raise _no_microseconds(device, run, took_s)
            return run
        if run.elapsed_us == 0 and iterations >= _STILL:
            raise DeviceError(
                f"{device.url}: expected time to pass in {iterations} inferences, "
                f"got the same lap before and after"
            )
        if took_s > 3 * window_s + 1 or iterations == _ITERATIONS_MAX:
            raise _no_microseconds(device, run, took_s)
        growth = min(1.1 * window_s * 1e6 / max(run.elapsed_us, 1), _GROWTH_MAX)
        iterations = min(_ITERATIONS_MAX, int(iterations * growth) + 1)


def _no_microseconds(device: TinyDevice, run: Inference, took_s: float) -> DeviceError:
    return DeviceError(
        f"{device.url}: expected a clock in microseconds, got {run.elapsed_us} for "
        f"{run.iterations} inferences that took {took_s:.3g} s here"
    )


def accuracy(
    device: TinyDevice, samples: Sequence[Sample], progress: Callable[[], object] = lambda: None
) -> Accuracy:
    """One inference on each sample; `progress` is called after each.

    Raises:
        DeviceError: the device fails, or has not a score for each class.
    """
    correct = 0
    for sample in samples:
        device.load(sample.path.read_bytes())
        scores = device.infer(1, 0).results
        check_scores(device, scores, sample)
        correct += scores.index(max(scores)) == sample.label
        progress()
    return Accuracy(correct, len(samples))


def check_scores(device: TinyDevice, scores: Sequence[float], sample: Sample) -> None:
    """Refuse scores of another number of classes.

    Raises:
        DeviceError: it is not the sample's.
    """
    if len(scores) != sample.classes:
        raise DeviceError(
            f"{device.url}: expected {sample.classes} scores, one for each class of {LABELS}, "
            f"got {len(scores)}"
        )


def made_up_inputs(model: str) -> list[bytes]:
    """Seeded inputs of the size of a model of the benchmark, one for each window.

    Raises:
        ConfigError: no such model.
    """
    size = INPUT_BYTES.get(model)
    if size is None:
        raise ConfigError(
            f"expected a model of {', '.join(INPUT_BYTES)}, or inputs from a dataset, "
            f"got {model!r} without"
        )
    return [random.Random(index).randbytes(size) for index in range(WINDOWS)]


def read_samples(folder: Path, model: str) -> list[Sample]:
    """What y_labels.csv in the folder, or in the model's folder in it, lists: file, classes, class.

    Raises:
        ConfigError: no such file, a line that makes no sense, an input of another size than the
            model's or the first, or a model whose inputs are cut from longer ones.
    """
    if model == "ad01":
        raise ConfigError("ad01: its windows of a sound are not cut here; expected no dataset")
    file = next((at for at in (folder / LABELS, folder / model / LABELS) if at.is_file()), None)
    if file is None:
        raise ConfigError(f"{folder}: expected {LABELS} in it, or in {model} in it, got neither")
    samples: list[Sample] = []
    size = INPUT_BYTES.get(model)
    for number, row in enumerate(_rows(file), 1):
        words = [word.strip() for word in row]
        if not any(words):
            continue
        about = f"{file}, line {number}"
        sample = _sample(about, file.parent, words)
        if samples and sample.classes != samples[0].classes:
            raise ConfigError(
                f"{about}: expected {samples[0].classes} classes as before, got {sample.classes}"
            )
        here = sample.path.stat().st_size
        size = here if size is None else size
        if here != size:
            raise ConfigError(
                f"{about}: {sample.path}: expected {size} bytes for {model}, got {here}"
            )
        samples.append(sample)
    if not samples:
        raise ConfigError(f"{file}: expected a line for each input, got none")
    return samples


def _sample(about: str, folder: Path, words: Sequence[str]) -> Sample:
    if len(words) < 3 or not all(map(_is_number, words[1:3])):
        raise ConfigError(f"{about}: expected file, classes, class: {words}")
    path, classes, label = folder / words[0], int(words[1]), int(words[2])
    if label >= classes:
        raise ConfigError(f"{about}: expected a class below {classes}, got {label}")
    if not path.is_file():
        raise ConfigError(f"{about}: {path}: no such file")
    return Sample(path, label, classes)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 10


def _rows(file: Path) -> list[list[str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            return list(csv.reader(text))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except (ValueError, csv.Error) as error:
        raise ConfigError(f"{file}: expected a line for each input, {error}") from None


def document(
    device: TinyDevice, windows: Sequence[Inference], judged: Accuracy | None
) -> dict[str, Any]:
    """All of it, for JSON."""
    return {
        "benchmark": "mlperf-tiny",
        "device": {
            "url": device.url,
            "vendor": device.vendor,
            "model": device.model,
            "profile": device.profile,
        },
        "performance": {
            "by_the_rules": by_the_rules(windows),
            "median_us": median_us(windows),
            "inferences_per_s": 1e6 / median_us(windows),
            "windows": [
                {"iterations": window.iterations, "elapsed_us": window.elapsed_us}
                for window in windows
            ],
        },
        "accuracy": None
        if judged is None
        else {**judged._asdict(), "top1": judged.correct / judged.samples},
    }
