"""A model that is bad in any way is a ModelError with a reason, and the caller lives."""

import contextlib
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecore import model
from edgecore.errors import EngineError, ModelError
from edgecore.model import verification
from edgecore.model.flatbuffer import Table
from tests.runtime.model_files import (
    CUSTOM,
    File,
    Operator,
    Tensor,
    build,
    detector,
    relu,
    tflite_metadata,
    with_zip,
)


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path, monkeypatch):
    """Nothing is known yet, on disk or in the process; the folder of the records."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(verification, "_passed", {})
    return tmp_path / "cache" / "edgecore" / "verified"


@pytest.fixture
def stored(tmp_path):
    def stored(data: bytes) -> Path:
        path = tmp_path / "model.tflite"
        path.write_bytes(data)
        return path

    return stored


def no_child(*_, **__):
    raise AssertionError("a child was started")


GOOD = [
    "coco_ssd_mobilenet_v1_quant_metadata",
    "face_detection_short_range",
    "fomo_balloon",
    "ssd_mobilenet_v2_raw_heads",
    "traffic_model",
    "yolov8n_full_integer_quant",
    "yolox_nano",
]


@pytest.mark.parametrize("name", GOOD)
def test_sound_model_passes(test_data, engine_name, name):
    model.verify(test_data / "models" / f"{name}.tflite", engine_name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("person_detect", "quantized_dimension"), ("custom_op_error", "fake-op-double")],
)
def test_model_that_no_engine_runs_is_refused_with_its_reason(test_data, engine_name, name, reason):
    path = test_data / "models" / f"{name}.tflite"
    with pytest.raises(ModelError, match=rf"{name}.tflite: {engine_name} refuses.*{reason}"):
        model.verify(path, engine_name)


def test_offset_out_of_the_file_is_refused_before_a_child_may_survive_it(
    engine_name, test_data, stored, monkeypatch
):
    """tflite-runtime follows this one; most processes die of it, and some do not."""
    data = (test_data / "models" / "ssd_mobilenet_v2_raw_heads.tflite").read_bytes()
    *_, deadly = mutants(data, 4, seed=11)
    monkeypatch.setattr(subprocess, "run", no_child)
    with pytest.raises(ModelError, match="damaged: an offset points at byte 136634774"):
        model.verify(stored(deadly), engine_name)


def test_missing_empty_and_directory_are_told_apart(engine_name, tmp_path, stored):
    with pytest.raises(ModelError, match="no such model file"):
        model.verify(tmp_path / "none.tflite", engine_name)
    with pytest.raises(ModelError, match="is empty"):
        model.verify(stored(b""), engine_name)
    with pytest.raises(ModelError, match="is a directory"):
        model.verify(tmp_path, engine_name)


def test_oversized_file_is_refused_before_it_is_read(engine_name, tmp_path, monkeypatch):
    path = tmp_path / "huge.tflite"
    with open(path, "wb") as file:
        file.truncate((1 << 31) + 1)
    with pytest.raises(ModelError, match=r"has 2147483649 bytes; at most 2147483648"):
        model.verify(path, engine_name)


def test_other_kinds_of_file_are_no_models(engine_name, test_data, stored):
    for data in (b"hello world, hello!", bytes(4096), with_zip(b"", {"a.txt": "b"})):
        with pytest.raises(ModelError, match="not a TFLite model"):
            model.verify(stored(data), engine_name)
    with pytest.raises(ModelError, match="not a TFLite model"):
        model.verify(test_data / "images" / "bus.jpg", engine_name)


def test_unknown_custom_operator_is_refused_by_name(engine_name, stored):
    tensors = [Tensor((1, 8)), Tensor((1, 8))]
    data = build(File(tensors, (0,), (1,), [Operator((0,), (1,), CUSTOM, "Mystery")]))
    with pytest.raises(ModelError, match="Mystery"):
        model.verify(stored(data), engine_name)


def test_child_killed_by_a_signal_is_a_model_error_that_names_it(engine_name, stored, monkeypatch):
    """The probe is made to die as a crashing engine does."""
    path = stored(relu())
    crash = [sys.executable, "-c", "import os; print('load', flush=True); os.abort()"]
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda _, **options: run(crash, **options))
    with pytest.raises(ModelError, match=rf"while loading it crashes {engine_name} \(SIGABRT\)"):
        model.verify(path, engine_name)


def test_child_that_hangs_is_ended_at_the_timeout(engine_name, stored, monkeypatch):
    path = stored(relu())
    hang = ["sh", "-c", "echo run; exec sleep 600"]
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda _, **options: run(hang, **options))
    with pytest.raises(ModelError, match=rf"while running it takes {engine_name} over 2 s"):
        model.verify(path, engine_name, timeout_s=2)


def test_passed_file_needs_no_second_child(engine_name, stored, monkeypatch, fresh_cache):
    path = stored(relu())
    model.verify(path, engine_name)
    assert len(list(fresh_cache.iterdir())) == 1
    monkeypatch.setattr(subprocess, "run", no_child)
    model.verify(path, engine_name)
    verification._passed.clear()
    model.verify(path, engine_name)


def test_damaged_record_is_tried_anew(engine_name, stored, fresh_cache):
    path = stored(relu())
    first = model.verify(path, engine_name)
    for record in fresh_cache.iterdir():
        record.write_text("{}")
    verification._passed.clear()
    assert model.verify(path, engine_name) == first


def test_changed_content_under_the_same_name_is_tried_anew(engine_name, stored, monkeypatch):
    path = stored(relu((1, 4, 4, 3)))
    model.verify(path, engine_name)
    stored(relu((1, 8, 8, 3)))
    monkeypatch.setattr(subprocess, "run", no_child)
    with pytest.raises(AssertionError, match="a child was started"):
        model.verify(path, engine_name)


def test_refused_file_is_not_remembered_as_good(engine_name, test_data, fresh_cache):
    for _ in range(2):
        with pytest.raises(ModelError):
            model.verify(test_data / "models" / "custom_op_error.tflite", engine_name)
    assert not fresh_cache.exists()


def test_cache_folder_that_cannot_be_written_is_no_error(
    engine_name, stored, tmp_path, monkeypatch
):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    model.verify(stored(relu()), engine_name)


def test_user_without_a_home_is_no_error(engine_name, stored, tmp_path, monkeypatch):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    model.verify(stored(relu()), engine_name)
    assert list((tmp_path / "scratch").rglob("verified"))


def test_open_input_is_tried_at_the_size_it_will_have(engine_name, stored):
    path = stored(relu((1, 1, 1, 3), signature=(1, -1, -1, 3)))
    model.verify(path, engine_name)
    model.verify(path, engine_name, shapes={0: (1, 32, 48, 3)})
    with pytest.raises(ModelError, match="where -1 is free"):
        model.verify(path, engine_name, shapes={0: (1, 32, 48, 4)})


def test_first_run_tells_boxes_in_pixels_from_normalised_ones(engine_name, test_data, stored):
    path = test_data / "models" / "yolov8n_int8.tflite"
    trial = model.verify(path, engine_name)
    assert model.read(path, trial=trial).head.normalized
    pixels = model.Trial((637.5,))
    assert not model.read(path, trial=pixels).head.normalized
    unknown = model.Trial((float("nan"),))
    assert model.read(path, trial=unknown).head.normalized


def test_engine_that_is_not_there_is_an_engine_error(stored, missing_engine):
    with pytest.raises(EngineError):
        model.verify(stored(relu()), missing_engine)


def test_child_works_from_any_folder(engine_name, stored, tmp_path, monkeypatch):
    path = stored(relu())
    root = os.getcwd()
    monkeypatch.setattr(sys, "path", [root if entry == "" else entry for entry in sys.path])
    monkeypatch.chdir(tmp_path)
    model.verify(path, engine_name)


def structure(data: bytes) -> list[int]:
    """Places of all bytes that are not weights, the identifier spared."""
    weights = bytearray(len(data))
    for buffer in Table.root(data).tables(4):
        start, count = buffer.span(0, 1)
        if count > 64:
            weights[start : start + count] = b"\1" * count
    return [place for place in range(8, len(data)) if not weights[place]]


def mutants(data: bytes, count: int, seed: int):
    """Truncations, and bytes of the structure flipped or overwritten, from `seed` alone."""
    rng = random.Random(seed)
    places = structure(data)
    for number in range(count):
        changed = bytearray(data)
        if number % 6 == 0:
            del changed[rng.choice(places) :]
        for _ in range(rng.randrange(1, 4)):
            place = min(rng.choice(places), len(changed) - 1)
            if rng.random() < 0.5:
                changed[place] ^= 1 << rng.randrange(8)
            else:
                changed[place] = rng.choice([0, 1, 2, 127, 128, 255])
        yield bytes(changed)


def outcome(path: Path, engine_name: str) -> str:
    """What became of a mutant; anything but a pass or a ModelError fails the test."""
    try:
        model.verify(path, engine_name, timeout_s=10)
    except ModelError as error:
        return str(error)
    return "passed"


MUTATED = ["fomo_balloon", "custom_op_error", "face_detection_short_range"]


@pytest.mark.parametrize("name", MUTATED)
def test_mutated_model_never_ends_the_caller(test_data, engine_name, stored, name):
    data = (test_data / "models" / f"{name}.tflite").read_bytes()
    outcomes = [outcome(stored(mutant), engine_name) for mutant in mutants(data, 12, seed=5)]
    assert len(outcomes) == 12
    assert all(text == "passed" or "model.tflite" in text for text in outcomes)


AGENT = """
import sys
from edgecore import engines
from edgecore.errors import EdgecoreError
try:
    engine = engines.load(*sys.argv[1:])
    for value in (0, 7, 1):
        for index in range(len(engine.inputs)):
            with engine.input(index) as array:
                array[...] = value
        engine.invoke()
