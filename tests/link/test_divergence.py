"""Two recordings are alike, or the first frame in which they are not is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_bridge as fb
from firmware_bridge.decoding import readings
from firmware_bridge.divergence import CONTEXT, Divergence, first_divergence
from firmware_bridge.recording import Piece, Recorder, Recording
from firmware_bridge.schema import COMPILED
from tests.link import drive


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "drive.pcapng"
    drive.record(path, 1.0, alerts=3)
    return path


def written(path: Path, pieces: list[Piece]) -> Path:
    with Recorder(path, url="test", device={}) as recorder:
        recorder.table(COMPILED)
        for piece in pieces:
            recorder.add(*piece)
    return path


def compared(left: Path, right: Path, mode: str = "strict") -> Divergence | None:
    return first_divergence(readings(Recording(left)), readings(Recording(right)), mode)


def edited(path: Path, to: Path, level: int) -> int:
    """A copy in which the first alert has another level; returns its frame's number."""
    pieces = list(Recording(path))
    said = list(readings(Recording(path)))
    at = next(n for n, r in enumerate(said) if (r.kind, r.message) == ("REQUEST", "Alert"))
    frame = said[at].frame
    assert frame is not None
    body = bytearray(frame.payload)
    body[7] = level  # session, id, time left, kind, level
    data = fb.codec.encode(frame.channel, frame.type, bytes(body), frame.sequence, frame.kind)
    pieces[at] = pieces[at]._replace(data=data)
    written(to, pieces)
    return at


@pytest.mark.parametrize("mode", ["strict", "lax"])
def test_recording_is_like_itself(recorded: Path, mode: str) -> None:
    assert compared(recorded, recorded, mode) is None


def test_edited_recording_differs_first_where_it_was_edited(recorded: Path, tmp_path: Path) -> None:
    at = edited(recorded, tmp_path / "edited.pcapng", level=3)
    found = compared(recorded, tmp_path / "edited.pcapng")
    assert found is not None
    assert (found.number, found.fields) == (at, {"level": (2, 3)})
    assert len(found.before) == min(CONTEXT, at)
    lax = compared(recorded, tmp_path / "edited.pcapng", "lax")
    assert lax is not None
    assert (lax.number, lax.fields) == (0, {"level": (2, 3)})


def test_another_run_is_alike_in_what_was_asked_and_answered(
    recorded: Path, tmp_path: Path
) -> None:
    """Over a line that loses frames, with repetitions, other times and other session numbers."""
    other = tmp_path / "other.pcapng"
    drive.record(other, 2.0, alerts=3, drop=0.1, seed=3)
    assert compared(recorded, other) is not None
    assert compared(recorded, other, "lax") is None


def test_shorter_recording_ends_first(recorded: Path, tmp_path: Path) -> None:
    pieces = list(Recording(recorded))
    cut = written(tmp_path / "cut.pcapng", pieces[:-2])
    found = compared(recorded, cut)
    assert found is not None
    assert (found.number, found.right, found.fields) == (len(pieces) - 2, None, {})
    assert found.left is not None


@given(st.data())
def test_number_is_that_of_the_first_frame_that_differs(
    recorded: Path, data: st.DataObject
) -> None:
    said = list(readings(Recording(recorded)))
    at = data.draw(st.integers(0, len(said) - 1))
    other = list(said)
    del other[at]
    found = first_divergence(said, other)
    same = next((n for n in range(len(other)) if other[n].data != said[n].data), len(other))
    assert found is not None
    assert found.number == same


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="expected mode strict or lax, got 'loose'"):
        first_divergence([], [], "loose")  # type: ignore[arg-type]
