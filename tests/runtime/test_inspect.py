"""`edgecore inspect` prints each fact with its source, and says why a model cannot be used."""

import json

import pytest
from click.testing import CliRunner

from edgecore.cli import app
from edgecore.errors import ModelError
from tests.runtime.model_files import Tensor, detector


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, ["inspect", *map(str, arguments)])


def test_every_fact_is_printed_with_its_source(run, test_data):
    result = run(test_data / "models" / "yolov8n_full_integer_quant.tflite", "--no-run")
    assert result.exit_code == 0
    for text in ("yolov8", "640x640", "80: person, bicycle, car", "appended zip: metadata.json"):
        assert text in result.output


def test_json_holds_head_facts_and_labels(run, test_data):
    result = run(
        test_data / "models" / "coco_ssd_mobilenet_v1_quant_metadata.tflite", "--json", "--no-run"
    )
    document = json.loads(result.output)
    assert document["head"]["name"] == "Ssd"
    assert document["head"]["scores"] == 2
    assert document["labels"][0] == "person"
    assert {"name", "value", "source"} == set(document["facts"][0])


def test_engines_here_are_tried_on_the_model(run, test_data, engine_name):
    result = run(test_data / "models" / "fomo_balloon.tflite", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["engines"][engine_name] is None


def test_model_no_engine_runs_is_shown_and_ends_with_status_one(run, test_data, engine_name):
    result = run(test_data / "models" / "person_detect.tflite", "--json")
    assert result.exit_code == 1
    assert "quantized_dimension" in json.loads(result.stdout)["engines"][engine_name]


def test_head_that_cannot_be_decoded_is_said_plainly(run, test_data):
    result = run(test_data / "models" / "ssd_mobilenet_v2_raw_heads.tflite", "--no-run")
    assert result.exit_code == 0
    assert "No detections can be decoded: 5 pairs of raw SSD heads" in result.output


def test_labels_of_the_user_show_as_theirs(run, tmp_path):
    (tmp_path / "m.tflite").write_bytes(detector(Tensor((1, 6, 84))))
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    result = run(tmp_path / "m.tflite", "--labels", tmp_path / "names.txt", "--json", "--no-run")
    facts = {fact["name"]: fact for fact in json.loads(result.output)["facts"]}
    assert facts["labels"] == {"name": "labels", "value": "2: cat, dog", "source": "user"}


def test_file_that_is_no_model_is_a_model_error(run, test_data):
    result = run(test_data / "images" / "bus.jpg")
    assert isinstance(result.exception, ModelError)
    assert f"{test_data / 'images' / 'bus.jpg'}: not a TFLite model" in str(result.exception)
