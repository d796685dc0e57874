"""How accurate a detector is: COCO's average precision over annotated pictures.

The arithmetic is pycocotools', which defines it; it comes with `pip install 'edgecore[eval]'`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import statistics
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from edgecore.errors import ConfigError

if TYPE_CHECKING:
    from edgecore.detections import Detections, Timings
    from edgecore.detector import Detector

SYNONYMS: Final[Mapping[str, str]] = {
    "airplane": "aeroplane",
    "couch": "sofa",
    "dining table": "diningtable",
    "motorcycle": "motorbike",
    "potted plant": "pottedplant",
    "tv": "tvmonitor",
}
"""COCO's names of classes that PASCAL VOC calls otherwise."""

SCORE_THRESHOLD: Final = 0.001
IOU_THRESHOLD: Final = 0.7
"""What a detector should be made with for this: precision is judged at every confidence."""


_FORM: Final[Mapping[str, Mapping[str, type | tuple[type, ...]]]] = {
    "images": {"id": (int, str), "file_name": str},
    "annotations": {"image_id": (int, str), "category_id": (int, str), "bbox": list},
    "categories": {"id": (int, str), "name": str},
}
"""What is needed of COCO's form, and the types of it."""

_LENGTH_MAX: Final = 2.0**53
"""Pixels; above it neighbouring numbers are the same float."""


class Precision(NamedTuple):
    """Mean average precision, over IoU thresholds 0.50 to 0.95 and at 0.50 alone."""

    map_50_95: float
    map_50: float


class Scores(NamedTuple):
    """Precision of all classes together, and of each."""

    precision: Precision
    by_class: dict[str, Precision]


class Evaluation(NamedTuple):
    """What `evaluate` found.

    Attributes:
        precision, by_class: over the classes that both the annotations and the model name.
        pictures, boxes: how many were judged by; boxes of those classes.
        unknown: classes of the annotations that the model does not name; they do not count.
        unlisted: boxes of pictures that the annotations do not list; they do not count either.
        timings: medians of the pictures, milliseconds.
    """

    precision: Precision
    by_class: dict[str, Precision]
    pictures: int
    boxes: int
    unknown: tuple[str, ...]
    unlisted: int
    timings: Timings


def evaluate(
    detector: Detector,
    annotations: Path,
    images: Path,
    advance: Callable[[int, int], None] = lambda done, of: None,
) -> Evaluation:
    """Run `detector` over annotated pictures and compare.

    Args:
        detector: best made with SCORE_THRESHOLD and IOU_THRESHOLD; its classes are matched to the
            annotations' categories by name, SYNONYMS included.
        annotations: JSON file in COCO's form: images, annotations with bbox, categories.
        images: the folder where the file names of `annotations` begin.
        advance: called after every picture with how many are done, and of how many.

    Raises:
        ConfigError: pycocotools is missing, `annotations` is not in COCO's form or of pictures of
            another size, or none of its categories is a class of the model.
        SourceError: a picture is missing or damaged.
    """
    from edgecore.sources.pictures import read_picture

    _pycocotools()  # better now than after the last picture
    truth = _read(annotations)
    ids = {entry["name"]: entry["id"] for entry in truth["categories"]}
    numbers = {
        number: ids[name]
        for number, label in enumerate(detector.labels)
        if (name := label if label in ids else SYNONYMS.get(label)) in ids
    }
    if not numbers:
        raise ConfigError(
            f"{annotations}: none of its categories ({_some(ids)}) is a class of "
            f"{detector.model.path.name} ({_some(detector.labels) or 'which names none'})"
        )
    shared = set(numbers.values())
    annotated = len(truth["annotations"])
    listed = {entry["id"] for entry in truth["images"]}
    truth["annotations"] = [one for one in truth["annotations"] if one["image_id"] in listed]
    truth["categories"] = [one for one in truth["categories"] if one["id"] in shared]
    paths = [images / entry["file_name"] for entry in truth["images"]]
    for path in paths:
        if not os.path.exists(path):
            read_picture(path)  # says why; better now than after all those before it
    found: list[dict[str, Any]] = []
    timings: list[Timings] = []
    for entry, path in zip(truth["images"], paths, strict=True):
        detector.reset_state()  # of a recurrent model: pictures are no sequence
        picture = read_picture(path)
        _check_size(annotations, entry, path, picture.shape)
        detections = detector.detect(picture)
        found += results(entry["id"], detections, numbers)
        timings.append(detections.timings)
        advance(len(timings), len(paths))
    scores = average_precision(truth, found)
    return Evaluation(
        *scores,
        pictures=len(timings),
        boxes=sum(one["category_id"] in shared for one in truth["annotations"]),
        unknown=tuple(name for name, number in ids.items() if number not in shared),
        unlisted=annotated - len(truth["annotations"]),
        timings=_median(timings),
    )


