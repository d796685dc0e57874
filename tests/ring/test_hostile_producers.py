"""Whatever answers at the socket, a reader gets a clear error or frames, and lives."""

import fcntl
import gc
import os
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecore import ring
from edgecore.errors import SourceError
from tests.ring import peers
from tests.ring.peers import answering, described, header, memory, stream, welcome

PAGE = bytes(16)


def refused(place, message, fds, **options):
    with answering(place, message, fds), pytest.raises(SourceError) as caught:
        ring.Consumer(place, **options)
    return str(caught.value)


def handed_out(place, content):
    with answering(place, welcome(), [memory(content), memory(PAGE)]):
        return ring.Consumer(place).read(0)


def test_a_producer_by_hand_is_one(place):
    frame = handed_out(place, stream(described()))
    assert frame.planes[0].tolist() == [[0] * 8] * 8


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        bytes(100_000),
        welcome(magic=1),
        welcome(version=2),
        welcome(3),
        welcome(1),
        welcome(answer=3),
    ],
    ids=["nothing", "words", "much", "magic", "version", "more", "fewer", "answer"],
)
def test_what_is_no_welcome_is_refused(place, message):
    gc.collect()  # what other tests left to it
    before = len(os.listdir("/proc/self/fd"))
    told = refused(place, message, [memory(stream()), memory(PAGE)])
    assert "expected a producer of frames" in told or "went away" in told
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_welcome_without_descriptors_is_refused(place):
    assert "got something else" in refused(place, welcome(0), [])
    assert "got something else" in refused(place, welcome(1), [memory(stream())])


@pytest.mark.parametrize("unsealed", ["stream", "page"])
def test_memory_that_could_be_shortened_is_not_mapped(place, unsealed):
    fds = [
        memory(stream(), 0 if unsealed == "stream" else peers.SEALS),
        memory(PAGE, 0 if unsealed == "page" else peers.SEALS),
    ]
    assert "could be shortened" in refused(place, welcome(), fds)


def test_a_page_that_is_too_short_is_not_mapped(place):
    assert "too short" in refused(place, welcome(), [memory(stream()), memory(bytes(8))])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        stream()[:-1],
        bytes(peers.PIXELS),
        stream(slots=0),
        stream(slots=1),
        stream(slots=5),
        stream(slots=65).ljust(peers.PIXELS + 65 * 4096, b"\0"),
        stream(slots=2**32 - 1),
        stream(slot_bytes=0),
        stream(slot_bytes=2**64 - 1),
        stream(slot_bytes=2**62),
        stream(buffers=2),
    ],
)
def test_a_header_that_does_not_fit_its_memory_is_refused(place, content):
    assert "got something else" in refused(place, welcome(), [memory(content), memory(PAGE)])


def test_a_stream_of_buffers_without_buffers_is_refused(place):
    content = stream(buffers=1)[: peers.PIXELS]
    assert "got something else" in refused(place, welcome(), [memory(content), memory(PAGE)])
    for count in (3, 5):  # of four
        fds = [memory(content), memory(PAGE), *(memory(bytes(4096)) for _ in range(count))]
        assert "got something else" in refused(place, welcome(len(fds)), fds)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"planes": ((4090, 64, 8),)}, "something else"),
        ({"planes": ((2**64 - 8, 64, 8),)}, "something else"),
        ({"planes": ((0, 2**64 - 1, 8),)}, "something else"),
        ({"count": 4}, "something else"),
        ({"count": 0}, "something else"),
        ({"width": 0}, "something else"),
        ({"height": 32769}, "something else"),
        ({"format": b"grayscale"}, "something else"),
        ({"color": b"x" * 16}, "something else"),
        ({"format": b"y\xff"}, "format must be one of"),
        ({"color": b""}, "color must be one of"),
        ({"planes": ((0, 63, 8),)}, "needs 64 bytes, got 63"),
        ({"planes": ((0, 64, 7),)}, "stride of plane 0 must be at least 8"),
        ({"format": b"nv12"}, "has 2 planes, got 1"),
        ({"width": 9}, "stride of plane 0 must be at least 9"),
    ],
)
def test_a_description_that_cannot_be_is_told(place, fields, told):
    with pytest.raises(SourceError, match=told):
        handed_out(place, stream(described(**fields)))


def test_a_stream_of_holes_costs_its_reader_no_memory(place):
    slot_bytes = 1 << 34
    content = stream(described(), slot_bytes=slot_bytes)
    fd = os.memfd_create("holes", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    os.ftruncate(fd, peers.PIXELS + 4 * slot_bytes)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, peers.SEALS)
    with answering(place, welcome(), [fd, memory(PAGE)]):
        assert ring.Consumer(place).read(0).planes[0].shape == (8, 8)
        assert os.fstat(fd).st_blocks * 512 < 1 << 20


def test_a_newest_slot_that_is_none_shows_nothing(place):
    content = bytearray(stream(described()))
    content[64] |= 63  # of four, though a description is there
    content[128 * 64 : 128 * 65] = described()
    assert handed_out(place, bytes(content)) is None


@given(st.binary(min_size=128, max_size=128), st.binary(min_size=128, max_size=128))
@settings(max_examples=150)
def test_any_bytes_give_an_error_or_a_frame(first, second):
    place = f"/tmp/ring-{os.getpid()}.sock"
    content = (header()[:24] + first[24:] + second).ljust(peers.PIXELS + 4 * 4096, b"\0")
    with answering(peers.Path(place), welcome(), [memory(content), memory(PAGE)]):
        try:
            frame = ring.Consumer(place).read(0)
        except SourceError:
            return
        if frame is not None:
            assert [plane.tobytes() for plane in frame.planes]


def test_a_producer_that_never_answers_is_given_up(place):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(str(place))
        door.listen()
        with pytest.raises(SourceError, match="did not answer in time"):
            ring.Consumer(place, timeout_s=0.05)


def test_other_sockets_files_and_paths_are_named(place, tmp_path):
    with pytest.raises(SourceError, match="no such socket"):
        ring.Consumer(place)
    with pytest.raises(SourceError, match="at most 107 bytes"):
        ring.Consumer("/tmp/" + "x" * 103)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(place))
        other.listen()
        with pytest.raises(SourceError, match="socket of another kind"):
            ring.Consumer(place)
    with pytest.raises(SourceError, match="a dead one left"):
        ring.Consumer(place)
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match=str(tmp_path / "file")):
        ring.Consumer(tmp_path / "file")
