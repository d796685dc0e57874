"""The careful script: OpenCV for pixels, NumPy for boxes, around the interpreter edgecore uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bench.peers.opencv_numpy import Preprocess, decode_yolov8
from edgecore import engines

NAME = "opencv+numpy"
VERSION = f"{cv2.__version__}, NumPy {np.__version__}"


def detector(model: Path) -> Callable[[np.ndarray], int]:
    engine = engines.load(model)
    size = engine.inputs[0].shape[1]
    prepare, spec = Preprocess(size), engine.outputs[0]

    def detect(nv12: np.ndarray) -> int:
        with engine.input(0) as tensor:
            tensor[...] = prepare(nv12)
        engine.invoke()
        with engine.output(0) as raw:
            xyxy, _, _ = decode_yolov8(raw, spec.scale, spec.zero_point, size, 0.25, 0.45)
        return len(xyxy)

    return detect
