"""The way to an NPU, on a vendor's real plug-in: Intel's, whose OpenVINO also compiles for a CPU.

It needs the OpenVINO that LiteRT's plug-in was built with, which `make npu` installs.
"""

import importlib.util
import threading

import numpy as np
import pytest
from PIL import Image

import edgecore
from edgecore import engines, model
from edgecore.errors import AcceleratorError
from tests.reference.nms import iou
from tests.runtime.model_files import File, Operator, Tensor, build
from tests.runtime.test_accelerators import reason_against

if importlib.util.find_spec("openvino") is None:
    pytest.skip("OpenVINO is not installed: make npu", allow_module_level=True)

NPU = "npu:intel_openvino?device=cpu"
REST = f"{NPU}&rest=cpu"
FLOOR = 8


@pytest.mark.parametrize(
    ("name", "picture", "choice"),
    [
        ("yolov8n_full_integer_quant", "bus.jpg", NPU),
        ("face_detection_short_range", "face.jpg", NPU),
        ("coco_ssd_mobilenet_v1_quant_metadata", "bus.jpg", REST),
        ("yolox_nano", "bus.jpg", REST),
    ],
)
def test_an_npu_finds_what_the_cpu_finds(test_data, name, picture, choice):
    """What the CPU is sure of is found at the same place with about the same confidence."""
    path = test_data / "models" / f"{name}.tflite"
    frame = np.asarray(Image.open(test_data / "images" / picture).convert("RGB"))
    cpu = edgecore.Detector.from_file(path, engine="litert", score_threshold=0.5)
    npu = edgecore.Detector.from_file(
        path, engine="litert", accelerator=choice, score_threshold=0.4
    )
    assert npu.info.accelerator == choice
    for seen in (frame, np.ascontiguousarray(frame[:, ::-1]), frame):
        sure, found = cpu.detect(seen), npu.detect(seen)
        assert len(sure.confidence) > 0
        overlap = np.stack([iou(found.xyxy, box) for box in sure.xyxy])
        overlap[sure.class_id[:, None] != found.class_id[None, :]] = 0
        best = overlap.argmax(axis=1)
        assert (overlap.max(axis=1) > 0.85).all()
        np.testing.assert_allclose(found.confidence[best], sure.confidence, atol=0.08)


def test_a_model_that_is_not_taken_whole_is_refused_without_leave_for_the_rest(test_data):
    path = test_data / "models" / "coco_ssd_mobilenet_v1_quant_metadata.tflite"
    with pytest.raises(AcceleratorError, match=r"rest=cpu lets the CPU run") as caught:
        edgecore.Detector.from_file(path, engine="litert", accelerator=NPU)
    assert caught.value.reason == "does not take this model"


def test_a_model_of_which_nothing_is_taken_is_refused_even_with_leave_for_the_rest(tmp_path):
    """LiteRT itself runs such a model on the CPU and says that it is accelerated."""
    tensors = [Tensor((1, 4, 4, 3), name="x"), Tensor((1, 4, 4, 3), name="y")]
    path = tmp_path / "floor.tflite"
    path.write_bytes(build(File(tensors, (0,), (1,), [Operator((0,), (1,), FLOOR)])))
    with pytest.raises(AcceleratorError, match="takes none of its operators"):
        model.verify(path, "litert", accelerator=REST)


def test_an_open_shape_is_no_model_for_an_npu(test_data):
    path = test_data / "models" / "ssd_mobilenet_v2_raw_heads.tflite"
    with pytest.raises(AcceleratorError, match=r"cannot be resized to \(1, 300, 300, 3\)"):
        model.verify(path, "litert", accelerator=REST)


@pytest.mark.parametrize("device", ["npu", "gpu"])
def test_a_device_that_is_not_there_is_absent(device):
    reason = reason_against("litert", f"npu:intel_openvino?device={device}")
    if reason is None:
        pytest.skip(f"this machine has an Intel {device}")
    assert reason in {"device absent", "permission"}


def test_two_engines_run_at_once_and_agree(test_data):
    path = test_data / "models" / "fomo_balloon.tflite"
    pair = [engines.load(path, "litert", NPU) for _ in range(2)]
    values = np.random.default_rng(1).integers(-128, 128, pair[0].inputs[0].shape, np.int8)
    outputs: list[list[np.ndarray]] = [[], []]

    def run(which: int) -> None:
        for _ in range(20):
            with pair[which].input(0) as array:
                array[...] = values
            pair[which].invoke()
            with pair[which].output(0) as array:
                outputs[which].append(array.copy())

    threads = [threading.Thread(target=run, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(each) for each in outputs] == [20, 20]
    for array in outputs[0] + outputs[1]:
        np.testing.assert_array_equal(array, outputs[0][0])
