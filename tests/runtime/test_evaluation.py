"""Average precision: what it counts, what it refuses, and the command that prints it."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import edgecore
from edgecore import engines, evaluation, model
from edgecore.detections import Detections
from tests.runtime.test_detector import SaturatedState

ROAD = model.embedded()
BOX = [10.0, 20.0, 110.0, 80.0]


def dataset(*boxes, names=("cat", "dog")):
    """One picture; boxes are (category, xyxy) or (category, xyxy, crowd)."""
    return {
        "images": [{"id": 7, "file_name": "7.png"}],
        "categories": [{"id": 3 + i, "name": name} for i, name in enumerate(names)],
        "annotations": [
            {
                "id": i,
                "image_id": 7,
                "category_id": category,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": (x1 - x0) * (y1 - y0),
                "iscrowd": int(bool(crowd)),
            }
            for i, (category, (x0, y0, x1, y1), *crowd) in enumerate(boxes, 1)
        ],
    }


def found(*rows):
    """Result entries of rows (class id, confidence, xyxy)."""
    detections = Detections(
        np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[0] for row in rows], np.int32),
    )
    return evaluation.results(7, detections, {0: 3, 1: 4})


def test_a_box_in_its_place_is_all_there_is_to_find():
    scores = evaluation.average_precision(dataset((3, BOX)), found((0, 0.9, BOX)))
    assert scores.precision == pytest.approx((1.0, 1.0))
    assert list(scores.by_class) == ["cat"]


def test_a_box_of_another_class_is_none():
    scores = evaluation.average_precision(dataset((3, BOX)), found((1, 0.9, BOX)))
    assert scores.precision == (0.0, 0.0)


def test_a_false_box_before_the_true_one_halves_precision():
    elsewhere = [200.0, 200.0, 260.0, 260.0]
    rows = found((0, 0.9, elsewhere), (0, 0.8, BOX))
    assert evaluation.average_precision(dataset((3, BOX)), rows).precision.map_50 == pytest.approx(
        0.5
    )


def test_a_shifted_box_counts_up_to_its_overlap():
    shifted = [10.0, 20.0, 110.0, 64.0]  # IoU 44 / 60: seven thirds of a twentieth above a half
    scores = evaluation.average_precision(dataset((3, BOX)), found((0, 0.9, shifted)))
    assert scores.precision == pytest.approx((0.5, 1.0))


def test_classes_weigh_the_same():
    truth = dataset((3, BOX), (4, BOX), (4, [200.0, 20.0, 260.0, 80.0]))
    scores = evaluation.average_precision(truth, found((0, 0.9, BOX)))
    assert scores.precision == pytest.approx((0.5, 0.5))
    assert scores.by_class["dog"] == (0.0, 0.0)


def test_crowds_are_neither_missed_nor_counted():
    scores = evaluation.average_precision(dataset((3, BOX), (4, BOX, True)), found((0, 0.9, BOX)))
    assert scores.precision == pytest.approx((1.0, 1.0))
    assert list(scores.by_class) == ["cat"]


@pytest.mark.parametrize("ids", [(0, 1), (5, 5), ("a", "b")])
def test_numbers_of_annotations_do_not_count(ids):
    other = [200.0, 200.0, 260.0, 260.0]
    truth = dataset((3, BOX), (3, other))
    for one, number in zip(truth["annotations"], ids, strict=True):
        one["id"] = number
    scores = evaluation.average_precision(truth, found((0, 0.9, BOX), (0, 0.8, other)))
    assert scores.precision == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize(
    "ids", [(7, 8), (-1, 2**63 + 1), (2**53, 2**53 + 1), (7, "a"), ("b", 2**70)]
)
def test_ids_are_told_apart_whatever_they_are(ids):
    """Each picture has one object and the other's place empty: taken for another it is missed."""
    first, second = ids
    truth = dataset((3, BOX), (4, BOX))
    truth["images"] = [{"id": id, "file_name": f"{id}.png"} for id in ids]
    truth["annotations"][1]["image_id"] = second
    truth["annotations"][0]["image_id"] = first
    for one, id in zip(truth["categories"], ids, strict=True):
        one["id"] = id
    for one, id in zip(truth["annotations"], ids, strict=True):
        one["category_id"] = id
    rows = [
        {"image_id": id, "category_id": id, "bbox": [10, 20, 100, 60], "score": 0.9} for id in ids
    ]
    assert evaluation.average_precision(truth, rows).precision == pytest.approx((1.0, 1.0))
    rows[0]["image_id"] = second
    assert evaluation.average_precision(truth, rows).precision == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("area", [None, -1, 10**400, float("nan")])
