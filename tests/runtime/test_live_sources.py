"""Live sources: a camera that is killed, ends or stalls; when frames were captured; back-off."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecore import sources
from edgecore.errors import SourceError
from edgecore.frame import Frame
from edgecore.sources import Source, SourceChange
from edgecore.sources.reconnecting import Backoff, Reconnecting
from edgecore.sources.stream_clock import HALF_WINDOW_NS, JUMP_NS, StreamClock
from edgecore.sources.video import Video

from . import rtsp_server
from .firmware_process import environment

SECOND = 1_000_000_000


class Camera:
    """The RTSP server's process; on the same port again after it was killed."""

    def __init__(self) -> None:
        self.port = 0

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/camera"

    def start(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, rtsp_server.__file__, str(self.port), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)


@pytest.fixture
def camera() -> Iterator[Camera]:
    made = Camera()
    made.start()
    yield made
    made.kill()


def level(frame: Frame) -> int:
    return int(np.median(frame.planes[0]))


def test_rtsp_camera_that_is_killed_and_back_gives_frames_again(camera: Camera) -> None:
    changes: list[SourceChange] = []
    with sources.open(camera.url) as source:
        source.on_change = changes.append
        assert source.live
        before = [next(source) for _ in range(3)]
        camera.kill()
        camera.start()
        while not changes or changes[-1].kind != "source_back":
            last = next(source)
        after = [last, *(next(source) for _ in range(3))]
    assert [change.kind for change in changes] == ["source_lost", "source_back"]
    assert "ended" in changes[0].reason or "lost" in changes[0].reason
    assert "tried again in" in changes[0].reason
    assert {frame.kind[:1] + frame.kind[2:] for frame in before + after} == {
        ("i420", rtsp_server.WIDTH, rtsp_server.HEIGHT)
    }
    stamps = [frame.timestamp_ns for frame in before + after]
    assert all(stamp is not None for stamp in stamps)
    assert stamps == sorted(stamps)


def test_rtsp_stream_that_ends_was_lost_as_a_camera_has_no_end(camera: Camera) -> None:
    camera.kill()
    camera.start("30")
    changes: list[SourceChange] = []
    with sources.open(camera.url) as source:
        source.on_change = changes.append
        while len(changes) < 4:
            next(source)
    assert [change.kind for change in changes[:4]] == ["source_lost", "source_back"] * 2


def test_rtsp_camera_that_falls_silent_is_lost_after_the_timeout(camera: Camera) -> None:
    with Video(camera.url, live=True, timeout_s=3.0) as source:
        next(source)
        camera.freeze()
        with pytest.raises(SourceError, match=r"lost after frame \d+: no data for 3 s"):
            list(source)


def test_rtsp_camera_that_never_answers_is_one_clear_line(camera: Camera) -> None:
    camera.freeze()
    with pytest.raises(SourceError, match="no data for 1 s") as caught:
        Video(camera.url, live=True, timeout_s=1.0)
    assert camera.url in str(caught.value)


def test_what_piled_up_while_the_stream_was_opened_is_left_out(camera: Camera) -> None:
    """Levels count the frames: so many were sent before the first one that was handed out."""
    with Video(camera.url, live=True, paced=True) as source:
        first = next(source)
        sent = level(first) - rtsp_server.DARKEST
        assert source.dropped > 2
        assert abs(sent - source.dropped) <= 1
        stamps = [first.timestamp_ns, *(next(source).timestamp_ns for _ in range(10))]
    assert all(later >= sooner for sooner, later in pairwise(stamps))


def test_closing_ends_a_pause_between_tries(camera: Camera) -> None:
    lost = threading.Event()
    source = sources.open(camera.url)
    source.on_change = lambda _: lost.set()
    next(source)
    camera.kill()
    ended = threading.Event()

    def read() -> None:
        list(source)
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    lost.wait()
    source.close()
    reader.join()
    assert ended.is_set()
    camera.start()


class Flaky(Source):
    """Gives as many frames as it is told, then fails or ends."""

    def __init__(self, frames: int, error: str | None = "unplugged") -> None:
        super().__init__()
        self.description, self.live = "flaky", True
        self.closed = False
        self._left, self._error = frames, error

    def __next__(self) -> Frame:
        if self._left == 0:
            if self._error is None:
                raise StopIteration
            raise SourceError(self._error)
        self._left -= 1
        self.dropped += 1
        return Frame(np.zeros((2, 2, 3), np.uint8), 2, 2, "rgb")

    def close(self) -> None:
        self.closed = True


AT_ONCE = Backoff(first_s=0.0)


def test_source_is_opened_again_until_it_gives_frames_and_told_once() -> None:
    lives = [Flaky(2), Flaky(0), SourceError("still gone"), Flaky(3), Flaky(1, None)]
    closed: list[Flaky] = [life for life in lives if isinstance(life, Flaky)]

    def reopen() -> Source:
        life = lives.pop(0)
        if isinstance(life, SourceError):
            raise life
        return life

    source = Reconnecting(reopen(), reopen, ends=True, backoff=AT_ONCE)
    changes: list[SourceChange] = []
    source.on_change = changes.append
    assert len(list(source)) == 2 + 3 + 1
    assert [change.kind for change in changes] == ["source_lost", "source_back"] * 2
    assert changes[0].reason == "unplugged; tried again in 0.0 s"
    assert changes[1].reason.endswith("s and 3 tries")
    assert changes[3].reason.endswith("s and 1 try")
    assert source.dropped == 6
    source.close()
    assert all(life.closed for life in closed)


