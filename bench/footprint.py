"""One process, measured: `python -m bench.footprint WHAT [MODEL]` prints its figure.

What it imports or loads must be alone in its process, so every measurement is one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

HEIGHT, WIDTH = 720, 1280


def import_ms(module: str) -> float:
    """Processor time of an import where NumPy is there already."""
    begun = time.process_time_ns()
    __import__(module)
    return (time.process_time_ns() - begun) / 1e6


def resident_mb(load: Callable[[str], object], model: str) -> float:
    """What is in memory once a model has run, and is still loaded."""
    kept = load(model)
    status = Path("/proc/self/status").read_text().split("VmRSS:")[1]
    del kept
    return int(status.split()[0]) * 1024 / 1e6


def interpreter(model: str) -> object:
    """The engine alone, on its own input."""
    from ai_edge_litert.interpreter import Interpreter

    engine = Interpreter(model, num_threads=1)
    engine.allocate_tensors()
    for tensor in engine.get_input_details():
        engine.set_tensor(tensor["index"], np.zeros(tensor["shape"], tensor["dtype"]))
    engine.invoke()
    return engine


def edgecore(model: str) -> object:
    """A camera's frame to detections."""
    import edgecore

    detector = edgecore.Detector.from_file(model)
    frame = edgecore.Frame(np.zeros(HEIGHT * WIDTH * 3 // 2, np.uint8), WIDTH, HEIGHT, "nv12")
    return detector, frame, detector.detect(frame)


def mediapipe(model: str) -> object:
    """A picture to detections: it takes RGB."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ObjectDetectorOptions(base_options=BaseOptions(model_asset_path=model))
    detector = vision.ObjectDetector.create_from_options(options)
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
    return detector, image, detector.detect(image)


LOADED = {"interpreter": interpreter, "edgecore": edgecore, "mediapipe": mediapipe}

if __name__ == "__main__":
    what, *model = sys.argv[1:]
    print(resident_mb(LOADED[what], *model) if model else import_ms(what))
