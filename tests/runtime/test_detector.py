import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgecore
from edgecore import engines, model
from edgecore.heads import Ssd
from tests.reference import heads as reference

MODELS = [
    ("yolov8n_full_integer_quant", "bus.jpg"),
    ("yolov8n_int8", "bus.jpg"),
    ("yolov5n-int8", "zidane.jpg"),
    ("coco_ssd_mobilenet_v1_quant_metadata", "bus.jpg"),
    ("traffic_model", "traffic/0001.bmp"),
]


@lru_cache(maxsize=1)
def detector(file: Path, engine_name: str, **options: float) -> edgecore.Detector:
    return edgecore.Detector.from_file(file, engine=engine_name, **options)


@pytest.fixture
def models(test_data: Path) -> Path:
    return test_data / "models"


@pytest.fixture
def ssd_file(models: Path) -> Path:
    return models / "coco_ssd_mobilenet_v1_quant_metadata.tflite"


def picture(test_data: Path, name: str) -> np.ndarray:
    with Image.open(test_data / "images" / name) as image:
        return np.asarray(image.convert("RGB"))


def raw_outputs(det: edgecore.Detector) -> tuple[list[np.ndarray], list[tuple[float, int]]]:
    outputs, quantization = [], []
    for index in det.model.output_indices:
        with det.engine.output(index) as tensor:
            outputs.append(tensor.copy())
        spec = det.engine.outputs[index]
        quantization.append((spec.scale, spec.zero_point))
    return outputs, quantization


def plainly(
    det: edgecore.Detector, score_threshold: float, iou_threshold: float
) -> reference.Plain:
    outputs, quantization = raw_outputs(det)
    head = det.model.head
    if isinstance(head, Ssd):
        return reference.ssd(
            outputs, head, quantization, score_threshold=score_threshold, max_detections=300
        )
    return reference.yolo(
        outputs[0],
        head,
        *quantization[0],
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        max_detections=300,
    )


def assert_equal(found: edgecore.Detections, other: edgecore.Detections) -> None:
    np.testing.assert_array_equal(found.xyxy, other.xyxy)
    np.testing.assert_array_equal(found.confidence, other.confidence)
    np.testing.assert_array_equal(found.class_id, other.class_id)


@pytest.mark.parametrize(("name", "image"), MODELS, ids=[name for name, _ in MODELS])
def test_detections_are_those_of_the_plain_decoder(test_data, models, engine_name, name, image):
    det = detector(models / f"{name}.tflite", engine_name)
    rgb = picture(test_data, image)
    found = det.detect(rgb)
    plain = plainly(det, 0.25, 0.45)
    assert len(plain.confidence) > 0
    plan = edgecore.Preprocessor(det.input_size, fit=det.model.fit, anchor=det.model.anchor)
    plan(rgb)
    np.testing.assert_array_equal(found.xyxy, plan.unmap(plain.xyxy, rgb))
    np.testing.assert_array_equal(found.confidence, plain.confidence)
    np.testing.assert_array_equal(found.class_id, plain.class_id)
    assert found.truncated == plain.truncated

    outputs, quantization = raw_outputs(det)
    many = edgecore.decode(
        outputs, det.model.head, quantization, score_threshold=0.01, iou_threshold=0.7
    )
    plain = plainly(det, 0.01, 0.7)
    assert len(many) >= len(found)
    np.testing.assert_array_equal(many.xyxy, plain.xyxy)
    np.testing.assert_array_equal(many.confidence, plain.confidence)
    np.testing.assert_array_equal(many.class_id, plain.class_id)


def test_yolov8_finds_the_people_and_the_bus(test_data, models, engine_name):
    det = detector(models / "yolov8n_full_integer_quant.tflite", engine_name)
    found = det.detect(picture(test_data, "bus.jpg"))
    seen = sorted(zip(found.class_name, found.confidence.tolist(), strict=True))
    assert [name for name, _ in seen] == ["bus"] + 4 * ["person"]
    # Truncating where the picture is quantised gives just these; rounding moves two of them.
    confidence = [value for _, value in seen]
    np.testing.assert_allclose(confidence, [0.87, 0.39, 0.89, 0.89, 0.89], atol=0.05)
    bus = found.xyxy[found.class_name.index("bus")]
    np.testing.assert_allclose(bus, [15, 230, 800, 750], atol=25)