@pytest.mark.parametrize("end", ["close", "interrupt"])
def test_source_that_was_ended_while_it_was_opened_again_is_not_read(end: str) -> None:
    again = Flaky(3)

    def reopen() -> Source:
        getattr(source, end)()
        return again

    source = Reconnecting(Flaky(1), reopen, backoff=AT_ONCE)
    assert len(list(source)) == 1
    assert again.closed
    assert source.dropped == 1


def test_pauses_double_to_a_bound_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(first_s=0.5, most_s=4.0)
    assert [backoff.pause_s(tries, 0.0) for tries in range(5)] == [0.25, 0.5, 1.0, 2.0, 2.0]
    waited: list[float] = []

    class Told(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            waited.append(timeout)
            return False

    lives = [Flaky(1), Flaky(0), Flaky(0), Flaky(1), Flaky(1, None)]
    source = Reconnecting(
        lives.pop(0), lambda: lives.pop(0), ends=True, backoff=backoff, chance=lambda: 0.0
    )
    source._closed = Told()
    assert len(list(source)) == 3
    assert waited == [0.25, 0.5, 1.0, 0.25]


@given(tries=st.integers(0, 10**6), chance=st.floats(0, 1, exclude_max=True))
def test_pause_is_within_the_upper_half_of_its_bound(tries: int, chance: float) -> None:
    backoff = Backoff(first_s=0.5, most_s=30.0)
    bound = min(30.0, 0.5 * 2.0 ** min(tries, 100))
    assert bound / 2 <= backoff.pause_s(tries, chance) <= bound


def stamps(times_s: list[float], arrivals_ns: list[int], **options: bool) -> list[int]:
    clock = StreamClock(**options)
    return [clock.capture_ns(*each) for each in zip(times_s, arrivals_ns, strict=True)]


def test_jitter_of_arrivals_is_taken_out_of_capture_times() -> None:
    dice = random.Random(1)
    times = [i / 20 for i in range(2000)]
    delays = [0.020 + 0.100 * dice.random() ** 2 for _ in times]
    arrivals = [round((7 + t + d) * 1e9) for t, d in zip(times, delays, strict=True)]
    got = stamps(times, arrivals)
    wanted = [round((7 + t + 0.020) * 1e9) for t in times]
    settled = [abs(g - w) for g, w in zip(got[100:], wanted[100:], strict=True)]
    assert max(settled) < 2_000_000


def test_clock_of_a_camera_that_runs_slow_is_followed() -> None:
    """200 parts in a million over an hour are 720 ms."""
    times = [i / 5 for i in range(5 * 3600)]
    arrivals = [round((1 + t * 1.0002) * 1e9) for t in times]
    got = stamps(times, arrivals)
    worst = max(a - g for a, g in zip(arrivals, got, strict=True))
    assert 0 <= worst <= 2 * HALF_WINDOW_NS * 0.0002 + 1000


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.floats(-1e6, 1e6)), st.integers(0, 10 * SECOND)),
        min_size=1,
    ),
    st.booleans(),
)
def test_capture_is_never_after_arrival_and_never_goes_back(
    steps: list[tuple[float | None, int]], camera: bool
) -> None:
    clock, arrival, last = StreamClock(camera=camera), 10**15, 0
    for stream_s, passed in steps:
        arrival += passed
        captured = clock.capture_ns(stream_s, arrival)
        assert last <= captured <= arrival
        last = captured


def test_stream_that_begins_again_counts_from_another_moment() -> None:
    times = [100.0, 100.1, 0.0, 0.1]
    arrivals = [10 * SECOND, 10 * SECOND + SECOND // 10, 11 * SECOND, 11 * SECOND + SECOND // 10]
    assert stamps(times, arrivals) == arrivals
    assert JUMP_NS < 90 * SECOND


def test_stamps_of_the_kernel_are_believed_as_they_are() -> None:
    now = 5000 * SECOND
    times = [4999.980, 5000.010]
    got = stamps(times, [now, now + SECOND // 20], camera=True)
    assert got == [4999_980_000_000, 5000_010_000_000]
    other = stamps([9000.0, 9000.0625], [now, now + SECOND // 16], camera=True)
    assert other == [now, now + SECOND // 16]


def test_run_survives_an_unplugged_camera_and_says_so(camera: Camera, tmp_path: Path) -> None:
    command = subprocess.Popen(
        [
            *(sys.executable, "-m", "edgecore.cli", "run", "--source", camera.url),
            *("--link", "none", "--out", "out", "--annotate", "none"),
        ],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    file = tmp_path / "out/events.jsonl"

    def wait_for(name: str) -> None:
        while name not in (file.read_text() if file.exists() else ""):
            assert command.poll() is None, command.communicate()[0]
            time.sleep(0.02)

    try:
        wait_for("run_started")
        camera.kill()
        wait_for("source_lost")
        camera.start()
        wait_for("source_back")
        command.send_signal(signal.SIGINT)
        output = command.communicate()[0]
        assert command.returncode == 0, output
    finally:
        command.kill()
        command.wait()
    told = [json.loads(line)["event"] for line in file.read_text().splitlines()]
    assert told.index("source_lost") < told.index("source_back") < told.index("run_ended")
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["failure"] is None
