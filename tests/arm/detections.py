"""Every step of a detection on this machine, written down for another machine to repeat.

python -m tests.arm.detections FILE
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import edgecore
from edgecore import engines, model

MODELS = {
    "yolov8n_full_integer_quant": "bus.jpg",
    "yolov8n_int8": "bus.jpg",
    "yolov5n-int8": "zidane.jpg",
    "yolox_nano": "bus.jpg",
    "coco_ssd_mobilenet_v1_quant_metadata": "bus.jpg",
    "traffic_model": "traffic/0001.bmp",
}
"""Each model that is repeated, and the picture that it looks at."""

THRESHOLD = 0.25
"""Of all scores."""


@dataclass(frozen=True)
class Steps:
    """What went into a detection and what came out after each of its steps."""

    picture: NDArray[np.uint8]
    prepared: NDArray[np.generic]
    outputs: dict[int, NDArray[np.generic]]
    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32]


class Observed:
    """An engine whose tensors are kept, or, with `outputs`, one that gives those of another."""

    def __init__(
        self, engine: engines.Engine, outputs: dict[int, NDArray[np.generic]] | None = None
    ) -> None:
        self._engine = engine
        self._repeats = outputs is not None
        self.prepared: list[NDArray[np.generic]] = []
        self.given = outputs or {}

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def invoke(self) -> None:
        with self._engine.input(0) as tensor:
            self.prepared.append(tensor.copy())
        if self._repeats:
            return
        self._engine.invoke()
        for index in range(len(self._engine.outputs)):
            with self._engine.output(index) as tensor:
                self.given[index] = tensor.copy()

    @contextmanager
    def output(self, index: int) -> Iterator[NDArray[np.generic]]:
        yield self.given[index]


def detect(
    file: Path,
    engine_name: str,
    picture: NDArray[np.uint8],
    outputs: dict[int, NDArray[np.generic]] | None = None,
) -> Steps:
    """One detection's steps; with `outputs`, those stand in for what the engine would infer."""
    engine = Observed(engines.load(file, engine_name), outputs)
    detector = edgecore.Detector(model.read(file), engine, score_threshold=THRESHOLD)
    found = detector.detect(picture)
    return Steps(
        picture,
        engine.prepared[0],
        engine.given,
        found.xyxy,
        found.confidence,
        found.class_id,
    )


def write(path: Path, data: Path) -> None:
    """The steps of every model of MODELS, by the preferred engine."""
    arrays = {}
    for name, image in MODELS.items():
        with Image.open(data / "images" / image) as opened:
            picture = np.asarray(opened.convert("RGB"))
        steps = detect(data / "models" / f"{name}.tflite", engines.choose(), picture)
        for step in ("picture", "prepared", "xyxy", "confidence", "class_id"):
            arrays[f"{name}/{step}"] = getattr(steps, step)
        for index, tensor in steps.outputs.items():
            arrays[f"{name}/output/{index}"] = tensor
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


def read(path: Path, name: str) -> Steps:
    """The steps of one model, as `write` left them."""
    with np.load(path) as arrays:
        mine = {key.removeprefix(f"{name}/"): arrays[key] for key in arrays if key.startswith(name)}
    outputs = {int(key.split("/")[1]): mine.pop(key) for key in list(mine) if "output/" in key}
    return Steps(outputs=outputs, **mine)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(os.environ["EDGECORE_TEST_DATA"]))
