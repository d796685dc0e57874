"""Tensor memory written and read in place is the memory the engine uses, wherever it moves."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from edgecore import engines
from edgecore.errors import EngineError

# name -> shapes that input 0 is resized to, in turn; () leaves it as loaded.
MODELS = {
    "coco_ssd_mobilenet_v1_quant_metadata": [(), (1, 300, 300, 3)],
    "face_detection_short_range": [(), (1, 128, 128, 3)],
    "fomo_balloon": [(), (1, 96, 96, 3)],
    "ssd_mobilenet_v2_raw_heads": [(1, 300, 300, 3), (1, 160, 224, 3), (1, 300, 300, 3)],
    "traffic_model": [(), (1, 256, 256, 3)],
    "yolov5n-int8": [(1, 640, 640, 3)],
    "yolov8n_full_integer_quant": [(1, 640, 640, 3)],
    "yolov8n_int8": [(1, 640, 640, 3)],
    "yolox_nano": [(), (1, 416, 416, 3)],
}
MODULES = {"litert": "ai_edge_litert.interpreter", "tflite": "tflite_runtime.interpreter"}


def random_tensor(rng, shape, dtype):
    if np.issubdtype(dtype, np.floating):
        return rng.random(shape, dtype=np.float32).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape, dtype=dtype)


class CopyingTwin:
    """The same model through set_tensor and get_tensor only."""

    def __init__(self, engine_name: str, path: Path):
        module = importlib.import_module(MODULES[engine_name])
        self.interpreter = module.Interpreter(model_path=str(path), num_threads=1)
        self.interpreter.allocate_tensors()

    def resize(self, shape):
        index = self.interpreter.get_input_details()[0]["index"]
        self.interpreter.resize_tensor_input(index, shape)
        self.interpreter.allocate_tensors()

    def run(self, values):
        details = self.interpreter.get_input_details()
        for detail, value in zip(details, values, strict=True):
            self.interpreter.set_tensor(detail["index"], value)
        self.interpreter.invoke()
        return [
            self.interpreter.get_tensor(detail["index"])
            for detail in self.interpreter.get_output_details()
        ]


def address(array) -> int:
    return array.__array_interface__["data"][0]


def fill(engine, values) -> None:
    for index, value in enumerate(values):
        with engine.input(index) as array:
            assert array.shape == value.shape
            assert array.dtype == value.dtype
            array[...] = value


@pytest.mark.parametrize("model", MODELS)
def test_writes_in_place_reach_the_engine_over_resizes_and_invokes(test_data, engine_name, model):
    path = test_data / "models" / f"{model}.tflite"
    engine = engines.load(path, engine_name)
    twin = CopyingTwin(engine_name, path)
    rng = np.random.default_rng(7)
    for shape in MODELS[model]:
        if shape:
            engine.resize(0, shape)
            twin.resize(shape)
        for _ in range(2):
            values = [random_tensor(rng, s.shape, np.dtype(s.dtype)) for s in engine.inputs]
            fill(engine, values)
            engine.invoke()
            expected = twin.run(values)
            assert len(engine.outputs) == len(expected)
            for index, right in enumerate(expected):
                with engine.output(index) as got:
                    np.testing.assert_array_equal(got, right)
                assert engine.outputs[index].shape == right.shape


def test_every_view_has_the_address_of_its_own_moment(test_data, engine_name):
    engine = engines.load(test_data / "models" / "ssd_mobilenet_v2_raw_heads.tflite", engine_name)
    raw = engine._interpreter
    position = raw.get_input_details()[0]["index"]
    for shape in [(1, 96, 96, 3), (1, 320, 320, 3), (1, 96, 96, 3)]:
        engine.resize(0, shape)
        for _ in range(3):
            with engine.input(0) as array:
                assert address(array) == address(raw.tensor(position)())
                assert array.shape == shape
            engine.invoke()


def test_output_without_memory_before_the_first_invoke_is_an_error_not_a_crash(
    test_data, engine_name
):
    engine = engines.load(test_data / "models" / "ssd_mobilenet_v2_raw_heads.tflite", engine_name)
    engine.resize(0, (1, 300, 300, 3))
    with pytest.raises(EngineError, match="no memory"), engine.output(0):
        pass
    engine.invoke()
    with engine.output(0) as array:
        assert array.shape == (1, 38, 38, 12)


def test_view_is_emptied_when_its_block_ends(test_data, engine_name):
    engine = engines.load(test_data / "models" / "fomo_balloon.tflite", engine_name)
    with engine.input(0) as array:
        array[...] = 0
    assert array.size == 0
    assert array.base is None
    engine.invoke()


def test_invoke_and_resize_raise_inside_a_view_and_work_after_it(test_data, engine_name):
    engine = engines.load(test_data / "models" / "fomo_balloon.tflite", engine_name)
    with engine.input(0):
        with pytest.raises(EngineError, match="view"):
            engine.invoke()
        with pytest.raises(EngineError, match="view"):
            engine.resize(0, (1, 96, 96, 3))
    engine.invoke()


def test_a_slice_that_outlives_its_block_stays_readable_and_makes_invoke_raise(
    test_data, engine_name
):
    engine = engines.load(test_data / "models" / "fomo_balloon.tflite", engine_name)
    with engine.input(0) as array:
        array[...] = 5
        kept = array[0, :2]
    with pytest.raises(EngineError, match="view"):
        engine.invoke()
    assert (kept == 5).all()
    del kept
    engine.invoke()


def test_output_view_cannot_be_written(test_data, engine_name):
    engine = engines.load(test_data / "models" / "fomo_balloon.tflite", engine_name)
    engine.invoke()
    with engine.output(0) as array, pytest.raises(ValueError, match="read-only"):
        array[...] = 0
