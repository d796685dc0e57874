"""A model on this device: the stages of a frame, and its engines by thread count."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgecore.benchmark import pixels
from edgecore.benchmark.result import Result, result
from edgecore.errors import ModelError
from edgecore.frame import Frame
from edgecore.synthetic import rgb_to_nv12

if TYPE_CHECKING:
    from edgecore.detector import Detector
    from edgecore.engines import Engine

MODEL_FRAME = (1280, 720)
WARM_UP = 3
FEWEST = 3
"""A job is done at least so often, however long it takes."""


def stages(
    path: Path, name: str, engine: str, accelerator: str, num_threads: int, seconds: float
) -> list[Result]:
    """`Detector.detect` on a seeded 720p NV12 frame, whole and by stage, by the wall's clock.

    Args:
        path: TFLite file.
        name: of its rows.
        engine, accelerator, num_threads: as `Detector.from_file` takes them.
        seconds: about how long to measure.
    """
    from edgecore.detector import Detector

    detector = Detector.from_file(
        path, engine=engine, accelerator=accelerator, num_threads=num_threads
    )
    width, height = MODEL_FRAME
    frame = Frame(rgb_to_nv12(pixels.picture(width, height)), width, height, "nv12")
    where = "" if accelerator == "cpu" else f" on {accelerator}"
    job = f"{name}{where}, {width}x{height} NV12 frame"
    return [
        result("detection", job, stage, [ms * 1000 for ms in times])
        for stage, times in _stages(detector, frame, seconds).items()
    ]


def invocations(
    path: Path, name: str, engine: str, accelerator: str, seconds: float
) -> Iterator[Result]:
    """`invoke` alone on 1, 2, 4, ... threads, up to as many as there are processors.

    An accelerator that is no processor's is measured once. A picture of open size has the one that
    a `Detector` gives it. Arguments as those of `stages`.

    Raises:
        ModelError: the engine refuses the model, or an input of open size is no picture.
    """
    from edgecore import engines

    chosen = engines.choose(engine)
    cores = len(os.sched_getaffinity(0)) if accelerator == "cpu" else 1
    count = 1
    while count <= cores:
        try:
            loaded = engines.load(path, chosen, accelerator, num_threads=count)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        _give_size(path, loaded)
        samples: list[float] = []
        for _ in range(WARM_UP):
            loaded.invoke()
        while len(samples) < FEWEST or sum(samples) < seconds * 1e6:
            started = time.perf_counter()
            loaded.invoke()
            samples.append((time.perf_counter() - started) * 1e6)
        threads = f"{count} thread{'s' if count > 1 else ''}"
        variant = threads if accelerator == "cpu" else accelerator
        yield result("invoke", f"{name} on {chosen}", variant, samples)
        count *= 2


def _give_size(path: Path, engine: Engine) -> None:
    """Inputs that a file leaves open have one pixel in an engine that nobody told more."""
    from edgecore.model import graph, read

    with graph.mapped(path) as data:
        inputs = graph.parse(data).inputs
    unsized = {index for index, tensor in enumerate(inputs) if -1 in tensor.shape[1:]}
    if not unsized:
        return
    facts = read(path)
    if unsized != {facts.input_index}:
        raise ModelError(
            f"{path}: expected at most the picture to be of open size, got inputs {sorted(unsized)}"
        )
    engine.resize(facts.input_index, facts.input_shape)


def _stages(detector: Detector, frame: Frame, seconds: float) -> dict[str, list[float]]:
    spent: dict[str, list[float]] = {"preprocess": [], "invoke": [], "postprocess": [], "whole": []}
    for _ in range(WARM_UP):
        detector.detect(frame)
    while len(spent["whole"]) < FEWEST or sum(spent["whole"]) < seconds * 1000:
        started = time.perf_counter()
        timings = detector.detect(frame).timings
        spent["whole"].append((time.perf_counter() - started) * 1e3)
        spent["preprocess"].append(timings.preprocess_ms)
        spent["invoke"].append(timings.invoke_ms)
        spent["postprocess"].append(timings.postprocess_ms)
    return spent