@pytest.mark.parametrize(("fit", "best"), [("letterbox", [0.73, 0.69]), ("stretch", [0.83, 0.73])])
def test_coco_ssd_finds_the_people_by_its_own_labels(test_data, ssd_file, engine_name, fit, best):
    facts = replace(model.read(ssd_file), fit=fit)
    det = edgecore.Detector(facts, engines.load(ssd_file, engine_name), score_threshold=0.67)
    found = det.detect(picture(test_data, "bus.jpg"))
    assert found.class_name == ["person", "person"]
    np.testing.assert_allclose(found.confidence, best, atol=0.02)


def test_labels_of_the_user_name_the_classes(test_data, models, engine_name):
    file = models / "yolov5n-int8.tflite"
    rgb = picture(test_data, "zidane.jpg")
    unnamed = detector(file, engine_name).detect(rgb)
    assert "0" in unnamed.class_name
    named = edgecore.Detector.from_file(
        file, engine=engine_name, labels=models / "coco80_labels.txt"
    )
    names = [named.labels[number] for number in unnamed.class_id]
    assert "person" in names
    assert named.detect(rgb).class_name == names


class SaturatedState:
    """An engine whose first-named output reads as the highest level after each invoke.

    The recurrent model at hand keeps a state of zeros whatever it sees (its gates are quantised
    with a scale of 1e-35), so a state is put where its own would be.
    """

    def __init__(self, engine: engines.Engine, output: int) -> None:
        self._engine = engine
        self._output = output
        self.fed: list[np.ndarray] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def invoke(self) -> None:
        with self._engine.input(2) as tensor:
            self.fed.append(tensor.copy())
        self._engine.invoke()

    @contextmanager
    def output(self, index: int) -> Iterator[np.ndarray]:
        with self._engine.output(index) as tensor:
            yield np.full_like(tensor, 255) if index == self._output else tensor


def test_recurrent_state_is_fed_back_until_reset(test_data, models, engine_name):
    file = models / "traffic_model.tflite"
    facts = model.read(file)
    assert facts.state == ((1, 4), (2, 5))
    engine = SaturatedState(engines.load(file, engine_name), output=5)
    det = edgecore.Detector(facts, engine, score_threshold=0.01)
    rgb = picture(test_data, "traffic/0001.bmp")
    first, again = det.detect(rgb), det.detect(rgb)
    assert not np.array_equal(first.confidence, again.confidence)
    det.reset_state()
    assert_equal(det.detect(rgb), first)
    assert_equal(det.detect(rgb), again)
    assert [int(state.max()) for state in engine.fed] == [0, 255, 0, 255]


def test_a_recurrent_model_runs_over_a_sequence(test_data, models, engine_name):
    det = edgecore.Detector.from_file(models / "traffic_model.tflite", engine=engine_name)
    frames = [picture(test_data, f"traffic/000{i}.bmp") for i in (1, 2, 3)]
    found = [det.detect(frame) for frame in frames]
    assert all(len(detections) > 0 for detections in found)
    det.reset_state()
    for frame, before in zip(frames, found, strict=True):
        assert_equal(det.detect(frame), before)


def test_a_frame_prepared_beforehand_gives_the_same(test_data, models, engine_name):
    for name in ("yolov8n_full_integer_quant", "coco_ssd_mobilenet_v1_quant_metadata"):
        det = detector(models / f"{name}.tflite", engine_name)
        frames = [picture(test_data, image) for image in ("bus.jpg", "zidane.jpg")]
        expected = [det.detect(frame) for frame in frames]
        buffers = [det.prepare(frame) for frame in frames]
        assert all(buffer.ctypes.data % 64 == 0 for buffer in buffers)
        for frame, buffer, other in zip(frames, buffers, expected, strict=True):
            assert_equal(det.detect(frame, prepared=buffer), other)
        assert det.prepare(frames[1], buffers[0]) is buffers[0]
        assert_equal(det.detect(frames[1], prepared=buffers[0]), expected[1])
        for wrong in (buffers[0][:-1], buffers[0].astype(np.float32)):
            with pytest.raises(ValueError, match=r"prepared must be u?int8 \(.*, got .*"):
                det.detect(frames[0], prepared=wrong)


