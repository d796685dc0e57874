"""Facts come from shapes and operators first, then metadata, then the user."""

import itertools

import pytest

from edgecore import heads, model
from edgecore.errors import ModelError
from edgecore.model import Trial
from tests.runtime.model_files import (
    CUSTOM,
    POSTPROCESS,
    File,
    Operator,
    Tensor,
    build,
    detector,
    tflite_metadata,
    with_zip,
)

CELLS = 64 + 16 + 4  # of a picture of 64x64 at strides 8, 16 and 32


@pytest.fixture
def read(tmp_path):
    def read(data: bytes, **options):
        path = tmp_path / "model.tflite"
        path.write_bytes(data)
        return model.read(path, **options)

    return read


def fact(found, name: str) -> model.Fact:
    return next(entry for entry in found.facts if entry.name == name)


REAL = {
    "yolov8n_full_integer_quant": heads.YoloV8(80, (640, 640), True, False),
    "yolov8n_int8": heads.YoloV8(80, (640, 640), True, False),
    "yolov5n-int8": heads.YoloV5(80, (640, 640), True),
    "coco_ssd_mobilenet_v1_quant_metadata": heads.Ssd((300, 300), 0, 1, 2, 3),
    "traffic_model": heads.Ssd((256, 256), 0, 1, 2, 3),
    "yolox_nano": heads.YoloX(80, (416, 416)),
    "face_detection_short_range": heads.BlazeFace(),
    "fomo_balloon": heads.Fomo(2, (96, 96)),
}


@pytest.mark.parametrize("name", REAL)
def test_head_of_a_real_model_is_found(test_data, name):
    assert model.read(test_data / "models" / f"{name}.tflite").head == REAL[name]


@pytest.mark.parametrize(
    ("name", "size", "word"),
    [
        ("ssd_mobilenet_v2_raw_heads", (300, 300), "raw SSD"),
        ("person_detect", (96, 96), "classifier of 2 classes"),
    ],
)
def test_head_that_is_known_but_not_decodable_is_named(test_data, name, size, word):
    found = model.read(test_data / "models" / f"{name}.tflite")
    assert found.input_size == size
    with pytest.raises(ModelError, match=rf"{name}.tflite: no known head: .*{word}"):
        _ = found.head


@pytest.mark.parametrize("name", ["yolov8n_full_integer_quant", "yolov8n_int8"])
def test_labels_come_from_the_appended_json(test_data, name):
    found = model.read(test_data / "models" / f"{name}.tflite")
    coco = (test_data / "models" / "coco80_labels.txt").read_text().split("\n")
    assert list(found.labels) == [line for line in coco if line]
    assert fact(found, "labels").source == "appended zip: metadata.json"


def test_labels_come_from_tflite_metadata(test_data):
    found = model.read(test_data / "models" / "coco_ssd_mobilenet_v1_quant_metadata.tflite")
    assert found.labels[0] == "person"
    assert found.labels[17] == "dog"
    assert len(found.labels) == 90
    assert fact(found, "labels").source == "TFLite Metadata: labelmap.txt"


def test_model_without_metadata_has_no_labels_until_the_user_gives_them(test_data):
    path = test_data / "models" / "yolov5n-int8.tflite"
    assert model.read(path).labels == ()
    found = model.read(path, labels=test_data / "models" / "coco80_labels.txt")
    assert found.labels[79] == "toothbrush"
    assert fact(found, "labels").source == "user"


def test_state_tensors_are_paired_by_name_where_shapes_are_alike(test_data):
    found = model.read(test_data / "models" / "traffic_model.tflite")
    assert found.state == ((1, 4), (2, 5))
    assert found.output_indices == (0, 1, 2, 3)


def test_swapped_state_outputs_are_still_paired_by_name(read):
    kind = {"shape": (1, 8, 8, 4), "dtype": "uint8", "scale": 0.1}
    tensors = [
        Tensor(name="in/lstm_c", **kind),
        Tensor((1, 64, 64, 3), name="picture"),
        Tensor(name="in/lstm_h", **kind),
        Tensor(name="out/lstm_h:0", **kind),
        Tensor((1, 7, CELLS), name="boxes"),
        Tensor(name="out/lstm_c:0", **kind),
    ]
    found = read(build(File(tensors, (0, 1, 2), (3, 4, 5))))
    assert found.input_index == 1
    assert found.state == ((0, 2), (2, 0))
    assert found.output_indices == (1,)
    assert found.head == heads.YoloV8(3, (64, 64))


