"""The models of `edgecore bench`: which are measured, at which size, and what is kept of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgecore.benchmark import model as models
from edgecore.errors import ModelError
from edgecore.model import embedded
from tests.runtime import model_files
from tests.runtime.test_cli import edgecore

QUICK = ("bench", "--seconds", "0.01")


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_every_model_that_is_given_is_measured(tmp_path: Path) -> None:
    for name in ("a.tflite", "sub/b.tflite", "other/b.tflite"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(embedded(), tmp_path / name)
    given = ["a.tflite", "sub/b.tflite", "other/b.tflite", "a.tflite"]
    done = edgecore(
        *(tmp_path, *QUICK, "--only", "detection", "--json", "kept.json"),
        *(word for name in given for word in ("-m", name)),
    )
    assert done.returncode == 0, done.stderr
    rows = [row for row in document(tmp_path / "kept.json")["results"] if row["variant"] == "whole"]
    assert [row["job"].partition(", ")[0] for row in rows] == given[:3]
    for name in given:
        assert f"{name}, 1280x720" in done.stdout


def test_a_run_holds_what_was_measured_and_what_with(tmp_path: Path) -> None:
    done = edgecore(
        *(tmp_path, *QUICK, "--only", "detection", "--num-threads", "2", "--json", "kept.json")
    )
    assert done.returncode == 0, done.stderr
    found = document(tmp_path / "kept.json")
    assert found["seconds"] == 0.01
    assert found["num_threads"] == 2
    assert found["accelerators"] == ["cpu"]
    assert found["engine"].split()[0] in ("litert", "tflite")
    assert len(found["models"]["embedded model"]["digest"]) == 64
    assert found["machine_id"]


def test_a_picture_of_open_size_has_the_one_that_a_detector_gives_it(
    test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgecore import engines

    sizes: list[tuple[int, ...]] = []
    load = engines.load

    def remembered(*given: Any, **more: Any) -> Any:
        loaded = load(*given, **more)
        invoke = loaded.invoke

        def counted() -> None:
            sizes.append(loaded.inputs[0].shape)
            invoke()

        loaded.invoke = counted
        return loaded

    monkeypatch.setattr(engines, "load", remembered)
    path = test_data / "models/ssd_mobilenet_v2_raw_heads.tflite"
    next(models.invocations(path, "name", "auto", "cpu", 0.001))
    assert set(sizes) == {(1, 300, 300, 3)}


def test_an_input_of_open_size_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.tflite"
    path.write_bytes(model_files.relu(shape=(1, 1), signature=(1, -1)))
    with pytest.raises(ModelError, match=r"sound.tflite: .*picture"):
        next(models.invocations(path, "sound", "auto", "cpu", 0.001))
    path.write_bytes(model_files.relu(shape=(1, 16), signature=(-1, 16)))
    assert next(models.invocations(path, "sound", "auto", "cpu", 0.001)).turns >= 3


def test_the_model_of_several_that_an_engine_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_text("no model")
    done = edgecore(
        *(tmp_path, *QUICK, "--only", "invoke", "-m", embedded(), "-m", "bad.tflite"),
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("edgecore: bad.tflite: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "heads", "--num-threads", "4"], "--num-threads: expected detection among"),
        (["--only", "invoke", "--num-threads", "4"], "--num-threads: expected detection among"),
        (["--mlperf-tiny", "sim:", "--num-threads", "4"], "beside it, got --num-threads"),
        (["--mlperf-tiny", "sim:", "--accelerator", "npu"], "beside it, got --accelerator"),
    ],
)
def test_options_that_nothing_would_heed_are_refused(
    tmp_path: Path, options: list[str], message: str
) -> None:
    done = edgecore(tmp_path, "bench", *options)
    assert done.returncode == 1
    assert message in done.stderr
