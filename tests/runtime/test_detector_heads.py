"""Real models whose head is decoded from its raw numbers, and what may be asked of any head."""

import numpy as np
import pytest
from PIL import Image

import edgecore


def picture(test_data, name: str) -> np.ndarray:
    with Image.open(test_data / "images" / name) as image:
        return np.asarray(image.convert("RGB"))


def test_yolox_finds_the_people_and_the_bus(test_data, engine_name):
    models = test_data / "models"
    labels = models / "coco80_labels.txt"
    det = edgecore.Detector.from_file(
        models / "yolox_nano.tflite", engine=engine_name, labels=labels
    )
    found = det.detect(picture(test_data, "bus.jpg"))
    assert found.class_name[0] == "bus"
    assert found.class_name.count("person") >= 3
    assert set(found.class_name) == {"bus", "person"}
    np.testing.assert_allclose(found.xyxy[0], [13, 231, 801, 735], atol=8)


@pytest.mark.parametrize(
    ("image", "confidence", "eyes"),
    [
        ("face.jpg", 0.98, [[278, 99], [321, 94]]),
        ("grace_hopper.bmp", 0.93, [[218, 192], [308, 183]]),
    ],
)
def test_blazeface_finds_a_face_and_its_eyes(test_data, engine_name, image, confidence, eyes):
    file = test_data / "models/face_detection_short_range.tflite"
    found = edgecore.Detector.from_file(file, engine=engine_name).detect(picture(test_data, image))
    assert found.class_name[0] == "face"
    assert found.confidence[0] == pytest.approx(confidence, abs=0.01)
    assert found.keypoints is not None
    assert found.keypoints.shape == (len(found), 6, 2)
    assert found.keypoints.dtype == np.float32
    np.testing.assert_allclose(found.keypoints[0, :2], eyes, atol=4)


def test_fomo_runs(test_data, engine_name):
    file = test_data / "models/fomo_balloon.tflite"
    det = edgecore.Detector.from_file(file, engine=engine_name)
    assert len(det.detect(picture(test_data, "face.jpg"))) == 0
    assert det.model.fit == "stretch"


def test_class_lists_name_labels_or_ids(test_data, engine_name):
    file = test_data / "models/yolov8n_full_integer_quant.tflite"
    image = picture(test_data, "bus.jpg")

    def names(**lists):
        det = edgecore.Detector.from_file(file, engine=engine_name, **lists)
        return set(det.detect(image).class_name)

    assert names(category_allowlist=["bus"]) == {"bus"}
    assert names(category_denylist=[0, "truck"]) == {"bus"}
    with pytest.raises(ValueError, match="expected labels of the model, got 'buss'"):
        names(category_allowlist=["buss"])
    with pytest.raises(TypeError, match="expected a sequence of labels or class ids, got 'bus'"):
        names(category_allowlist="bus")
