"""Accuracy on real pictures: near the reference figures, so that nothing in the way is broken.

That nothing in the decoder is wrong is shown in test_detector.py, on identical tensors.
"""

import pytest

import edgecore
from edgecore import engines
from tests.reference.accuracy import mean_average_precision

# mAP 50-95 and 50 of a float NumPy and OpenCV pipeline on the same models and pictures.
REFERENCE = {
    "yolov8n_full_integer_quant": (0.6281, 0.8241),
    "yolov8n_int8": (0.6448, 0.8239),
    "yolov5n-int8": (0.4251, 0.6897),
}

# Above the table by more than 0.02: with the same decoder and evaluation an exact float resize has
# 0.639 here, and our own, which differs from it by one level in 0.3 % of the pixels, 0.658. The set
# is that small, and the table's own resize lies on the other side of the exact one.
ABOVE = {"yolov8n_full_integer_quant": 0.035}

# 150 invokes of quantised models take minutes on tflite-runtime, so they wait for the long tier.
ENGINES = [
    pytest.param(name, marks=[pytest.mark.slow, pytest.mark.timeout(1800)] * (name == "tflite"))
    for name, reason in engines.available().items()
    if reason is None
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", REFERENCE)
def test_precision_is_near_the_reference_pipelines(test_data, engine, name):
    labels = tuple((test_data / "models" / "coco80_labels.txt").read_text().split("\n"))
    detector = edgecore.Detector.from_file(
        test_data / "models" / f"{name}.tflite",
        engine=engine,
        score_threshold=0.001,
        iou_threshold=0.7,
        max_detections=300,
    )
    measured = mean_average_precision(detector, test_data / "voc50", labels)
    for value, reference in zip(measured, REFERENCE[name], strict=True):
        assert reference - 0.02 <= value <= reference + ABOVE.get(name, 0.02)
