"""Camera frame to model input, and raw tensor to detections, on real input.

The frame is images/bus.jpg scaled to 1280 x 720 and turned into NV12; the tensor is what
yolov8n_full_integer_quant answers for it. Both stay hot in the cache.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecore
from edgecore import engines, heads
from edgecore.synthetic import rgb_to_nv12
from tests.reference.preprocess import pixels

SIZE = 640
MODEL = "models/yolov8n_full_integer_quant.tflite"
PREPROCESS = "NV12 1280x720 to 640x640 letterbox int8, bilinear"
DECODE = "yolov8n int8 on a real picture, to detections"
INVOKE = "yolov8n int8 640, for scale"


@pytest.fixture(scope="module")
def nv12(test_data: Path) -> np.ndarray:
    picture = Image.open(test_data / "images/bus.jpg").convert("RGB").resize((1280, 720))
    return np.ascontiguousarray(rgb_to_nv12(np.asarray(picture)))


def model_input(nv12: np.ndarray) -> np.ndarray:
    frame = edgecore.Frame(nv12, 1280, 720, format="nv12")
    return edgecore.preprocess(
        frame, (SIZE, SIZE), dtype="int8", std=255.0, scale=1 / 255, zero_point=-128
    )


@pytest.fixture(scope="module")
def engine(test_data: Path) -> Any:
    return engines.load(test_data / MODEL)


@pytest.fixture(scope="module")
def raw(engine: Any, nv12: np.ndarray) -> np.ndarray:
    with engine.input(0) as array:
        array[0] = model_input(nv12)
    engine.invoke()
    with engine.output(0) as array:
        return np.array(array)


def error_levels(got: np.ndarray, nv12: np.ndarray, chroma: str) -> float:
    frame = edgecore.Frame(nv12, 1280, 720, format="nv12")
    wanted = pixels(frame, (SIZE, SIZE), chroma=chroma)
    return float(np.abs(got.reshape(wanted.shape).astype(np.float64) + 128 - wanted).max())


def test_preprocess_edgecore(benchmark: Any, nv12: np.ndarray) -> None:
    plan = edgecore.Preprocessor(
        (SIZE, SIZE), dtype="int8", std=255.0, scale=1 / 255, zero_point=-128
    )
    frame = edgecore.Frame(nv12, 1280, 720, format="nv12")
    out = np.empty((SIZE, SIZE, 3), np.int8)
    benchmark.group = PREPROCESS
    benchmark(plan, frame, out)
    error = error_levels(out, nv12, "bilinear")
    benchmark.extra_info.update(implementation="edgecore", error=f"{error:.2f} levels")
    assert error <= 1.0


def test_preprocess_opencv(benchmark: Any, nv12: np.ndarray) -> None:
    peer = pytest.importorskip("bench.peers.opencv_numpy").Preprocess(SIZE)
    benchmark.group = PREPROCESS
    got = benchmark(peer, nv12)
    error = error_levels(got, nv12, "nearest")
    benchmark.extra_info.update(
        implementation="opencv+numpy", role="peer", error=f"{error:.2f} levels"
    )


def test_decode_edgecore(benchmark: Any, raw: np.ndarray, engine: Any) -> None:
    head = heads.YoloV8(80, (SIZE, SIZE))
    quantization = [(engine.outputs[0].scale, engine.outputs[0].zero_point)]
    benchmark.group = DECODE
    found = benchmark(edgecore.decode, [raw], head, quantization)
    benchmark.extra_info.update(implementation="edgecore", detections=len(found))
    assert len(found) > 0


def test_decode_opencv(benchmark: Any, raw: np.ndarray, engine: Any) -> None:
    peer = pytest.importorskip("bench.peers.opencv_numpy")
    spec = engine.outputs[0]
    benchmark.group = DECODE
    xyxy, _, _ = benchmark(peer.decode_yolov8, raw, spec.scale, spec.zero_point, SIZE, 0.25, 0.45)
    ours = edgecore.decode([raw], heads.YoloV8(80, (SIZE, SIZE)), [(spec.scale, spec.zero_point)])
    benchmark.extra_info.update(implementation="opencv+numpy", role="peer", detections=len(xyxy))
    assert len(xyxy) == len(ours)


def test_invoke(benchmark: Any, engine: Any, nv12: np.ndarray) -> None:
    with engine.input(0) as array:
        array[0] = model_input(nv12)
    benchmark.group = INVOKE
    benchmark.pedantic(engine.invoke, rounds=20, warmup_rounds=2)
    benchmark.extra_info.update(implementation=engine.name)