@pytest.mark.parametrize(
    ("name", "channels", "fit", "anchor"),
    [
        ("yolox_nano", "bgr", "letterbox", "top-left"),
        ("yolov5n-int8", "rgb", "letterbox", "center"),
        ("coco_ssd_mobilenet_v1_quant_metadata", "rgb", "letterbox", "center"),
        ("fomo_balloon", "rgb", "stretch", "center"),
    ],
)
def test_frame_is_prepared_as_the_head_expects(test_data, name, channels, fit, anchor):
    found = model.read(test_data / "models" / f"{name}.tflite")
    assert (found.channels, found.fit, found.anchor) == (channels, fit, anchor)
    assert found.pad_value == 114


def test_user_has_the_last_word_on_the_fit(test_data):
    path = test_data / "models" / "coco_ssd_mobilenet_v1_quant_metadata.tflite"
    found = model.read(path, fit="stretch")
    assert found.fit == "stretch"
    assert fact(found, "fit").source == "user"
    with pytest.raises(ValueError, match="fit must be letterbox or stretch, got 'crop'"):
        model.read(path, fit="crop")


@pytest.mark.parametrize(
    ("name", "real_of_0", "real_of_255"),
    [
        ("yolox_nano", 0, 255),
        ("yolov8n_int8", 0, 1),
        ("yolov8n_full_integer_quant", 0, 1),
        ("face_detection_short_range", -1, 1),
        ("coco_ssd_mobilenet_v1_quant_metadata", -1, 127 / 128),
    ],
)
def test_pixels_are_normalised_to_the_models_range(test_data, name, real_of_0, real_of_255):
    found = model.read(test_data / "models" / f"{name}.tflite")
    assert (0 - found.mean[0]) / found.std[0] == pytest.approx(real_of_0, abs=1e-6)
    assert (255 - found.mean[0]) / found.std[0] == pytest.approx(real_of_255, abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "names", "head"),
    [
        ((1, 7, CELLS), "abc", heads.YoloV8(3, (64, 64))),
        ((1, 7, CELLS), "", heads.YoloV8(3, (64, 64))),
        ((1, 7, 31), "abc", heads.YoloV8(3, (64, 64))),
        ((1, 7, 16 + 4 + 1), "", heads.YoloV8(3, (64, 64))),
        ((1, CELLS, 7), "abc", heads.YoloV8(3, (64, 64), transposed=True)),
        ((1, 3 * CELLS, 8), "abc", heads.YoloV5(3, (64, 64))),
        ((1, 3 * CELLS, 8), "", heads.YoloV5(3, (64, 64))),
    ],
)
def test_yolo_heads_are_told_apart_by_rows_columns_and_labels(read, shape, names, head):
    assert read(detector(Tensor(shape)), labels=list(names) or None).head == head


@pytest.mark.parametrize(
    ("shape", "names", "reason"),
    [
        ((1, CELLS, 7), "", "may be YOLOv8 with 3 classes or YOLOX with 2"),
        ((1, 8, 3 * CELLS), "", "channels first"),
        ((1, 7, 31), "", r"\(1, 7, 31\) is no known head for a picture of 64x64"),
        ((1, 10), "", "classifier of 10 classes"),
        ((1, 64, 64, 2), "", "grid of shape"),
        ((1, 5, 5, 5, 5), "", "no known head"),
    ],
)
def test_head_that_cannot_be_decoded_says_why(read, shape, names, reason):
    found = read(detector(Tensor(shape)), labels=list(names) or None)
    with pytest.raises(ModelError, match=reason):
        _ = found.head


def test_coco_rows_of_one_a_cell_are_yolox(read):
    found = read(detector(Tensor((1, 16 * 16 + 8 * 8 + 4 * 4, 85)), picture=(1, 128, 128, 3)))
    assert found.head == heads.YoloX(80, (128, 128))
    assert found.channels == "bgr"


def test_rows_of_five_more_than_labels_are_yolox_whose_first_run_tells_raw_boxes(read):
    file = detector(Tensor((1, CELLS, 7)))
    decoded, raw = (read(file, labels=["a", "b"], trial=Trial((most,))) for most in (60.0, 1.5))
    assert decoded.head == heads.YoloX(2, (64, 64))
    assert raw.head == heads.YoloX(2, (64, 64), decoded=False)
    assert fact(raw, "boxes").value == "raw: the largest value of a first run is 1.5"


@pytest.mark.parametrize(("most", "normalized"), [(79.0, True), (630.0, False)])
def test_only_a_number_that_is_no_class_id_tells_that_finished_boxes_are_pixels(
    read, most, normalized
):
    found = read(detector(Tensor((1, 300, 6))), trial=Trial((most,)))
    assert found.head == heads.EndToEnd((64, 64), normalized)


def test_raw_ssd_of_the_usual_number_of_anchors_is_decoded(read):
    file = detector(Tensor((1, 1917, 91)), Tensor((1, 1917, 4)), picture=(1, 300, 300, 3))
    logits, parts = (read(file, trial=Trial((most, 9.0))) for most in (-3.0, 0.5))
    assert logits.head == heads.SsdRaw(90, boxes=(1,), scores=(0,))
    assert parts.head == heads.SsdRaw(90, boxes=(1,), scores=(0,), activation="none")
    assert "as their number fits" in fact(parts, "anchors").value
    with pytest.raises(ModelError, match="without a first run, logits or probabilities"):
        _ = read(file).head


