"""Swaps of real models: verified, tried in a child, put in, and rolled back when they die."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

import edgecore
from edgecore import model, sources
from edgecore.isolation import IsolatedDetector, process
from edgecore.pipeline import Dropped, Result, SelfTest, Trial

from .test_isolation import children
from .test_swap import Run, until

ROAD = "synthetic:?realtime=0&duration=3"
EMBEDDED = model.embedded()
SSD = "models/coco_ssd_mobilenet_v1_quant_metadata.tflite"
SHORT = Trial(frames=5, max_slowdown=None)


def running(detector: Any = None) -> Run:
    return Run(ROAD, detector or edgecore.Detector.from_file(), overlap=False)


def road() -> list[edgecore.Frame]:
    source = sources.open("synthetic:?realtime=0&duration=0.3")
    frames = list(source)
    source.close()
    return frames


def test_a_real_model_takes_the_place_of_another(test_data: Path) -> None:
    run = running()
    swap = run.swap_and_run(
        test_data / SSD, self_test=SelfTest(test_data / "images/traffic"), trial=SHORT
    )
    assert swap.outcome == "confirmed", swap.reason
    assert run.told() == ["swap_verified", "swap_tested", "swapped", "swap_confirmed"]
    assert [each.frame_id for each in run.results] == list(range(60))
    assert run.pipeline.dropped == {"source": Dropped()}
    direct = edgecore.Detector.from_file(test_data / SSD)
    last = run.results[-1]
    assert last.detections.class_name == direct.detect(last.frame).class_name


def test_a_recurrent_real_model_begins_with_the_frame_of_the_swap(test_data: Path) -> None:
    path = test_data / "models/traffic_model.tflite"
    run = running()
    swap = run.swap_and_run(path, trial=SHORT, score_threshold=0.01)
    assert swap.outcome == "confirmed", swap.reason
    swapped = next(each for each in run.events if each.kind == "swapped")
    assert swapped.reason.endswith("its state begins anew")
    direct = edgecore.Detector.from_file(path, score_threshold=0.01)
    first = next(at for at, each in enumerate(run.results) if at >= 10 and agrees(direct, [each]))
    assert agrees(direct, run.results[first:])
    assert not agrees(direct, run.results[first - 1 :])


def agrees(direct: edgecore.Detector, results: list[Result]) -> bool:
    """Whether these are what a detector finds that has seen nothing before them."""
    direct.reset_state()
    return all(
        direct.detect(each.frame).xyxy.tolist() == each.detections.xyxy.tolist() for each in results
    )


def test_files_that_are_no_models_are_refused_and_nothing_else_happens(
    test_data: Path, tmp_path: Path
) -> None:
    whole = (test_data / SSD).read_bytes()
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(whole[: len(whole) // 2])
    run = running()
    run.fetch(5)
    for path in (
        cut,
        tmp_path / "missing.tflite",
        test_data / "models/person_detect.tflite",
        test_data / "models/custom_op_error.tflite",
    ):
        swap = run.pipeline.swap(path, trial=SHORT)
        assert swap.wait(60)
        assert swap.outcome == "refused"
        assert str(path) in swap.reason
        run.fetch(1)
    run.rest()
    run.pipeline.close()
    assert set(run.told()) <= {"swap_verified", "swap_refused"}
    assert run.told().count("swap_refused") == 4
    assert [each.frame_id for each in run.results] == list(range(60))


def test_a_model_that_finds_other_things_than_expected_is_refused(test_data: Path) -> None:
    frames = road()
    detector = edgecore.Detector.from_file()
    test = SelfTest(frames, expected=[detector.detect(frame) for frame in frames])
    run = running(detector)
    run.fetch(5)
    same = run.pipeline.swap(EMBEDDED, self_test=test, trial=SHORT)
    until(lambda: "swapped" in run.told(), 60)
    run.fetch(10)
    assert same.wait(20)
    assert same.outcome == "confirmed", same.reason
    other = run.pipeline.swap(test_data / SSD, self_test=test, trial=SHORT)
    assert other.wait(60)
    assert other.outcome == "refused"
    assert "boxes to be found again" in other.reason
    run.rest()
    run.pipeline.close()


def test_a_model_that_kills_its_child_is_refused_with_the_signal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dying = tmp_path / "dying.py"
    dying.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.syspath_prepend(tmp_path)
    run = running()
    run.fetch(5)
    monkeypatch.setattr(process, "CHILD", "dying")
    swap = run.pipeline.swap(EMBEDDED, trial=SHORT)
    assert swap.wait(60)
    assert swap.outcome == "refused"
    assert "killed by SIGSEGV" in swap.reason
    run.rest()
    run.pipeline.close()
    assert run.told() == ["swap_verified", "swap_refused"]
    assert [each.frame_id for each in run.results] == list(range(60))


def test_an_isolated_model_that_dies_on_trial_is_rolled_back_and_no_frame_is_lost() -> None:
    with IsolatedDetector(spare=False) as old:
        run = running(old)
        run.fetch(5)
        trial = Trial(frames=50, max_slowdown=None)
        swap = run.pipeline.swap(EMBEDDED, isolated=True, trial=trial)
        until(lambda: "swapped" in run.told(), 60)
        run.fetch(5)
        for new in children() - {old.pid}:  # the one that runs the frames, and its spare
            os.kill(new, signal.SIGKILL)
        run.rest()
        assert swap.wait(20)
        swap.join(20)
        assert swap.outcome == "rolled_back"
        assert "killed by SIGKILL" in swap.reason
        assert children() == {old.pid}, "what lost is closed, what won is not"
        assert [each.frame_id for each in run.results] == list(range(60))
        assert run.pipeline.dropped == {"source": Dropped()}
        run.pipeline.close()


def test_the_process_of_a_model_ends_when_it_lost_its_place_and_with_the_pipeline() -> None:
    with IsolatedDetector(spare=False) as old:
        run = running(old)
        swap = run.swap_and_run(EMBEDDED, isolated=True, trial=SHORT)
        assert swap.outcome == "confirmed", swap.reason
        swap.join(20)
        assert old.pid is None
        assert children() == set()
        assert [each.frame_id for each in run.results] == list(range(60))
