"""`edgecore eval` as a user starts it: what it prints, keeps, counts and refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edgecore import model
from edgecore.cli.telling_apart import told_apart
from tests.runtime.test_cli import YOLO, command, complaints, environment
from tests.runtime.test_cli import edgecore as run

ROAD = model.embedded()
EVAL = ("eval", "-m", ROAD, "--coco", "truth.json", "--images", ".")


def write_truth(
    folder: Path, *pictures: str, names: tuple[str, ...] = ("car", "dog"), crowd: int = 0
) -> dict[str, Any]:
    """Grey pictures of 160x120 with a box of the first name on each, and the file about them."""
    truth: dict[str, Any] = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(pictures)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 3)],
        "annotations": [
            {"image_id": i, "category_id": 3, "bbox": [10, 20, 100, 60], "iscrowd": crowd}
            for i in range(len(pictures))
        ],
    }
    for name in pictures:
        Image.new("RGB", (160, 120)).save(folder / name)
    (folder / "truth.json").write_text(json.dumps(truth))
    return truth


def kept(folder: Path) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((folder / "eval.json").read_text())
    return loaded


def cut(picture: Path) -> None:
    """The header is whole, most of the picture is not there."""
    size = picture.stat().st_size
    with picture.open("r+b") as file:
        file.truncate(size * 3 // 4)


def test_the_command_prints_a_table_and_keeps_it(test_data: Path, tmp_path: Path) -> None:
    truth = json.loads((test_data / "voc50" / "instances.json").read_text())
    kept = truth["images"][:4]
    ids = {entry["id"] for entry in kept}
    truth["images"] = kept
    truth["annotations"] = [one for one in truth["annotations"] if one["image_id"] in ids]
    truth["categories"].append({"id": 99, "name": "unicorn"})
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    pictures = test_data / "voc50" / "images"
    model = test_data / YOLO
    done = run(
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


def test_the_command_names_what_is_missing(tmp_path: Path) -> None:
    done = run(tmp_path, "eval", "-m", "no.tflite", "--coco", "no.json", "--images", ".")
    assert done.returncode == 1
    assert "no.tflite: no such model file" in complaints(done)[0]


def test_names_of_classes_do_not_command_the_terminal(tmp_path: Path) -> None:
    write_truth(tmp_path, "7.png", names=("car", "\x1b[31m\ud800"))
    done = run(tmp_path, "eval", "-m", ROAD, "--coco", "truth.json", "--images", ".")
    assert done.returncode == 0, done.stderr
    assert r"does not name them: \x1b[31m\ud800" in done.stdout


def test_the_command_looks_at_every_model_before_it_judges_one(tmp_path: Path) -> None:
    done = run(
        tmp_path, "eval", "-m", ROAD, "-m", "no.tflite", "--coco", "no.json", "--images", "."
    )
    assert "no.tflite: no such model file" in complaints(done)[0]


def test_the_command_keeps_what_it_has_judged_when_a_later_model_fails(
    test_data: Path, tmp_path: Path
) -> None:
    write_truth(tmp_path, "7.png")
    nameless = test_data / "models" / "yolov5n-int8.tflite"
    done = run(
        tmp_path,
        *("eval", "-m", ROAD, "-m", nameless),
        *("--coco", "truth.json", "--images", ".", "--json", "eval.json"),
    )
    assert done.returncode == 1
    assert "none of its categories" in complaints(done)[-1]
    assert [row["model"] for row in json.loads((tmp_path / "eval.json").read_text())] == [str(ROAD)]


@pytest.mark.parametrize("where", ["full", "closed", "ascii"])
def test_results_are_kept_whatever_becomes_of_what_is_printed(tmp_path: Path, where: str) -> None:
    write_truth(tmp_path, "7.png")
    shutil.copy(ROAD, tmp_path / "straße.tflite")
    asked = command("eval", "-m", "straße.tflite", *EVAL[3:], "--json", "eval.json")
    env = environment() | ({"PYTHONIOENCODING": "ascii"} if where == "ascii" else {})
    reading, closed = os.pipe()
    os.close(reading)
    full = os.open("/dev/full", os.O_WRONLY)
    printed = {"full": full, "closed": closed, "ascii": subprocess.DEVNULL}[where]
    subprocess.run(asked, cwd=tmp_path, env=env, stdout=printed, stderr=subprocess.PIPE)
    os.close(closed)
    os.close(full)
    assert kept(tmp_path)[0]["pictures"] == 1


def test_damaged_pictures_are_counted_and_named_and_the_others_judged(tmp_path: Path) -> None:
    truth = write_truth(tmp_path, "6.jpg", "7.jpg", "8.jpg")
    truth["images"][0] |= {"width": 320, "height": 240}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    cut(tmp_path / "8.jpg")
    done = run(tmp_path, *EVAL, "--json", "eval.json")
    assert done.returncode == 1
    assert "1 pictures, 1 boxes; not judged, damaged or of another size: 2" in done.stdout
    other, damaged = complaints(done)
    assert "6.jpg is annotated at 320x240 pixels, got 160x120" in other
    assert "8.jpg: damaged picture" in damaged
    (row,) = kept(tmp_path)
    assert (row["pictures"], row["boxes"]) == (1, 1)
    assert [text.partition(":")[0] for text in row["pictures_not_judged"]] == [
        "truth.json",
        "8.jpg",
    ]


def test_of_many_damaged_pictures_the_first_few_are_named(tmp_path: Path) -> None:
    names = [f"{i:02}.png" for i in range(9)]
    write_truth(tmp_path, *names)
    for name in names[1:]:
        cut(tmp_path / name)
    done = run(tmp_path, *EVAL)
    assert "not judged, damaged or of another size: 8" in done.stdout
    said = complaints(done)
    assert [line.split(": ")[1] for line in said[:-1]] == names[1:6]
    assert said[-1].endswith("and 3 more")


def test_where_no_picture_can_be_judged_there_is_no_result(tmp_path: Path) -> None:
    write_truth(tmp_path, "7.png", "8.png")
    cut(tmp_path / "7.png")
    cut(tmp_path / "8.png")
    done = run(tmp_path, *EVAL, "--json", "eval.json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "7.png: damaged picture" in complaints(done)[0]
    assert not (tmp_path / "eval.json").exists()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_model_that_is_unfit_leaves_the_others_alone(
    test_data: Path, tmp_path: Path, place: int
) -> None:
    write_truth(tmp_path, "7.png")
    others = [test_data / "models" / "custom_op_error.tflite", "no.tflite"]
    others.insert(place, ROAD)
    models = [word for one in others for word in ("-m", one)]
    done = run(tmp_path, "eval", *models, *EVAL[3:], "--json", "eval.json")
    assert done.returncode == 1
    assert [row["model"] for row in kept(tmp_path)] == [str(ROAD)]
    said = "\n".join(complaints(done))
    assert "custom_op_error.tflite" in said
    assert "no.tflite: no such model file" in said


def test_what_is_wrong_for_every_model_is_said_once(tmp_path: Path) -> None:
    write_truth(tmp_path, "7.png")
    done = run(tmp_path, "eval", "-m", ROAD, "-m", ROAD, "--coco", "truth.json", "--images", "nope")
    assert done.returncode == 1
    assert complaints(done) == ["edgecore: nope: expected a folder of pictures, no such folder"]


def test_crowds_are_counted_apart(tmp_path: Path) -> None:
    truth = write_truth(tmp_path, "7.png")
    truth["annotations"].append(truth["annotations"][0] | {"iscrowd": 1})
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    done = run(tmp_path, *EVAL, "--json", "eval.json")
    assert done.returncode == 0, done.stderr
    assert "1 pictures, 1 boxes, 1 crowds" in done.stdout
    assert (kept(tmp_path)[0]["boxes"], kept(tmp_path)[0]["crowds"]) == (1, 1)


def test_pictures_turned_by_their_exif_tag_are_counted(tmp_path: Path) -> None:
    write_truth(tmp_path, "7.jpg", "8.jpg")
    turned = Image.Exif()
    turned[0x0112] = 3
    Image.new("RGB", (160, 120)).save(tmp_path / "8.jpg", exif=turned)
    done = run(tmp_path, *EVAL, "--json", "eval.json")
    assert done.returncode == 0, done.stderr
    assert "1 pictures were turned by their EXIF tag" in done.stdout
    assert kept(tmp_path)[0]["pictures_turned"] == 1


def test_models_of_one_file_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    write_truth(tmp_path, "7.png")
    for folder in ("runs/train1", "runs/train2"):
        (tmp_path / folder).mkdir(parents=True)
        shutil.copy(ROAD, tmp_path / folder / "best.tflite")
    models = ("runs/train1/best.tflite", "runs/train2/best.tflite", ROAD)
    done = run(
        tmp_path,
        *("eval", *(word for one in models for word in ("-m", one)), *EVAL[3:]),
        *("--json", "eval.json"),
    )
    names = ["train1/best.tflite", "train2/best.tflite", ROAD.name]
    assert [row["name"] for row in kept(tmp_path)] == names
    for name in names:
        assert f" {name} " in done.stdout
        assert f"\n{name}: 1 pictures" in done.stdout


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("no.txt", "label file no.txt cannot be read: No such file or directory"),
        ("two.txt", "labels do not match: user has 2 names, the model 3 classes"),
    ],
)
def test_labels_are_read_and_have_to_fit(tmp_path: Path, labels: str, said: str) -> None:
    write_truth(tmp_path, "7.png")
    (tmp_path / "two.txt").write_text("car\ndog\n")
    done = run(tmp_path, *EVAL, "--labels", labels)
    assert done.returncode == 1
    assert said in complaints(done)[0]
    assert done.stdout == ""


def test_labels_stand_in_place_of_the_models_own(tmp_path: Path) -> None:
    write_truth(tmp_path, "7.png", names=("lynx",))
    (tmp_path / "three.txt").write_text("lynx\ncat\ncaracal\n")
    done = run(tmp_path, *EVAL, "--labels", "three.txt", "--json", "eval.json")
    assert done.returncode == 0, done.stderr
    assert list(kept(tmp_path)[0]["by_class"]) == ["lynx"]


def test_results_are_printed_where_they_cannot_be_kept(tmp_path: Path) -> None:
    write_truth(tmp_path, "7.png")
    done = run(tmp_path, *EVAL, "--json", "/dev/full")
    assert done.returncode == 1
    assert "1 pictures, 1 boxes" in done.stdout
    assert complaints(done) == ["edgecore: --json: /dev/full: No space left on device"]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/a.tflite"], ["a.tflite"]),
        (["a/x/best", "b/x/best", "c/last"], ["a/x/best", "b/x/best", "last"]),
        (["/best", "best", "x/best"], ["/best", "best", "x/best"]),
        (["x/best", "x/best"], ["best", "best"]),
    ],
)
def test_a_name_is_the_shortest_end_of_a_path_that_no_other_has(
    paths: list[str], names: list[str]
) -> None:
    assert told_apart(list(map(Path, paths))) == names
