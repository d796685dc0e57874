"""A model compiled by LiteRT is an engine like the others, whatever hardware it is for.

For the CPU every LiteRT has it, so its rules are tested everywhere; on an NPU's plug-in see
test_npu.py.
"""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from edgecore import engines
from edgecore.errors import AcceleratorError, EngineError
from tests.runtime.model_files import ADD, File, Operator, Tensor, build, relu

pytest.importorskip("ai_edge_litert", reason="compiled models are LiteRT's")

from ai_edge_litert.interpreter import Interpreter

from edgecore.engines import litert_api
from edgecore.engines.accelerator import parse
from edgecore.engines.compiled import CompiledEngine
from edgecore.engines.vendors import Target

MODELS = [
    "fomo_balloon",
    "coco_ssd_mobilenet_v1_quant_metadata",
    "face_detection_short_range",
    "traffic_model",
    "yolov8n_full_integer_quant",
    "yolox_nano",
]


def compiled(model: bytes) -> CompiledEngine:
    def create():
        return Interpreter(model_content=model, num_threads=1)

    return CompiledEngine(parse("gpu"), model, Target(litert_api.CPU), create)


def fill(engine, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for index, spec in enumerate(engine.inputs):
        with engine.input(index) as array:
            array[...] = (rng.random(spec.shape) * 100).astype(spec.dtype)


def results(engine) -> list[np.ndarray]:
    found = []
    for index in range(len(engine.outputs)):
        with engine.output(index) as array:
            found.append(array.copy())
    return found


@pytest.mark.parametrize("name", MODELS)
def test_compiled_for_the_cpu_gives_what_the_interpreter_gives(test_data, name):
    """Post-processed outputs among them, which have no size before a run, and states."""
    model = (test_data / "models" / f"{name}.tflite").read_bytes()
    pair = compiled(model), engines.load(model, "litert")
    assert pair[0].inputs == pair[1].inputs
    for seed in (1, 2):
        for engine in pair:
            fill(engine, seed)
            engine.invoke()
        assert pair[0].outputs == pair[1].outputs
        for one, other in zip(*map(results, pair), strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_open_shape_is_resized(test_data):
    model = (test_data / "models" / "ssd_mobilenet_v2_raw_heads.tflite").read_bytes()
    pair = compiled(model), engines.load(model, "litert")
    for side in (96, 300):
        for engine in pair:
            engine.resize(0, (1, side, side, 3))
            fill(engine, side)
            engine.invoke()
        assert [spec.shape for spec in pair[0].outputs] == [spec.shape for spec in pair[1].outputs]
        for one, other in zip(*map(results, pair), strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=r"where -1 is free, got \(1, 96, 96, 1\)"):
        pair[0].resize(0, (1, 96, 96, 1))


def test_one_input_keeps_its_new_shape_when_another_is_resized():
    shape, signature = (1, 4, 4, 3), (1, -1, -1, 3)
    tensors = [Tensor(shape, name=name, signature=signature) for name in "xyz"]
    model = build(File(tensors, (0, 1), (2,), [Operator((0, 1), (2,), ADD)]))
    engine = compiled(model)
    engine.resize(0, (1, 1, 1, 3))
    engine.resize(1, (1, 2, 2, 3))
    assert [spec.shape for spec in engine.inputs] == [(1, 1, 1, 3), (1, 2, 2, 3)]
    for index, value in enumerate((1, 2)):
        with engine.input(index) as array:
            array[...] = value
    engine.invoke()
    with engine.output(0) as array:
        np.testing.assert_array_equal(array, np.full((1, 2, 2, 3), 3, np.float32))
    with pytest.raises(EngineError, match="cannot be resized to"):
        engine.resize(0, (1, 3, 3, 3))
    assert [spec.shape for spec in engine.inputs] == [shape, shape]
    engine.invoke()


def test_a_slice_that_outlives_its_block_keeps_its_memory_and_stops_the_engine():
    engine = compiled(relu())
    with engine.input(0) as array:
        array[...] = 7
    assert array.size == 0
    engine.invoke()
    with engine.output(0) as array:
        kept = array[0, 0]
        with pytest.raises(ValueError, match="read-only"):
            kept[...] = 1
    with pytest.raises(EngineError, match="a view of a tensor is still alive"):
        engine.invoke()
    with pytest.raises(EngineError, match="a view of a tensor is still alive"):
        engine.resize(0, (1, 4, 4, 3))
    del engine
    np.testing.assert_array_equal(kept, np.full((4, 3), 7, np.float32))


def test_an_engine_goes_on_when_the_slice_is_dropped():
    engine = compiled(relu())
    with engine.input(0) as array:
        kept = array[0]
    with pytest.raises(EngineError, match="still alive"):
        engine.invoke()
    del kept
    engine.invoke()


@pytest.mark.parametrize("kept", [0, 7, 200, 5000, 20000])
def test_a_truncated_model_is_refused(test_data, kept):
    """LiteRT's own compiled model crashes on some of these."""
    model = (test_data / "models" / "fomo_balloon.tflite").read_bytes()[:kept]
    with pytest.raises((ValueError, RuntimeError)):
        compiled(model)


def test_hardware_without_a_vendor_is_an_accelerator_error():
    def create():
        return Interpreter(model_content=relu())

    with pytest.raises(AcceleratorError, match=r"gpu: .*LiteRtCreateCompiledModel"):
        CompiledEngine(parse("gpu"), relu(), Target(litert_api.NPU), create)


@pytest.mark.parametrize("load", [compiled, lambda model: engines.load(model, "litert")])
def test_other_threads_run_while_a_model_does(test_data, load):
    """With a switch interval longer than the test, a thread runs on only if it is let."""
    model = (test_data / "models" / "yolov8n_full_integer_quant.tflite").read_bytes()
    engine = load(model)
    fill(engine, 1)
    count, ended = 0, threading.Event()

    def go_on() -> None:
        nonlocal count
        while not ended.is_set():
            count += 1
            time.sleep(0.0005)

    other = threading.Thread(target=go_on)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        other.start()
        before = count
        for _ in range(10):
            engine.invoke()
        after = count
    finally:
        sys.setswitchinterval(interval)
        ended.set()
        other.join()
    assert after > before


LEAVING = """
import sys
from edgecore import engines
from edgecore.engines import litert_api
from edgecore.engines.accelerator import parse
from edgecore.engines.compiled import CompiledEngine
from edgecore.engines.vendors import Target
from ai_edge_litert.interpreter import Interpreter

model = open(sys.argv[1], "rb").read()
create = lambda: Interpreter(model_content=model)
for _ in range(3):
    try:
        CompiledEngine(parse("gpu"), model, Target(litert_api.NPU), create)
    except engines.EngineError:
        pass
kept = CompiledEngine(parse("gpu"), model, Target(litert_api.CPU), create)
kept.invoke()
"""


def test_a_process_leaves_in_peace_with_engines_alive_and_engines_refused(test_data):
    path = test_data / "models" / "fomo_balloon.tflite"
    script = LEAVING.replace("engines.EngineError", "Exception")
    left = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert left.returncode == 0, left.stderr
