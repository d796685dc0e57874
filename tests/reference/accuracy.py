"""COCO mean average precision of a detector over a folder of annotated pictures."""

import contextlib
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import edgecore

# COCO's names of classes that PASCAL VOC calls otherwise.
VOC_NAMES = {
    "airplane": "aeroplane",
    "couch": "sofa",
    "dining table": "diningtable",
    "motorcycle": "motorbike",
    "potted plant": "pottedplant",
    "tv": "tvmonitor",
}


class Precision(NamedTuple):
    """Mean average precision, over IoU thresholds 0.50 to 0.95 and at 0.50 alone."""

    map_50_95: float
    map_50: float


def mean_average_precision(
    detector: edgecore.Detector, folder: Path, labels: tuple[str, ...]
) -> Precision:
    """Of `detector` over `folder`/instances.json; classes that the folder lacks do not count."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "instances.json"))
        categories = {entry["name"]: entry["id"] for entry in truth.dataset["categories"]}
        found: list[dict[str, Any]] = []
        for entry in truth.dataset["images"]:
            with Image.open(folder / "images" / entry["file_name"]) as image:
                detections = detector.detect(np.asarray(image.convert("RGB")))
            for (x0, y0, x1, y1), score, number in zip(
                detections.xyxy.tolist(),
                detections.confidence.tolist(),
                detections.class_id.tolist(),
                strict=True,
            ):
                name = VOC_NAMES.get(labels[number], labels[number])
                if name in categories:
                    found.append(
                        {
                            "image_id": entry["id"],
                            "category_id": categories[name],
                            "bbox": [x0, y0, x1 - x0, y1 - y0],
                            "score": score,
                        }
                    )
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return Precision(float(evaluation.stats[0]), float(evaluation.stats[1]))