def test_areas_do_not_count(area):
    truth = dataset((3, BOX))
    truth["annotations"][0]["area"] = area
    scores = evaluation.average_precision(truth, found((0, 0.9, BOX)))
    assert scores.precision == pytest.approx((1.0, 1.0))


def test_nothing_found_is_zero():
    scores = evaluation.average_precision(dataset((3, BOX), (4, BOX, True)), [])
    assert scores.precision == (0.0, 0.0)
    assert list(scores.by_class) == ["cat"]


def test_detections_of_classes_without_a_category_are_left_out():
    assert found((5, 0.9, BOX)) == []


@pytest.fixture(scope="module")
def road():
    return edgecore.Detector.from_file()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "expected annotations as JSON"),
        ("[]", "expected COCO's form, with a list of images"),
        ("[" * 200_000, "expected annotations as JSON, got too deep a nesting"),
        ('{"images": [{"id": 1}]}', "an entry of images has no file_name"),
        (
            '{"images": [{"id": 1, "file_name": "a"}], "annotations": []}',
            "expected entries in its list of annotations, got an empty list",
        ),
        (
            '{"images": [{"id": 1, "file_name": "a"}], "annotations": {}}',
            "with a list of annotations",
        ),
    ],
)
def test_annotations_in_another_form_are_refused(tmp_path, road, content, said):
    file = tmp_path / "truth.json"
    file.write_text(content)
    with pytest.raises(edgecore.ConfigError, match=said):
        evaluation.evaluate(road, file, tmp_path)


@pytest.mark.parametrize(
    ("part", "damage", "said"),
    [
        ("images", {"file_name": 7}, "an entry of images: file_name: expected str, got 7"),
        ("images", {"id": [1]}, r"an entry of images: id: expected int or str, got \[1\]"),
        ("annotations", {"bbox": None}, "bbox: expected list, got None"),
        ("annotations", {"bbox": [1, 2]}, r"bbox: expected x, y, width, height, got \[1, 2\]"),
        ("annotations", {"bbox": [1, 2, float("nan"), 4]}, "expected x, y, width, height, got"),
        ("annotations", {"bbox": [1, 2, "3", 4]}, "expected x, y, width, height, got"),
        ("annotations", {"bbox": [10**400, 2, 3, 4]}, "expected x, y, width, height, got"),
        ("annotations", {"bbox": [1, 2, -3, 4]}, r"width, height, got \[1, 2, -3, 4\]"),
        ("annotations", {"iscrowd": "no"}, "iscrowd: expected 0 or 1, got 'no'"),
        ("annotations", {"iscrowd": 10**30}, "iscrowd: expected 0 or 1, got 1000"),
        ("annotations", {"image_id": "7"}, r"image_id: expected an id of images \(7\), got '7'"),
        ("annotations", {"category_id": "3"}, r"an id of categories \(3, 4\), got '3'"),
        ("images", {"id": True}, "an entry of images: id: expected int or str, got True"),
        ("images", {"width": 160.5}, "images: width: expected a whole number of pixels, got 160.5"),
        ("images", {"height": "2e2"}, "height: expected a whole number of pixels, got '2e2'"),
        ("images", {"height": -1}, "height: expected a whole number of pixels, got -1"),
        ("images", {"width": True}, "width: expected a whole number of pixels, got True"),
        ("images", {"width": float("nan")}, "width: expected a whole number of pixels, got nan"),
        ("categories", {"name": None}, "an entry of categories: name: expected str, got None"),
        ("categories", {"id": 4}, "expected each id of categories once, got 4 again"),
    ],
)
def test_entries_that_make_no_sense_are_refused(tmp_path, road, part, damage, said):
    truth = dataset((3, BOX), names=("car", "dog"))
    truth[part][0] |= damage
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(truth))
    with pytest.raises(edgecore.ConfigError, match=said):
        evaluation.evaluate(road, file, tmp_path)


