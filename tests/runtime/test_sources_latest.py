"""A live source keeps the newest frame and counts the others."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from edgecore.errors import SourceError
from edgecore.frame import Frame
from edgecore.sources.live import Latest
from edgecore.sources.source import Source, SourceChange


class Camera(Source):
    """One frame; after `go` more as fast as they are asked for, then an error or the end."""

    def __init__(self, count: int, error: SourceError | None = None) -> None:
        super().__init__()
        self.description = "test camera"
        self.closed = False
        self.go = threading.Event()
        self._left = count
        self._index = -1
        self._error = error

    def __next__(self) -> Frame:
        if self._index == 0:
            self.go.wait()
        if self._left == 0:
            if self._error:
                raise self._error
            raise StopIteration
        self._left -= 1
        self._index += 1
        return Frame(np.zeros((2, 2, 3), np.uint8), 2, 2, "rgb", timestamp_ns=self._index)

    def close(self) -> None:
        self.closed = True


def ended(source: Latest) -> None:
    """Wait until the reader has put its last frame into the slot."""
    source._thread.join()


def test_latest_frame_wins_and_the_others_are_counted() -> None:
    camera = Camera(10)
    with Latest(camera) as source:
        first = next(source)
        camera.go.set()
        ended(source)
        frames = [first, *source]
    assert [frame.timestamp_ns for frame in frames] == [0, 9]
    assert source.dropped == 8
    assert camera.closed


def test_error_of_a_live_source_comes_after_its_last_frame() -> None:
    camera = Camera(2, SourceError("unplugged"))
    with Latest(camera) as source:
        next(source)
        camera.go.set()
        ended(source)
        assert next(source).timestamp_ns == 1
        with pytest.raises(SourceError, match="unplugged"):
            next(source)
        with pytest.raises(StopIteration):
            next(source)


def test_closing_a_live_source_ends_its_reader_and_the_inner_source(tmp_path: Path) -> None:
    camera = Camera(-1)
    source = Latest(camera)
    next(source)
    camera.go.set()
    source.close()
    ended(source)
    with pytest.raises(StopIteration):
        next(source)
    assert camera.closed
    source.close()


def test_live_source_that_nobody_read_is_closed_all_the_same() -> None:
    camera = Camera(1)
    with Latest(camera) as source:
        pass
    assert camera.closed
    with pytest.raises(StopIteration):
        next(source)


class Broken(Camera):
    """Fails in one way or another."""

    def __init__(self, in_next: BaseException | None, in_close: BaseException | None) -> None:
        super().__init__(1)
        self._in_next, self._in_close = in_next, in_close

    def __next__(self) -> Frame:
        if self._in_next is not None:
            raise self._in_next
        raise StopIteration

    def close(self) -> None:
        if self._in_close is not None:
            raise self._in_close


@pytest.mark.parametrize(
    ("camera", "expected"),
    [
        (Broken(SystemExit(3), None), SystemExit),
        (Broken(SourceError("unplugged"), OSError("busy")), SourceError),
        (Broken(None, OSError("busy")), OSError),
        (Broken(None, SystemExit(3)), SystemExit),
    ],
)
def test_whatever_ends_the_reader_is_told_to_who_waits_for_a_frame(
    camera: Broken, expected: type[BaseException]
) -> None:
    told: list[BaseException] = []

    def wait() -> None:
        try:
            next(source)
        except BaseException as error:
            told.append(error)

    source = Latest(camera)
    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(10)
    assert [type(error) for error in told] == [expected]


def test_who_is_told_that_a_live_source_is_lost_may_close_it() -> None:
    closed = threading.Event()

    class Losing(Camera):
        def __next__(self) -> Frame:
            self.on_change(SourceChange("source_lost", "unplugged"))
            raise StopIteration

    def close(_: SourceChange) -> None:
        source.close()
        closed.set()

    source = Latest(Losing(0))
    source.on_change = close
    with pytest.raises(StopIteration):
        next(source)
    assert closed.wait(10)
