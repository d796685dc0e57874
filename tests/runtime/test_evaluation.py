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
from tests.runtime.test_cli import YOLO, complaints
from tests.runtime.test_cli import edgecore as command
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
    assert evaluation.average_precision(dataset((3, BOX)), []).precision == (0.0, 0.0)


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
        ("categories", {"name": "dog"}, "expected each name of categories once, got 'dog' again"),
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


def test_a_missing_picture_is_named(tmp_path, road):
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(dataset((3, BOX), names=("car",))))
    with pytest.raises(edgecore.SourceError, match=r"7.png: no such file"):
        evaluation.evaluate(road, file, tmp_path)


def test_a_picture_of_another_size_than_its_boxes_are_in_is_refused(tmp_path, road):
    truth = dataset((3, BOX), names=("car",))
    file = tmp_path / "truth.json"
    Image.new("RGB", (160, 120)).save(tmp_path / "7.png")
    for size in ({}, {"width": 160, "height": 120}, {"width": 0, "height": None}):
        truth["images"][0] = {"id": 7, "file_name": "7.png", **size}
        file.write_text(json.dumps(truth))
        assert evaluation.evaluate(road, file, tmp_path).pictures == 1
    for width, height in ((320, 240), (120, 160)):
        truth["images"][0] |= {"width": width, "height": height}
        file.write_text(json.dumps(truth))
        said = rf"7.png is annotated at {width}x{height} pixels, got 160x120"
        with pytest.raises(edgecore.ConfigError, match=said):
            evaluation.evaluate(road, file, tmp_path)


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
    with pytest.raises(edgecore.ConfigError, match=r"pip install 'edgecore\[eval\]'"):
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


def test_the_command_prints_a_table_and_keeps_it(test_data, tmp_path):
    truth = json.loads((test_data / "voc50" / "instances.json").read_text())
    kept = truth["images"][:4]
    ids = {entry["id"] for entry in kept}
    truth["images"] = kept
    truth["annotations"] = [one for one in truth["annotations"] if one["image_id"] in ids]
    truth["categories"].append({"id": 99, "name": "unicorn"})
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    pictures = test_data / "voc50" / "images"
    model = test_data / YOLO
    done = command(
        tmp_path,
        "eval",
        *("--model", model, "--model", test_data / "models" / "yolov5n-int8.tflite"),
        *("--labels", test_data / "models" / "coco80_labels.txt"),
        *("--coco", "truth.json", "--images", pictures, "--json", "eval.json"),
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "eval.json").read_text())
    assert [row["model"].rpartition("/")[2] for row in rows] == [
        "yolov8n_full_integer_quant.tflite",
        "yolov5n-int8.tflite",
    ]
    for row in rows:
        assert 0.4 < row["map_50"] <= 1.0
        assert row["map_50_95"] < row["map_50"]
        assert row["invoke_ms"] > 0
        assert row["pictures"] == 4
        assert row["not_judged"] == ["unicorn"]
        assert f"{row['map_50_95']:.4f}" in done.stdout
        assert f"{row['megabytes']:.2f}" in done.stdout
    assert "does not name them: unicorn" in done.stdout


def test_the_command_names_what_is_missing(tmp_path):
    done = command(tmp_path, "eval", "-m", "no.tflite", "--coco", "no.json", "--images", ".")
    assert done.returncode == 1
    assert "no.tflite: no such model file" in complaints(done)[0]


def test_names_of_classes_do_not_command_the_terminal(tmp_path):
    truth = dataset((3, BOX), names=("car", "\x1b[31m\ud800"))
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    Image.new("RGB", (160, 120)).save(tmp_path / "7.png")
    done = command(tmp_path, "eval", "-m", ROAD, "--coco", "truth.json", "--images", ".")
    assert done.returncode == 0, done.stderr
    assert r"does not name them: \x1b[31m\ud800" in done.stdout


def test_the_command_looks_at_every_model_before_it_judges_one(tmp_path):
    done = command(
        tmp_path, "eval", "-m", ROAD, "-m", "no.tflite", "--coco", "no.json", "--images", "."
    )
    assert "no.tflite: no such model file" in complaints(done)[0]


def test_the_command_keeps_what_it_has_judged_when_a_later_model_fails(test_data, tmp_path):
    (tmp_path / "truth.json").write_text(json.dumps(dataset((3, BOX), names=("car", "dog"))))
    Image.new("RGB", (160, 120)).save(tmp_path / "7.png")
    nameless = test_data / "models" / "yolov5n-int8.tflite"
    done = command(
        tmp_path,
        *("eval", "-m", ROAD, "-m", nameless),
        *("--coco", "truth.json", "--images", ".", "--json", "eval.json"),
    )
    assert done.returncode == 1
    assert "none of its categories" in complaints(done)[-1]
    assert [row["model"] for row in json.loads((tmp_path / "eval.json").read_text())] == [str(ROAD)]