def test_annotations_of_other_classes_are_refused(tmp_path, road):
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(dataset((3, BOX))))
    with pytest.raises(edgecore.ConfigError, match=r"none of its categories .cat, dog. is a class"):
        evaluation.evaluate(road, file, tmp_path)


def test_a_missing_file_is_named(tmp_path, road):
    with pytest.raises(edgecore.ConfigError, match=r"truth.json: No such file"):
        evaluation.evaluate(road, tmp_path / "truth.json", tmp_path)


def test_two_categories_with_boxes_have_two_names(tmp_path, road):
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(dataset((3, BOX), (4, BOX), names=("car", "car"))))
    with pytest.raises(edgecore.ConfigError, match="each name of categories once, got 'car' again"):
        evaluation.evaluate(road, file, tmp_path)


@pytest.mark.parametrize("placeholder", [0, 4])
def test_a_category_without_boxes_may_have_the_name_of_one_with(tmp_path, road, placeholder):
    truth = dataset((3, BOX), names=("car",))
    truth["categories"].append({"id": placeholder, "name": "car"})
    truth["categories"].sort(key=lambda one: one["id"])
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    Image.new("RGB", (160, 120)).save(tmp_path / "7.png")
    judged = evaluation.evaluate(road, tmp_path / "truth.json", tmp_path)
    assert (judged.boxes, judged.unknown) == (1, ())


def test_categories_that_are_classes_but_for_case_are_pointed_at(tmp_path, road):
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(dataset((3, BOX), names=("Car", "dog"))))
    with pytest.raises(edgecore.ConfigError, match=r"but for case, Car is car$"):
        evaluation.evaluate(road, file, tmp_path)


@pytest.mark.parametrize("crowd", [None, False, 0, 0.0])
def test_a_box_is_no_crowd_unless_it_says_so(tmp_path, road, crowd):
    truth = dataset((3, BOX), (3, BOX), names=("car",))
    truth["annotations"][0]["iscrowd"] = crowd
    del truth["annotations"][1]["iscrowd"]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    Image.new("RGB", (160, 120)).save(tmp_path / "7.png")
    judged = evaluation.evaluate(road, tmp_path / "truth.json", tmp_path)
    assert (judged.boxes, judged.crowds) == (2, 0)


def test_crowds_alone_are_nothing_to_judge_by(tmp_path, road):
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(dataset((3, BOX, True), (4, BOX), names=("car", "dog"))))
    with pytest.raises(edgecore.ConfigError, match=r"no box to judge by.* of car, got 1 crowds"):
        evaluation.evaluate(road, file, tmp_path)


def test_a_missing_picture_is_named(tmp_path, road):
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(dataset((3, BOX), names=("car",))))
    with pytest.raises(edgecore.SourceError, match=r"7.png: no such file"):
        evaluation.evaluate(road, file, tmp_path)


