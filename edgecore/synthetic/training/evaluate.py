"""How good a model is on rendered scenes that no training has seen.

`python -m edgecore.synthetic.training.evaluate` judges the embedded one.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import edgecore
from edgecore.evaluation import Precision, average_precision, results
from edgecore.model import embedded
from edgecore.synthetic import CLASS_NAMES, rgb_to_nv12
from edgecore.synthetic.scene import Truth
from edgecore.synthetic.training.dataset import is_counted
from edgecore.synthetic.training.scenes import HEIGHT, WIDTH, Sample, drives, scenes

CATEGORIES = {number: number + 1 for number in range(len(CLASS_NAMES))}
"""Category id of a class id."""

FIRST_SEED = 1000
"""Of the places to judge by; seeds of training lie above, those of everyday drives below."""

DISTANCES_M = (0, 10, 20, 40, 60, 80)
LEAST_OVERLAP = 0.5
LEAST_SCORE = 0.25


class Lead(NamedTuple):
    """How the vehicle ahead is found between two distances.

    Attributes:
        nearest_m: from here on,
        seen: so many were there.
        recall: share of them that a vehicle's box overlaps by LEAST_OVERLAP or more.
        height_error: median of how much that box's height is off, as a part of the true one.
    """

    nearest_m: int
    seen: int
    recall: float
    height_error: float


class Report(NamedTuple):
    """What `evaluate` found."""

    pictures: int
    precision: dict[str, Precision]
    lead: list[Lead]


def held_out(places: int, per_place: int) -> Iterator[Sample]:
    """Scenes to judge by; every third place is a live drive, as in training."""
    for place in range(places):
        make = drives if place % 3 == 0 else scenes
        yield from make(FIRST_SEED + place, per_place)


def detect(detector: edgecore.Detector, sample: Sample) -> edgecore.Detections:
    """What is found in the picture as a camera would deliver it."""
    frame = edgecore.Frame(rgb_to_nv12(sample[0]), WIDTH, HEIGHT, format="nv12")
    return detector.detect(frame)


def evaluate(model: Path, samples: Iterable[Sample]) -> Report:
    """Average precision of each class, and how well the vehicle ahead is found.

    Objects too small or too hidden to count (`dataset.is_counted`) are neither missed nor false.
    """
    detector = edgecore.Detector.from_file(model, score_threshold=0.01)
    annotations: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    leads: list[tuple[float, float | None]] = []
    pictures = 0
    for picture, sample in enumerate(samples, 1):
        detections, truths = detect(detector, sample), sample[1]
        annotations += [_annotation(picture, truth) for truth in truths]
        found += results(picture, detections, CATEGORIES)
        leads += [
            (truth.distance_m, _height_error(truth, detections))
            for truth in truths
            if truth.is_lead and is_counted(truth)
        ]
        pictures = picture
    return Report(pictures, _average_precision(pictures, annotations, found), _by_distance(leads))


def _annotation(picture: int, truth: Truth) -> dict[str, Any]:
    x0, y0, x1, y1 = truth.xyxy
    return {
        "image_id": picture,
        "category_id": CLASS_NAMES.index(truth.class_name) + 1,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": int(not is_counted(truth)),
    }


def _average_precision(
    pictures: int, annotations: list[dict[str, Any]], found: list[dict[str, Any]]
) -> dict[str, Precision]:
    truth = {
        "images": [{"id": number} for number in range(1, pictures + 1)],
        "categories": [{"id": number, "name": n} for number, n in enumerate(CLASS_NAMES, 1)],
        "annotations": [{"id": number, **a} for number, a in enumerate(annotations, 1)],
    }
    return average_precision(truth, found).by_class


def _height_error(truth: Truth, detections: edgecore.Detections) -> float | None:
    """Relative, of the best vehicle's box on the object; None where none overlaps enough."""
    best, error = LEAST_OVERLAP, None
    height = truth.xyxy[3] - truth.xyxy[1]
    rows = zip(detections.xyxy, detections.confidence, detections.class_name, strict=True)
    for row, score, name in rows:
        x0, y0, x1, y1 = (float(edge) for edge in row)
        if name == "person" or score < LEAST_SCORE:
            continue
        share = overlap((x0, y0, x1, y1), truth.xyxy)
        if share >= best:
            best, error = share, abs((y1 - y0) / height - 1)
    return error


def overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    whole = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return common / (whole - common)


def _by_distance(leads: Sequence[tuple[float, float | None]]) -> list[Lead]:
    rows = []
    for near, far in zip(DISTANCES_M, [*DISTANCES_M[1:], np.inf], strict=True):
        errors = [error for distance, error in leads if near <= distance < far]
        hits = [error for error in errors if error is not None]
        if errors:
            recall, error = len(hits) / len(errors), float(np.median(hits)) if hits else np.nan
            rows.append(Lead(near, len(errors), recall, error))
    return rows


def main() -> None:
    """Print accuracy on held-out rendered scenes as Markdown."""
    parser = argparse.ArgumentParser(
        prog="python -m edgecore.synthetic.training.evaluate", description=main.__doc__
    )
    parser.add_argument("model", type=Path, nargs="?", default=embedded())
    parser.add_argument("--places", type=int, default=30, help="places of 20 scenes each")
    chosen = parser.parse_args()
    report = evaluate(chosen.model, held_out(chosen.places, 20))
    print(f"{report.pictures} pictures\n\n| class | AP50 | AP50-95 |\n|---|---|---|")
    for name, precision in report.precision.items():
        print(f"| {name} | {precision.map_50:.3f} | {precision.map_50_95:.3f} |")
    print("\n| vehicle ahead, from | pictures | recall | height off by |\n|---|---|---|---|")
    for lead in report.lead:
        print(f"| {lead.nearest_m} m | {lead.seen} | {lead.recall:.3f} | {lead.height_error:.1%} |")


if __name__ == "__main__":
    main()