except EdgecoreError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", [*MUTATED, *GOOD[-4:-1], GOOD[0]])
def test_thousands_of_mutants_never_end_the_caller(test_data, engine_name, stored, name, proof):
    data = (test_data / "models" / f"{name}.tflite").read_bytes()
    ends = Counter(
        mutants=0,
        agents_dead=0,
        passed=0,
        engine_crashed_in_the_child=0,
        too_slow_in_the_child=0,
        refused_with_another_reason=0,
    )
    for mutant in mutants(data, 1430, seed=11):
        path = stored(mutant)
        text = outcome(path, engine_name)
        ends["mutants"] += 1
        ends[kind_of(text)] += 1
        if text == "passed":
            agent = [sys.executable, "-c", AGENT, str(path), engine_name]
            done = subprocess.run(agent, capture_output=True, text=True, check=False)
            ends["agents_dead"] += done.returncode != 0
    assert ends["agents_dead"] == 0
    proof("a damaged model never ends the process that asks about it", engine=engine_name, **ends)


def kind_of(text: str) -> str:
    if text == "passed":
        return text
    if "it crashes" in text:
        return "engine_crashed_in_the_child"
    if "it takes" in text:
        return "too_slow_in_the_child"
    return "refused_with_another_reason"


SEEDS = [
    relu(),
    with_zip(
        build(
            File(
                [
                    Tensor((1, 64, 64, 3), "int8", scale=0.01),
                    Tensor((1, 7, 84), "int8", scale=0.01),
                ],
                (0,),
                (1,),
                [Operator((0,), (1,))],
                {"TFLITE_METADATA": tflite_metadata()},
            )
        ),
        {"labels.txt": "a\nb\nc\n"},
    ),
    with_zip(detector(Tensor((1, 7, 84))), {"metadata.json": {"names": {"0": "a"}}}),
]


@settings(max_examples=400, deadline=None)
@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(
        st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=4)), max_size=6
    ),
    cut=st.integers(0, 4000),
)
def test_reading_hostile_bytes_gives_facts_or_a_model_error(tmp_path_factory, seed, edits, cut):
    data = bytearray(seed)
    for place, patch in edits:
        place %= len(data)
        data[place : place + len(patch)] = patch
    path = tmp_path_factory.getbasetemp() / "hostile.tflite"
    path.write_bytes(bytes(data[: max(1, len(data) - cut)]) if cut < len(data) else bytes(data))
    with contextlib.suppress(ModelError):
        model.read(path)
