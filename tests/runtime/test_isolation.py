"""A detector in a process of its own: the same answers, and what follows when it does not live."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgecore
from edgecore.detections import Detections, Timings
from edgecore.engines import EngineInfo
from edgecore.isolation import IsolatedDetector, wire
from edgecore.isolation.deadline import FACTOR, FEWEST, LEAST_FACTOR, MORE_S, Deadline
from edgecore.ring import Consumer
from tests.link.patience import wait_until
from tests.runtime.engine_children import engine_children
from tests.runtime.test_cli import command, diary, environment, summary_in

SIZE = (640, 360)


def frame(seed=0, size=SIZE):
    width, height = size
    data = np.random.default_rng(seed).integers(0, 256, width * height * 3 // 2, np.uint8)
    return edgecore.Frame(data, width, height, "nv12")


def road():
    """A frame with something on it."""
    from edgecore import sources

    source = sources.open("synthetic:?realtime=0&duration=5")
    frames = list(source)
    source.close()
    return frames[-1]


@pytest.fixture
def isolated():
    with IsolatedDetector() as detector:
        yield detector


def children():
    return engine_children(os.getpid())


def test_it_finds_what_a_detector_finds(isolated):
    direct = edgecore.Detector.from_file()
    for shown in (road(), frame(1), frame(2, (320, 192)), np.zeros((100, 50, 3), np.uint8)):
        mine, theirs = isolated.detect(shown), direct.detect(shown)
        np.testing.assert_array_equal(mine.xyxy, theirs.xyxy)
        np.testing.assert_array_equal(mine.confidence, theirs.confidence)
        np.testing.assert_array_equal(mine.class_id, theirs.class_id)
        assert mine.class_name == theirs.class_name
        assert mine.timings.invoke_ms > 0
    assert isolated.labels == direct.labels
    assert isolated.input_size == direct.input_size
    assert isolated.info == direct.info
    assert len(isolated.detect(road())) > 0


def test_it_outlives_the_thread_that_made_it():
    made = []
    thread = threading.Thread(target=lambda: made.append(IsolatedDetector()))
    thread.start()
    thread.join()
    with made[0] as detector:
        pid = detector.pid
        for _ in range(20):
            detector.detect(frame())
            time.sleep(0.005)
        assert detector.pid == pid
        assert not detector.deaths


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGKILL, "killed by SIGKILL"),
        (signal.SIGSEGV, "killed by SIGSEGV"),
        (signal.SIGSTOP, "hung on a frame for"),
    ],
)
def test_after_a_death_the_spare_answers(isolated, number, reason):
    for _ in range(FEWEST):
        before = isolated.detect(frame())
    first = isolated.pid
    os.kill(first, number)
    with pytest.raises(edgecore.EngineError, match=reason):
        isolated.detect(frame())
    assert isolated.pid is None
    after = isolated.detect(frame())
    np.testing.assert_array_equal(after.xyxy, before.xyxy)
    assert isolated.pid != first
    assert [death.pid for death in isolated.deaths] == [first]
    assert reason in isolated.deaths[0].reason
    assert not psutil.pid_exists(first)


def test_every_death_gets_a_new_spare_and_nothing_is_left_behind():
    told = []
    with IsolatedDetector(on_death=told.append) as detector:
        detector.detect(frame())
        wait_until(lambda: len(children()) == 2)
        descriptors = psutil.Process().num_fds()
        for _ in range(3):
            os.kill(detector.pid, signal.SIGKILL)
            with pytest.raises(edgecore.EngineError):
                detector.detect(frame())
            detector.detect(frame())

        def is_whole():  # once the last one is no more, which may take it longer than a frame
            detector.detect(frame())
            return len(children()) == 2

        wait_until(is_whole)
        assert psutil.Process().num_fds() <= descriptors + 1
    assert len(told) == 3
    assert children() == set()


def test_without_a_spare_the_next_frame_waits():
    with IsolatedDetector(spare=False) as detector:
        assert len(children()) == 1
        os.kill(detector.pid, signal.SIGKILL)
        with pytest.raises(edgecore.EngineError):
            detector.detect(frame())
        detector.detect(frame())
        assert len(children()) == 1


def test_a_dead_spare_is_replaced_when_it_is_needed(isolated):
    isolated.detect(frame())
    wait_until(lambda: len(children()) == 2)
    (spare,) = children() - {isolated.pid}
    os.kill(spare, signal.SIGKILL)
    os.kill(isolated.pid, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(edgecore.EngineError, match="SIGKILL"):
            isolated.detect(frame())
    isolated.detect(frame())
    assert {death.pid for death in isolated.deaths} >= {spare}


def test_a_frame_of_no_use_does_no_harm(isolated):
    with pytest.raises(TypeError):
        isolated.detect("no frame")
    pid = isolated.pid
    isolated.detect(frame())
    assert isolated.pid == pid


def test_a_frame_for_which_there_was_no_room_is_lost_alone():
    picture = np.full((64, 64, 3), 114, np.uint8)
    with IsolatedDetector(spare=False) as detector:
        detector.detect(picture)
        (path,) = detector._folder.iterdir()
        with Consumer(path) as other:  # as a child that was killed, before it is forgotten
            held = [other.read()]
            for _ in range(2):
                detector.detect(picture)
                held.append(other.read())
            with pytest.raises(edgecore.EngineError, match="holds all frames that it was given"):
                detector.detect(picture)
        del held
        assert len(detector.detect(picture)) == len(detector.detect(picture))
        assert not detector.deaths


def test_cameras_of_a_few_sizes_in_turn_have_a_ring_each(isolated):
    pictures = [np.full((64, width, 3), 114, np.uint8) for width in range(64, 64 + wire.KEPT_RINGS)]
    for picture in [*pictures, *reversed(pictures), *pictures]:
        isolated.detect(picture)
    assert {path.name for path in isolated._folder.iterdir()} == {"1", "2", "3", "4"}
    isolated.detect(np.full((32, 32, 3), 114, np.uint8))
    assert {path.name for path in isolated._folder.iterdir()} == {"2", "3", "4", "5"}
    for picture in pictures[::-1]:
        isolated.detect(picture)
    assert len(list(isolated._folder.iterdir())) == wire.KEPT_RINGS
    assert not isolated.deaths


def test_another_child_is_shown_frames_in_rings_that_it_does_not_know(isolated):
    pictures = [np.full((64, width, 3), 114, np.uint8) for width in (64, 65)]
    for picture in pictures:
        isolated.detect(picture)
    os.kill(isolated.pid, signal.SIGKILL)
    with pytest.raises(edgecore.EngineError, match="SIGKILL"):
        isolated.detect(pictures[0])
    for picture in [*pictures, *pictures]:
        isolated.detect(picture)


def test_a_model_that_is_refused_is_named(tmp_path):
    (tmp_path / "no.tflite").write_bytes(b"nothing of the kind")
    with pytest.raises(edgecore.ModelError, match=r"no\.tflite"):
        IsolatedDetector(tmp_path / "no.tflite")
    assert children() == set()


def test_an_option_that_no_child_can_be_given_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(TypeError, match=r"expected options that can be pickled .*generator"):
        IsolatedDetector(labels=(name for name in ("person", "car", "truck")))
    assert children() == set()
    assert list(tmp_path.iterdir()) == []


def test_closed_is_closed(isolated):
    isolated.close()
    isolated.close()
    with pytest.raises(edgecore.EngineError, match="closed"):
        isolated.detect(frame())
    assert children() == set()


def test_closing_beside_a_frame_under_way_leaves_no_child():
    with IsolatedDetector() as detector:
        detector.detect(frame())
        wait_until(lambda: len(children()) == 2)
        os.kill(detector.pid, signal.SIGSTOP)
        failures = []

        def ask():
            try:
                detector.detect(frame())
            except edgecore.EngineError as error:
                failures.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.05)
        detector.close()
        asking.join(20)
        assert not asking.is_alive()
    assert len(failures) == 1
    assert children() == set()


def test_a_parent_that_is_killed_leaves_no_child(tmp_path):
    source = (
        "import time\n"
        "from edgecore.isolation import IsolatedDetector\n"
        "detector = IsolatedDetector()\n"
        "print(detector.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, env=environment()
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    wait_until(lambda: not psutil.pid_exists(child))


def test_the_agent_goes_on_when_its_engine_is_killed(tmp_path):
    arguments = ("run", "--isolated", "--link", "none", "--annotate", "none")
    with (
        subprocess.Popen(
            command(*arguments, "--out", tmp_path / "out"), env=environment(), cwd=tmp_path
        ) as agent,
        contextlib.ExitStack() as cleanup,
    ):
        cleanup.callback(agent.kill)
        events = tmp_path / "out" / "events.jsonl"

        def count(event):
            return events.read_text().count(f'"{event}"') if events.exists() else 0

        wait_until(lambda: count("run_started"))
        wait_until(lambda: len(engine_children(agent.pid)) == 2)
        before = count("alert")
        engines = map(psutil.Process, engine_children(agent.pid))
        min(engines, key=lambda one: (one.create_time(), one.pid)).kill()  # not the spare
        wait_until(lambda: count("engine_error"))
        wait_until(lambda: count("alert") > before)
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(60) == 0
    assert summary_in(tmp_path / "out")["failure"] is None
    (fault,) = [one for one in diary(tmp_path / "out") if one["event"] == "engine_error"]
    assert "killed by SIGKILL" in fault["reason"]


def detections(count, keypoints):
    draw = np.random.default_rng(count)
    return Detections(
        draw.random((count, 4), np.float32),
        draw.random(count, np.float32),
        draw.integers(0, 5, count, np.int32),
        truncated=bool(count % 2),
        keypoints=draw.random((count, keypoints, 2), np.float32) if keypoints else None,
        timings=Timings(1.0, 2.0, 3.0),
    )


@given(st.integers(0, 40), st.integers(0, 7))
def test_detections_go_through_the_wire(count, keypoints):
    sent = detections(count, keypoints)
    came = wire.found_of(wire.found_message(sent), ("a", "b", "c"))
    for name in ("xyxy", "confidence", "class_id", "keypoints"):
        np.testing.assert_array_equal(getattr(came, name), getattr(sent, name))
    names = ["a", "b", "c", "3", "4"]
    assert came.class_name == [names[number] for number in sent.class_id]
    assert (came.truncated, came.timings) == (sent.truncated, sent.timings)


@given(st.binary(max_size=200))
def test_any_bytes_are_detections_or_nonsense(body):
    for parse in (lambda: wire.found_of(body, ()), lambda: wire.facts_of(body)):
        with contextlib.suppress(wire.Nonsense):
            parse()


@pytest.mark.parametrize(
    "body",
    [
        wire.found_message(detections(2, 0))[:-1],
        struct.pack("<IIIddd", 1 << 31, 1 << 31, 0, 0, 0, 0),
        wire.found_message(
            Detections(
                np.full((1, 4), np.nan, np.float32), np.ones(1, np.float32), np.zeros(1, np.int32)
            )
        ),
    ],
)
def test_detections_that_cannot_be_are_nonsense(body):
    with pytest.raises(wire.Nonsense):
        wire.found_of(body, ())


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", wire.Gone),
        (struct.pack("<II", wire.Kind.FOUND, 10) + b"short", wire.Gone),
        (struct.pack("<II", 99, 0), wire.Nonsense),
        (struct.pack("<II", wire.Kind.FOUND, wire.BODY_MOST + 1), wire.Nonsense),
    ],
)
def test_a_peer_that_speaks_otherwise_is_told_apart(said, error):
    mine, theirs = socket.socketpair()
    with mine, theirs:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(error):
            wire.receive(mine, 1.0)


def test_a_peer_that_stops_in_the_middle_is_late():
    mine, theirs = socket.socketpair()
    with mine, theirs:
        theirs.sendall(struct.pack("<II", wire.Kind.FOUND, 10) + b"short")
        with pytest.raises(wire.Late):
            wire.receive(mine, 0.05)


def test_facts_go_through_the_wire():
    info = EngineInfo("litert 1", "cpu", ("npu: device absent: none",), 2, {1: 5.5, 2: 3.0})
    facts = wire.Facts(("a", "b"), (192, 320), info)
    assert wire.facts_of(wire.facts_message(facts)) == facts
    with pytest.raises(wire.Nonsense):
        wire.facts_of(json.dumps(["a"]).encode())
    with pytest.raises(wire.Nonsense):
        wire.facts_of(json.dumps([["a"], [1, 2], {"engine": "litert"}]).encode())


def test_a_deadline_follows_the_99th_percentile():
    deadline = Deadline(5.0, 0.1)
    for _ in range(FEWEST - 1):
        deadline.note(0.05)
    assert deadline.limit_s == 5.0
    for _ in range(200):
        deadline.note(0.05)
    assert deadline.limit_s == pytest.approx(FACTOR * 0.05)
    for seconds, limit_s in ((0.3, 0.3 + MORE_S), (1.0, LEAST_FACTOR * 1.0)):
        for _ in range(20):
            deadline.note(seconds)
        assert deadline.limit_s == pytest.approx(limit_s)
    for _ in range(20):
        deadline.note(9.0)
    assert deadline.limit_s == 5.0
    for _ in range(1000):
        deadline.note(0.001)
    assert deadline.limit_s == 0.1


def test_folders_of_rings_are_removed(isolated):
    isolated.detect(frame())
    folder = Path(isolated._folder)
    assert folder.is_dir()
    isolated.close()
    assert not folder.exists()