def test_raw_ssd_of_another_number_of_anchors_is_not_guessed(read):
    found = read(detector(Tensor((1, 100, 4)), Tensor((1, 100, 3))), trial=Trial((1.0, 1.0)))
    with pytest.raises(ModelError, match="whose anchors are not in the file"):
        _ = found.head


def test_faces_are_named(test_data):
    found = model.read(test_data / "models/face_detection_short_range.tflite")
    assert found.labels == ("face",)
    assert found.mean == found.std == (127.5,)


@pytest.mark.parametrize(
    ("task", "shape"),
    [("segment", (1, 7, CELLS)), ("pose", (1, 56, CELLS)), ("obb", (1, 8, CELLS))],
)
def test_other_task_in_metadata_is_refused_by_its_name(read, task, shape):
    names = {"names": {str(i): f"n{i}" for i in range(shape[1] - 4)}, "task": task}
    found = read(with_zip(detector(Tensor(shape)), {"metadata.json": names}))
    with pytest.raises(ModelError, match=f"task is '{task}'"):
        _ = found.head


def test_quantised_output_that_can_hold_pixels_means_pixels(read):
    parts = Tensor((1, 7, CELLS), "int8", scale=1 / 256, zero_point=-128)
    pixels = Tensor((1, 7, CELLS), "int8", scale=0.3, zero_point=-128)
    assert read(detector(parts)).head.normalized
    assert not read(detector(pixels)).head.normalized


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_ssd_outputs_are_found_in_every_order_by_their_operator(read, order):
    """`order` says which result of the operator stands at each place of the outputs."""
    tensors = [Tensor((1, 64, 64, 3), name="picture"), *(Tensor(()) for _ in range(4))]
    operator = Operator((0,), (1, 2, 3, 4), CUSTOM, POSTPROCESS)
    found = read(build(File(tensors, (0,), tuple(1 + result for result in order), [operator])))
    places = [order.index(result) for result in range(4)]
    assert found.head == heads.Ssd((64, 64), *places)


def test_ssd_outputs_are_followed_through_a_dequantising_operator(read):
    tensors = [Tensor((1, 64, 64, 3), name="picture"), *(Tensor(()) for _ in range(5))]
    operators = [
        Operator((0,), (1, 2, 3, 4), CUSTOM, POSTPROCESS),
        Operator((3,), (5,), 6),
    ]
    found = read(build(File(tensors, (0,), (5, 4, 2, 1), operators)))
    assert found.head == heads.Ssd((64, 64), boxes=3, classes=2, scores=0, count=1)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_ssd_outputs_without_the_operator_are_told_by_shape_and_name(read, order):
    results = [
        Tensor((1, 10, 4), name="a"),
        Tensor((1, 10), name="detection_classes"),
        Tensor((1, 10), name="detection_scores"),
        Tensor((1,), name="d"),
    ]
    found = read(detector(*(results[i] for i in order)))
    assert found.head == heads.Ssd((64, 64), *(order.index(i) for i in range(4)))


def test_ssd_outputs_without_operator_or_names_are_not_guessed(read):
    same = [Tensor((1, 10, 4)), Tensor((1, 10)), Tensor((1, 10)), Tensor((1,))]
    with pytest.raises(ModelError, match=r"not which is which: give head=heads.Ssd"):
        _ = read(detector(*same)).head
    given = heads.Ssd((64, 64), 0, 2, 1, 3)
    assert read(detector(*same), head=given).head == given


def test_names_in_tflite_metadata_tell_classes_from_scores(read):
    tensors = [
        Tensor((1, 64, 64, 3)),
        *(
            Tensor(shape, name="StatefulPartitionedCall")
            for shape in [(1, 9), (1, 9, 4), (1, 9), (1,)]
        ),
    ]
    names = ("score", "location", "category", "number of detections")
    carried = {"TFLITE_METADATA": tflite_metadata(outputs=names)}
    data = with_zip(build(File(tensors, (0,), (1, 2, 3, 4), [], carried)), {"labels.txt": "a\nb\n"})
    found = read(data)
    assert found.head == heads.Ssd((64, 64), boxes=1, classes=2, scores=0, count=3)
    assert found.labels == ("a", "b")
    assert (found.mean, found.std) == ((127.5,), (127.5,))
    assert fact(found, "normalisation").source == "TFLite Metadata"


