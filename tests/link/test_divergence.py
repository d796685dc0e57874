"""Two recordings are alike, or the first frame in which they are not is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_bridge as fb
from firmware_bridge.decoding import Reading, readings
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


def commands(path: Path) -> list[tuple[Piece, Reading]]:
    """Frames that ask for an alert or answer one, as they are in a recording."""
    both = zip(Recording(path), readings(Recording(path)), strict=True)
    return [(piece, said) for piece, said in both if said.message == "Alert"]


def in_session(piece: Piece, said: Reading, session: int) -> Piece:
    """The same under another number."""
    frame = said.frame
    assert frame is not None
    body = session.to_bytes(2, "little") + frame.payload[2:]
    data = fb.codec.encode(frame.channel, frame.type, body, frame.sequence, frame.kind)
    return piece._replace(data=data)


def test_answers_that_wait_for_others_are_alike_to_those_that_do_not(
    recorded: Path, tmp_path: Path
) -> None:
    found = commands(recorded)
    assert [said.kind for _, said in found[:2]] == ["REQUEST", "RESULT"]
    found.sort(key=lambda each: each[1].kind)
    together = written(tmp_path / "together.pcapng", [piece for piece, _ in found])
    assert compared(recorded, together) is not None
    assert compared(recorded, together, "lax") is None


def test_what_a_new_session_says_again_counts_once(recorded: Path, tmp_path: Path) -> None:
    found = commands(recorded)
    (asked, said), *_ = found
    pieces = [asked, in_session(asked, said, 77), *(piece for piece, _ in found[1:])]
    pieces += [in_session(piece, said, 78) for piece, said in found[-2:]]
    again = written(tmp_path / "again.pcapng", pieces)
    assert compared(recorded, again, "lax") is None


def test_what_another_host_or_boot_is_asked_counts_anew(recorded: Path, tmp_path: Path) -> None:
    pieces, said = list(Recording(recorded)), list(readings(Recording(recorded)))
    hello = next(n for n, each in enumerate(said) if each.kind == "HELLO")
    frame = said[hello].frame
    assert frame is not None
    boot_id = frame.payload.index(said[hello].head["boot_id"].to_bytes(4, "little"))
    body = bytearray(frame.payload)
    body[boot_id] ^= 1
    data = fb.codec.encode(frame.channel, frame.type, bytes(body), frame.sequence, frame.kind)
    asked = [piece for piece, _ in commands(recorded)]
    twice = written(
        tmp_path / "twice.pcapng", [*pieces, pieces[hello]._replace(data=data), *asked[:2]]
    )
    found = compared(recorded, twice, "lax")
    assert found is not None
    assert (found.number, found.left) == (2 * 3, None)


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