def results(
    image_id: int | str, detections: Detections, categories: Mapping[int, int | str]
) -> list[dict[str, Any]]:
    """Detections in COCO's result form; those of classes without a category are left out.

    Args:
        image_id: of the picture.
        detections: what was found in it.
        categories: category id of a class id.
    """
    return [
        {
            "image_id": image_id,
            "category_id": categories[number],
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "score": score,
        }
        for (x0, y0, x1, y1), score, number in zip(
            detections.xyxy.tolist(),
            detections.confidence.tolist(),
            detections.class_id.tolist(),
            strict=True,
        )
        if number in categories
    ]


def average_precision(truth: Mapping[str, Any], found: Sequence[dict[str, Any]]) -> Scores:
    """COCO's average precision with at most 100 detections a picture, objects of every size.

    Args:
        truth: a dataset in COCO's form. Categories without annotations do not count.
        found: detections in its pictures, of its categories, in COCO's result form, which
            `results` makes.

    Raises:
        ConfigError: pycocotools is missing.
    """
    coco, judge = _pycocotools()
    pictures, classes = _numbers(truth["images"]), _numbers(truth["categories"])
    names = {classes[entry["id"]]: entry["name"] for entry in truth["categories"]}
    annotations = [
        {
            "id": number,  # of 0 its matching takes it for none, and of two alike it knows the last
            "image_id": pictures[one["image_id"]],
            "category_id": classes[one["category_id"]],
            "bbox": one["bbox"],
            "area": 1.0,  # sizes are not told apart
            "iscrowd": one.get("iscrowd", 0),
        }
        for number, one in enumerate(truth["annotations"], 1)
        if one["category_id"] in classes
    ]
    wanted = sorted({one["category_id"] for one in annotations})
    if not found:
        nothing = Precision(0.0, 0.0)
        return Scores(nothing, {names[number]: nothing for number in wanted})
    told = [
        {
            **one,
            "image_id": pictures[one["image_id"]],
            "category_id": classes[one["category_id"]],
        }
        for one in found
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        objects = coco()
        objects.dataset = {
            "images": [{"id": number} for number in pictures.values()],
            "categories": [{"id": number} for number in names],
            "annotations": annotations,
        }
        objects.createIndex()
        evaluation = judge(objects, objects.loadRes(told), "bbox")
        evaluation.params.catIds = wanted
        evaluation.evaluate()
        evaluation.accumulate()
    # Thresholds, recalls, classes; of every area, with up to 100 detections a picture.
    values = evaluation.eval["precision"][..., 0, 2]
    by_class = {
        names[number]: Precision(float(values[:, :, k].mean()), float(values[0, :, k].mean()))
        for k, number in enumerate(wanted)
        if values[0, 0, k] >= 0  # -1: nothing but crowds
    }
    return Scores(_mean(by_class.values()), by_class)


def _numbers(entries: Iterable[Mapping[str, Any]]) -> dict[int | str, int]:
    """Numbers from 1 in the order of the entries' ids, which pycocotools would take for an array of
    one type: texts among numbers, or numbers beyond 64 bits, would become others."""
    ids = sorted((entry["id"] for entry in entries), key=lambda id: (isinstance(id, str), id))
    return {id: number for number, id in enumerate(ids, 1)}


def _mean(precisions: Collection[Precision]) -> Precision:
    if not precisions:
        return Precision(0.0, 0.0)
    return Precision(
        statistics.fmean(one.map_50_95 for one in precisions),
        statistics.fmean(one.map_50 for one in precisions),
    )


def _pycocotools() -> tuple[Any, Any]:
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        raise ConfigError(
            "average precision needs pycocotools: pip install 'edgecore[eval]'"
        ) from None
    return COCO, COCOeval


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: expected annotations as JSON, {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: expected annotations as JSON, got too deep a nesting") from None
    for part, wanted in _FORM.items():
        entries = document.get(part) if isinstance(document, dict) else None
        if not isinstance(entries, list) or not entries:
            raise ConfigError(f"{path}: expected COCO's form, with a list of {part}")
        for entry in entries:
            _check_entry(f"{path}: an entry of {part}", entry, wanted)
    for part, key in (("images", "id"), ("categories", "id"), ("categories", "name")):
        (value, times), *_ = Counter(entry[key] for entry in document[part]).most_common(1)
        if times > 1:
            raise ConfigError(f"{path}: expected each {key} of {part} once, got {value!r} again")
    for entry in document["annotations"]:
        _check_annotation(f"{path}: an entry of annotations", entry)
    _check_references(path, document)
    return dict(document)


def _check_entry(about: str, entry: Any, wanted: Mapping[str, type | tuple[type, ...]]) -> None:
    for key, types in wanted.items():
        if not isinstance(entry, dict) or key not in entry:
            raise ConfigError(f"{about} has no {key}")
        if not isinstance(entry[key], types) or isinstance(entry[key], bool):
            expected = types if isinstance(types, tuple) else (types,)
            raise ConfigError(
                f"{about}: {key}: expected {' or '.join(one.__name__ for one in expected)}, "
                f"got {entry[key]!r:.40}"
            )


def _check_annotation(about: str, entry: dict[str, Any]) -> None:
    box, crowd = entry["bbox"], entry.setdefault("iscrowd", 0)
    if len(box) != 4 or not all(map(_is_length, box)) or min(box[2:]) < 0:
        raise ConfigError(f"{about}: bbox: expected x, y, width, height, got {box!r:.40}")
    if crowd not in (0, 1):
        raise ConfigError(f"{about}: iscrowd: expected 0 or 1, got {crowd!r:.40}")


def _is_length(value: Any) -> bool:
    """Whether it is a number of pixels, which a float can hold."""
    return isinstance(value, int | float) and abs(value) < _LENGTH_MAX


def _check_references(path: Path, document: Mapping[str, Any]) -> None:
    """An id in quotes is another one than the number."""
    for part, key in (("categories", "category_id"), ("images", "image_id")):
        known = {entry["id"] for entry in document[part]}
        strange = [one[key] for one in document["annotations"] if one[key] not in known]
        # A list of some of the pictures may come with the annotations of all.
        if strange and (part == "categories" or len(strange) == len(document["annotations"])):
            raise ConfigError(
                f"{path}: an entry of annotations: {key}: expected an id of {part} "
                f"({_some(map(repr, known))}), got {strange[0]!r:.40}"
            )


def _check_size(
    annotations: Path, entry: Mapping[str, Any], path: Path, shape: Sequence[int]
) -> None:
    """Boxes are in pixels: of a picture that was shrunk since none is where it was drawn."""
    said = entry.get("width"), entry.get("height")
    known = all(isinstance(side, int) and side > 0 for side in said)
    if known and said != (shape[1], shape[0]):
        raise ConfigError(
            f"{annotations}: {path} is annotated at {said[0]}x{said[1]} pixels, "
            f"got {shape[1]}x{shape[0]}"
        )


def _some(names: Iterable[str], most: int = 5) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")


def _median(timings: Sequence[Timings]) -> Timings:
    from edgecore.detections import Timings

    return Timings(
        statistics.median(one.preprocess_ms for one in timings),
        statistics.median(one.invoke_ms for one in timings),
        statistics.median(one.postprocess_ms for one in timings),
    )