def test_old_ultralytics_dict_is_parsed_as_a_literal(read):
    text = str({"names": {0: "person", 1: "car"}, "imgsz": [64, 64], "task": "detect"})
    found = read(with_zip(detector(Tensor((1, 6, CELLS))), {"temp_meta.txt": text}))
    assert found.labels == ("person", "car")
    assert fact(found, "labels").source == "appended zip: temp_meta.txt"


def test_code_in_the_old_ultralytics_dict_is_never_run(read, tmp_path):
    text = f"__import__('pathlib').Path({str(tmp_path / 'ran')!r}).touch()"
    with pytest.raises(ModelError, match=r"temp_meta.txt cannot be parsed"):
        read(with_zip(detector(Tensor((1, 6, CELLS))), {"temp_meta.txt": text}))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content",
    ["[]", "{", '{"names": 3}', '{"names": {"x": "y"}}', '{"names": {"9999999": "y"}}',
     '{"imgsz": "big"}', '{"imgsz": [1e999, 2]}', '{"imgsz": [-4, 4]}', "[" * 100_000],
)  # fmt: skip
def test_damaged_appended_json_is_a_model_error_that_names_it(read, content):
    picture = {"picture": (1, 1, 1, 3), "signature": (1, -1, -1, 3)}
    with pytest.raises(ModelError, match=r"metadata.json|class ids must be"):
        read(with_zip(detector(Tensor((1, 6, CELLS)), **picture), {"metadata.json": content}))


def test_label_count_that_does_not_match_is_an_error_with_both_numbers(read):
    with pytest.raises(ModelError, match=r"user has 2 names, the model 3 classes"):
        read(detector(Tensor((1, 7, CELLS))), labels=["a", "b"])
    names = with_zip(detector(Tensor((1, 7, CELLS))), {"metadata.json": {"names": {"0": "a"}}})
    with pytest.raises(ModelError, match=r"metadata.json has 1 names, the model 3 classes"):
        read(names)


def test_user_labels_win_over_the_files(read):
    names = {"names": {"0": "a", "1": "b", "2": "c"}}
    data = with_zip(detector(Tensor((1, 7, CELLS))), {"metadata.json": names})
    assert read(data, labels=["x", "y", "z"]).labels == ("x", "y", "z")


def test_labels_that_are_neither_file_nor_names_are_refused(read):
    with pytest.raises(TypeError, match="labels must be a file or a sequence of names, got 5"):
        read(detector(Tensor((1, 6, 84))), labels=5)


def test_label_file_may_number_its_lines(read, tmp_path):
    numbered = tmp_path / "labels.txt"
    numbered.write_text("0  person\n2  car\n\n")
    assert read(detector(Tensor((1, 7, CELLS))), labels=numbered).labels == ("person", "???", "car")


def test_label_file_that_cannot_be_read_is_a_model_error(read, tmp_path):
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read(detector(Tensor((1, 7, CELLS))), labels=tmp_path / "none.txt")
    binary = tmp_path / "labels.bin"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ModelError, match="not UTF-8"):
        read(detector(Tensor((1, 7, CELLS))), labels=binary)


def test_open_picture_size_comes_from_metadata_then_the_usual(read):
    picture = {"picture": (1, 1, 1, 3), "signature": (1, -1, -1, 3)}
    plain = detector(Tensor((1, 7, 1), signature=(1, 7, -1)), **picture)
    assert read(plain).input_size == (640, 640)
    assert read(plain, input_size=(320, 416)).input_shape == (1, 320, 416, 3)
    sized = read(with_zip(plain, {"metadata.json": {"imgsz": [96, 128]}}))
    assert sized.input_size == (96, 128)
    assert sized.head == heads.YoloV8(3, (96, 128))
    assert fact(sized, "input size").source == "appended zip: metadata.json"


def test_size_that_the_model_fixes_cannot_be_overruled(read):
    with pytest.raises(ModelError, match=r"fixed at \(64, 64\) by the model, got \(32, 32\)"):
        read(detector(Tensor((1, 7, CELLS))), input_size=(32, 32))


def test_channels_first_picture_is_seen(read):
    found = read(detector(Tensor((1, 7, CELLS)), picture=(1, 3, 64, 64)))
    assert found.layout == "nchw"
    assert found.input_size == (64, 64)
    assert found.input_shape == (1, 3, 64, 64)


def test_metadata_that_names_a_missing_label_file_is_an_error(read):
    tensors = [Tensor((1, 64, 64, 3)), Tensor((1, 7, CELLS))]
    file = File(tensors, (0,), (1,), [], {"TFLITE_METADATA": tflite_metadata("gone.txt")})
    with pytest.raises(ModelError, match=r"gone.txt, which is not in the model"):
        read(build(file))


def test_model_without_a_picture_is_the_wrong_kind(test_data):
    with pytest.raises(ModelError, match="wrong kind of model: no picture"):
        model.read(test_data / "models" / "custom_op_error.tflite")
