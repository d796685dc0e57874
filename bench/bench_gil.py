"""How free the GIL is while a frame is detected, as another thread finds it that asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecore
from bench import gil
from bench.targets import DETECT
from edgecore.synthetic import rgb_to_nv12

MODEL = "models/yolov8n_full_integer_quant.tflite"
INVOKE = "invoke of a compiled model, yolov8n int8 640"
SECONDS = 6.0


@pytest.fixture(scope="module")
def nap(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return gil.build_nap(tmp_path_factory.mktemp("nap"))


@pytest.fixture(scope="module")
def model(test_data: Path) -> bytes:
    return (test_data / MODEL).read_bytes()


def measure(benchmark: Any, group: str, nap: Any, name: str, role: str, call: Any) -> float:
    benchmark.group = group
    benchmark.pedantic(call, rounds=10, warmup_rounds=2)
    percent = round(gil.percent_free(nap, call, SECONDS), 1)
    benchmark.extra_info.update({"implementation": name, "role": role, "% GIL free": percent})
    return percent


def test_detect(benchmark: Any, nap: Any, test_data: Path) -> None:
    picture = Image.open(test_data / "images/bus.jpg").convert("RGB").resize((1280, 720))
    nv12 = np.ascontiguousarray(rgb_to_nv12(np.asarray(picture)))
    frame = edgecore.Frame(nv12, 1280, 720, format="nv12")
    detector = edgecore.Detector.from_file(test_data / MODEL)
    measure(benchmark, DETECT, nap, "edgecore", "edgecore", lambda: detector.detect(frame))


def test_a_loop_in_python(benchmark: Any, nap: Any) -> None:
    """The control: a call that never lets go."""
    measure(benchmark, DETECT, nap, "sum(range(10**6))", "yardstick", lambda: sum(range(10**6)))


def test_compiled_model_by_the_c_api(benchmark: Any, nap: Any, model: bytes) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    from edgecore.engines import litert_api
    from edgecore.engines.accelerator import parse
    from edgecore.engines.compiled import CompiledEngine
    from edgecore.engines.vendors import Target

    engine = CompiledEngine(
        parse("npu"),
        model,
        Target(litert_api.CPU),
        lambda: interpreter.Interpreter(model_content=model),
    )
    measure(benchmark, INVOKE, nap, "edgecore", "edgecore", engine.invoke)


def test_compiled_model_of_litert(benchmark: Any, nap: Any, model: bytes) -> None:
    compiled_model = pytest.importorskip("ai_edge_litert.compiled_model")
    compiled = compiled_model.CompiledModel.from_buffer(model)
    inputs, outputs = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
    name = "ai_edge_litert CompiledModel"
    measure(benchmark, INVOKE, nap, name, "peer", lambda: compiled.run_by_index(0, inputs, outputs))