def test_a_picture_of_another_size_than_its_boxes_are_in_is_refused(tmp_path, road):
    truth = dataset((3, BOX), names=("car",))
    file = tmp_path / "truth.json"
    Image.new("RGB", (160, 120)).save(tmp_path / "7.png")
    right = ({"width": w, "height": h} for w, h in ((160, 120), (160.0, "120"), (0, None)))
    for size in ({}, *right):
        truth["images"][0] = {"id": 7, "file_name": "7.png", **size}
        file.write_text(json.dumps(truth))
        assert evaluation.evaluate(road, file, tmp_path).pictures == 1
    for width, height in ((320, 240), (120, 160), (320.0, 240.0), ("320", "240")):
        truth["images"][0] |= {"width": width, "height": height}
        file.write_text(json.dumps(truth))
        said = rf"7.png is annotated at {int(width)}x{int(height)} pixels, got 160x120$"
        with pytest.raises(edgecore.ConfigError, match=said):
            evaluation.evaluate(road, file, tmp_path)


def test_boxes_are_of_the_picture_upright_as_its_exif_tag_says(tmp_path, road):
    truth = dataset((3, BOX), names=("car",))
    truth["images"][0] |= {"file_name": "7.jpg", "width": 160, "height": 120}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    exif = Image.Exif()
    for orientation, turned in ((1, 0), (3, 1), (9, 0)):
        exif[0x0112] = orientation
        Image.new("RGB", (160, 120)).save(tmp_path / "7.jpg", exif=exif)
        assert evaluation.evaluate(road, tmp_path / "truth.json", tmp_path).turned == turned
    exif[0x0112] = 6
    Image.new("RGB", (160, 120)).save(tmp_path / "7.jpg", exif=exif)
    said = "160x120 pixels, got 120x160, turned upright by its EXIF tag, as boxes have to be"
    with pytest.raises(edgecore.ConfigError, match=said):
        evaluation.evaluate(road, tmp_path / "truth.json", tmp_path)


def test_a_missing_picture_is_named_before_any_is_judged(tmp_path, road):
    truth = dataset((3, BOX), names=("car",))
    truth["images"].append({"id": 8, "file_name": "8.png"})
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    Image.new("RGB", (160, 120)).save(tmp_path / "7.png")
    judged = []
    with pytest.raises(edgecore.SourceError, match=r"8.png: no such file"):
        evaluation.evaluate(
            road, tmp_path / "truth.json", tmp_path, lambda done, of: judged.append(done)
        )
    assert judged == []


def test_without_pycocotools_it_says_what_to_install(monkeypatch, tmp_path, road):
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(
        edgecore.ConfigError, match=r"edgecore\[eval\]', in a clone: pip install '\.\[eval\]'$"
    ):
        evaluation.average_precision(dataset((3, BOX)), [])
    with pytest.raises(edgecore.ConfigError, match=r"pip install 'edgecore\[eval\]'"):
        evaluation.evaluate(road, tmp_path / "no.json", tmp_path)  # before any picture is read


def test_annotations_of_pictures_that_are_not_listed_do_not_count(tmp_path, road):
    truth = dataset((3, BOX), (3, BOX), names=("car", "dog"))
    truth["annotations"][1]["image_id"] = 8
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    Image.new("RGB", (160, 120)).save(tmp_path / "7.png")
    judged = evaluation.evaluate(road, tmp_path / "truth.json", tmp_path)
    assert (judged.pictures, judged.boxes, judged.unlisted) == (1, 1, 1)


def test_pictures_are_no_sequence_to_a_recurrent_model(test_data, tmp_path):
    file = test_data / "models" / "traffic_model.tflite"
    facts = replace(model.read(file), labels=("car", "dog"))
    engine = SaturatedState(engines.load(file, engines.choose("auto")), output=5)
    truth = dataset((3, BOX), names=("car", "dog"))
    truth["images"] = [{"id": 7 + i, "file_name": f"000{i + 1}.bmp"} for i in range(2)]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    evaluation.evaluate(
        edgecore.Detector(facts, engine), tmp_path / "truth.json", test_data / "images" / "traffic"
    )
    assert [int(state.max()) for state in engine.fed] == [0, 0]


def test_crowds_alone_have_no_precision():
    truth = dataset((3, BOX, True))
    for rows in ([], found((0, 0.9, BOX))):
        assert evaluation.average_precision(truth, rows) == ((0.0, 0.0), {})