def test_state_of_the_callers_own_leaves_the_detectors_alone(test_data, models, engine_name):
    file = models / "traffic_model.tflite"
    engine = SaturatedState(engines.load(file, engine_name), output=5)
    det = edgecore.Detector(model.read(file), engine, score_threshold=0.01)
    rgb = picture(test_data, "traffic/0001.bmp")
    one, other = det.new_state(), det.new_state()
    first, again = det.detect(rgb, state=one), det.detect(rgb, state=one)
    assert_equal(det.detect(rgb, state=other), first)
    assert_equal(det.detect(rgb), first)
    assert_equal(det.detect(rgb, state=one), again)


def test_a_frame_that_is_refused_does_not_stop_the_next(test_data, ssd_file, engine_name):
    det = detector(ssd_file, engine_name)
    rgb = picture(test_data, "bus.jpg")
    expected = det.detect(rgb)
    held = []
    for wrong in (rgb.astype(np.float32), rgb[..., 0], rgb[:0], None, rgb[..., :2]):
        with pytest.raises((TypeError, ValueError)) as caught:
            det.detect(wrong)
        held.append(caught)
        assert_equal(det.detect(rgb), expected)


def test_a_camera_frame_and_an_array_of_the_same_picture_agree(test_data, ssd_file, engine_name):
    det = detector(ssd_file, engine_name)
    rgb = picture(test_data, "bus.jpg")
    height, width = rgb.shape[:2]
    frame = edgecore.Frame(rgb, width, height, "rgb")
    assert_equal(det.detect(frame), det.detect(rgb))


def test_threads_wait_for_one_another(test_data, ssd_file, engine_name):
    det = detector(ssd_file, engine_name)
    frames = [picture(test_data, name) for name in ("bus.jpg", "zidane.jpg")]
    expected = [det.detect(frame) for frame in frames]
    failures: list[BaseException] = []

    def work(i: int) -> None:
        try:
            for _ in range(3):
                assert_equal(det.detect(frames[i]), expected[i])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i % 2,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_boxes_lie_within_the_frame_and_stages_are_timed(test_data, ssd_file, engine_name):
    det = detector(ssd_file, engine_name, score_threshold=0.0)
    rgb = picture(test_data, "zidane.jpg")
    found = det.detect(rgb)
    height, width = rgb.shape[:2]
    assert len(found) == 10
    assert found.xyxy.min() >= 0
    assert (found.xyxy[:, 2:] <= [width, height]).all()
    timings = found.timings
    assert min(timings.preprocess_ms, timings.invoke_ms, timings.postprocess_ms) > 0


def test_max_detections_bounds_and_says_so(test_data, ssd_file, engine_name):
    rgb = picture(test_data, "bus.jpg")
    every = detector(ssd_file, engine_name, score_threshold=0.0).detect(rgb)
    few = detector(ssd_file, engine_name, score_threshold=0.0, max_detections=3).detect(rgb)
    assert not every.truncated
    assert few.truncated
    np.testing.assert_array_equal(few.xyxy, every.xyxy[:3])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ssd_mobilenet_v2_raw_heads", "no known head: .*raw SSD"),
        ("person_detect", "refuses the model|no known head"),
        ("custom_op_error", "refuses the model: .*custom op"),
        ("no_such_file", "no such model file"),
    ],
)
def test_a_model_that_cannot_detect_is_refused_with_the_reason(models, engine_name, name, reason):
    with pytest.raises(edgecore.ModelError, match=reason):
        edgecore.Detector.from_file(models / f"{name}.tflite", engine=engine_name)


def test_labels_that_do_not_match_are_refused(models, engine_name):
    with pytest.raises(edgecore.ModelError, match="2 names, the model 80 classes"):
        edgecore.Detector.from_file(
            models / "yolov5n-int8.tflite", engine=engine_name, labels=["person", "car"]
        )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"score_threshold": 2.0}, "score_threshold"),
        ({"iou_threshold": float("nan")}, "iou_threshold"),
        ({"max_detections": 0}, "max_detections"),
        ({"num_threads": 0}, "num_threads"),
        ({"engine": "onnx"}, "engine"),
    ],
)
def test_argument_out_of_range_is_named(ssd_file, arguments, text):
    with pytest.raises(ValueError, match=text):
        edgecore.Detector.from_file(ssd_file, **arguments)
