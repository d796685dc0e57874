"""How accurate a detector is: COCO's average precision over annotated pictures.

The arithmetic is pycocotools', which defines it; it comes with `pip install 'edgecore[eval]'`.
"""

from __future__ import annotations

import contextlib
import io
import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from edgecore.annotations import check_pictures, check_size, read, some
from edgecore.errors import ConfigError, SourceError

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
        crowds: boxes of many objects among those classes, neither missed nor counted.
        turned: pictures that were turned upright by their EXIF tag.
        unjudged: why a picture does not count: damaged, or annotated at another size.
        unknown: classes of the annotations that the model does not name; they do not count.
        unlisted: boxes of pictures that the annotations do not list; they do not count either.
        timings: medians of the pictures, milliseconds.
    """

    precision: Precision
    by_class: dict[str, Precision]
    pictures: int
    boxes: int
    crowds: int
    turned: int
    unjudged: tuple[str, ...]
    unknown: tuple[str, ...]
    unlisted: int
    timings: Timings


def check(annotations: Path, images: Path) -> None:
    """Refuse what `evaluate` would refuse of any detector, before one is loaded.

    Raises:
        ConfigError: pycocotools is missing, `annotations` is not in COCO's form, or there is no
            such folder.
        SourceError: a picture is not there.
    """
    _pycocotools()
    check_pictures(read(annotations), images)


def evaluate(
    detector: Detector,
    annotations: Path,
    images: Path,
    advance: Callable[[int, int], None] = lambda done, of: None,
) -> Evaluation:
    """Run `detector` over annotated pictures and compare.

    Pictures that are damaged or of another size than they were annotated at do not count.

    Args:
        detector: best made with SCORE_THRESHOLD and IOU_THRESHOLD; its classes are matched to the
            annotations' categories by name, SYNONYMS included.
        annotations: JSON file in COCO's form: images, annotations with bbox, categories. Boxes are
            in pixels of the upright picture, as it is shown.
        images: the folder where the file names of `annotations` begin.
        advance: called after every picture with how many are done, and of how many.

    Raises:
        ConfigError: as `check` says, none of the categories is a class of the model, or there is
            no box of such a category; or no picture can be judged, for its size.
        SourceError: a picture is missing, or none can be judged, for the damage.
    """
    from edgecore.sources.pictures import read_upright

    _pycocotools()  # better now than after the last picture
    truth = read(annotations)
    numbers = _categories(annotations, truth["categories"], detector)
    shared = set(numbers.values())
    listed = {entry["id"] for entry in truth["images"]}
    unlisted = sum(one["image_id"] not in listed for one in truth["annotations"])
    boxes, crowds = _count(truth["annotations"], listed, shared)
    if not boxes:
        raise ConfigError(
            f"{annotations}: no box to judge by: expected boxes of "
            f"{some(one['name'] for one in truth['categories'] if one['id'] in shared)}, "
            f"got {crowds} crowds and none else"
        )
    check_pictures(truth, images)
    found: list[dict[str, Any]] = []
    timings: list[Timings] = []
    failures: list[ConfigError | SourceError] = []
    judged: set[int | str] = set()
    turned = 0
    for done, entry in enumerate(truth["images"], 1):
        detector.reset_state()  # of a recurrent model: pictures are no sequence
        path = images / entry["file_name"]
        try:
            picture, was_turned = read_upright(path)
            check_size(annotations, entry, path, picture.shape, was_turned)
        except (ConfigError, SourceError) as error:
            failures.append(error)
        else:
            detections = detector.detect(picture)
            found += results(entry["id"], detections, numbers)
            timings.append(detections.timings)
            judged.add(entry["id"])
            turned += was_turned
        advance(done, len(truth["images"]))
    boxes, crowds = _count(truth["annotations"], judged, shared)
    if not boxes:
        raise failures[0]
    counted = {
        "images": [one for one in truth["images"] if one["id"] in judged],
        "annotations": [one for one in truth["annotations"] if one["image_id"] in judged],
        "categories": [one for one in truth["categories"] if one["id"] in shared],
    }
    return Evaluation(
        *average_precision(counted, found),
        pictures=len(judged),
        boxes=boxes,
        crowds=crowds,
        turned=turned,
        unjudged=tuple(map(str, failures)),
        unknown=tuple(one["name"] for one in truth["categories"] if one["id"] not in shared),
        unlisted=unlisted,
        timings=_median(timings),
    )


def _categories(
    annotations: Path, categories: Sequence[Mapping[str, Any]], detector: Detector
) -> dict[int, int | str]:
    """Category id of each class id whose label is a category's name."""
    ids = {entry["name"]: entry["id"] for entry in categories}
    numbers = {
        number: ids[name]
        for number, label in enumerate(detector.labels)
        if (name := label if label in ids else SYNONYMS.get(label)) in ids
    }
    if not numbers:
        classes = {label.casefold(): label for label in detector.labels}
        near = [f"{name} is {classes[key]}" for name in ids if (key := name.casefold()) in classes]
        raise ConfigError(
            f"{annotations}: none of its categories ({some(ids)}) is a class of "
            f"{detector.model.path.name} ({some(detector.labels) or 'which names none'})"
            + (f"; but for case, {some(near)}" if near else "")
        )
    return numbers


def _count(
    boxes: Sequence[Mapping[str, Any]], pictures: Collection[int | str], shared: Collection[object]
) -> tuple[int, int]:
    """Boxes in these pictures and of these categories, and crowds."""
    crowds = [
        bool(one["iscrowd"])
        for one in boxes
        if one["image_id"] in pictures and one["category_id"] in shared
    ]
    return crowds.count(False), crowds.count(True)


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
        truth: a dataset in COCO's form. Categories without boxes, or of crowds only, do not count.
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
            "iscrowd": one.get("iscrowd") or 0,
        }
        for number, one in enumerate(truth["annotations"], 1)
        if one["category_id"] in classes
    ]
    wanted = sorted({one["category_id"] for one in annotations if not one["iscrowd"]})
    if not (found and wanted):
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
            "average precision needs pycocotools: pip install 'edgecore[eval]', "
            "in a clone: pip install '.[eval]'"
        ) from None
    return COCO, COCOeval


def _median(timings: Sequence[Timings]) -> Timings:
    from edgecore.detections import Timings

    return Timings(
        statistics.median(one.preprocess_ms for one in timings),
        statistics.median(one.invoke_ms for one in timings),
        statistics.median(one.postprocess_ms for one in timings),
    )
