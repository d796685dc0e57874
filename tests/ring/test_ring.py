"""Frames through a ring, as a camera process and an agent use it."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import edgecore
from edgecore import ring
from edgecore.errors import SourceError
from tests.ring.peers import memory

ROOT = Path(__file__).resolve().parents[2]


def shown(producer, value):
    slot = producer.claim()
    assert slot is not None
    for plane in slot.frame.planes:
        plane[...] = value
    slot.publish()


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


FORMATS = ["rgb", "bgra", "gray", "nv12", "i420", "yuyv", "p010", "grbg"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("strides", [None, 512], ids=["packed", "strided"])
def test_a_frame_arrives_as_it_was_published_and_nothing_was_copied(place, format, strides):
    dice = np.random.default_rng(1)
    with (
        ring.Producer(place, 61, 47, format, strides=strides, color="bt709-full") as producer,
        ring.Consumer(place) as consumer,
    ):
        slot = producer.claim()
        for plane in slot.frame.planes:
            plane[...] = dice.integers(0, 256, plane.shape, np.uint8)
        slot.publish(timestamp_ns=123)
        frame = consumer.read(10)
        assert frame.kind == (format, "bt709-full", 61, 47)
        assert frame.timestamp_ns == 123
        for there, here in zip(frame.planes, slot.frame.planes, strict=True):
            np.testing.assert_array_equal(there, here)
            assert there.strides == here.strides
            assert not there.flags.writeable
            with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
                there.flags.writeable = True
        slot.frame.planes[0][0, 0] ^= 255  # it is the same memory
        assert (frame.planes[0][0, 0] == slot.frame.planes[0][0, 0]).all()


def test_a_detector_and_preprocessing_take_its_frames(place):
    from edgecore.synthetic import Road, rgb_to_nv12

    rgb, _ = Road(width=640, height=384, fps=20, seed=1).render(3.0)
    own = edgecore.Frame(rgb_to_nv12(rgb), 640, 384)
    with ring.Producer(place, 640, 384) as producer, ring.Consumer(place) as consumer:
        assert producer.publish(own)
        shared = consumer.read(10)
        np.testing.assert_array_equal(
            edgecore.preprocess(shared, (128, 128)), edgecore.preprocess(own, (128, 128))
        )


def test_the_newest_frame_wins_and_the_others_are_counted(place):
    with ring.Producer(place, 8, 8, "gray", slots=3) as producer, ring.Consumer(place) as consumer:
        shown(producer, 1)
        assert consumer.read(10).planes[0][0, 0] == 1
        for value in range(2, 12):
            shown(producer, value)
        assert consumer.read(10).planes[0][0, 0] == 11
        assert (consumer.sequence, consumer.dropped) == (11, 9)
        assert consumer.label == f"{place}#11"
        assert consumer.read(0) is None


def test_what_was_published_before_a_reader_came_is_there_for_it(place):
    with ring.Producer(place, 8, 8, "gray") as producer:
        shown(producer, 5)
        with ring.Consumer(place) as consumer:
            assert consumer.read(0).planes[0][0, 0] == 5
            assert consumer.dropped == 0


def test_a_frame_holds_its_slot_until_the_last_view_of_it_is_gone(place):
    with ring.Producer(place, 8, 8, "nv12", slots=2) as producer, ring.Consumer(place) as consumer:
        shown(producer, 1)
        frame = consumer.read(10)
        corner = frame.planes[1][:2, 1:3, 0].T
        del frame
        for value in range(2, 9):
            shown(producer, value)
        assert corner.tolist() == [[1, 1], [1, 1]]
        assert producer.leased == 1
        del corner
        gc.collect()
        assert producer.leased == 0


def test_a_producer_whose_slots_are_all_read_drops_the_frame_and_counts_it(place):
    with ring.Producer(place, 8, 8, "gray", slots=2) as producer, ring.Consumer(place) as consumer:
        held = []
        for value in (1, 2):
            shown(producer, value)
            held.append(consumer.read(10))
        assert producer.leased == 2
        assert producer.claim() is None
        assert not producer.publish(edgecore.Frame(np.zeros((8, 8), np.uint8), 8, 8, "gray"))
        assert producer.dropped == 2
        held.pop(0)
        shown(producer, 3)
        assert consumer.read(10).planes[0][0, 0] == 3
        assert consumer.dropped == 2, "what the producer dropped, this reader did not see either"


def test_who_keeps_more_frames_than_it_may_hold_gets_copies_and_starves_nobody(place):
    with (
        ring.Producer(place, 8, 8, "nv12", slots=5) as producer,
        ring.Consumer(place, max_held=2) as hoarder,
        ring.Consumer(place) as other,
    ):
        hoard = []
        for value in range(20):
            shown(producer, value)
            hoard.append(hoarder.read(10))
            assert hoarder.notes == ["frames are copied while 2 others are kept"][: value // 2]
            assert (other.read(10).planes[0] == value).all()
        for value, frame in enumerate(hoard):
            assert all((plane == value).all() for plane in frame.planes)
        assert producer.leased == 2
        assert producer.dropped == other.dropped == 0


def test_several_slots_are_filled_at_once_and_published_in_any_order(place):
    with ring.Producer(place, 8, 8, "gray", slots=4) as producer, ring.Consumer(place) as consumer:
        slots = [producer.claim() for _ in range(4)]
        assert sorted(slot.index for slot in slots) == [0, 1, 2, 3]
        assert producer.claim() is None
        for slot in reversed(slots):
            slot.frame.planes[0][...] = slot.index
            slot.publish()
            assert consumer.read(10).planes[0][0, 0] == slot.index


def test_a_slot_that_is_not_published_comes_back(place):
    with ring.Producer(place, 8, 8, "gray", slots=2) as producer, ring.Consumer(place) as consumer:
        for _ in range(5):
            with producer.claim():
                pass
            producer.claim()
            slot = producer.claim()
            slot.abandon()
            slot.abandon()
            with pytest.raises(ValueError, match="published or given back"):
                slot.publish()
            del slot
        shown(producer, 1)
        slot = producer.claim()
        slot.publish()
        with pytest.raises(ValueError, match="published or given back"):
            slot.publish()
        assert consumer.read(10) is not None


def test_frames_outlive_the_consumer_and_the_producer(place):
    producer, consumer = ring.Producer(place, 8, 8, "gray", slots=2), ring.Consumer(place)
    shown(producer, 1)
    frame = consumer.read(10)
    consumer.close()
    consumer.close()
    del consumer
    for value in range(2, 6):
        shown(producer, value)
    assert (frame.planes[0] == 1).all()
    slot = producer.claim()
    producer.close()
    producer.close()
    slot.frame.planes[0][...] = 9
    with pytest.raises(ValueError, match="producer is closed"):
        slot.publish()
    with pytest.raises(ValueError, match="closed"):
        producer.claim()
    del producer, slot
    assert (frame.planes[0] == 1).all()
    assert not place.exists()


def test_an_unused_producer_is_closed_with_its_last_reference(place):
    producer = ring.Producer(place, 8, 8, "gray")
    threads = threading.active_count()
    del producer
    assert not place.exists()
    assert threading.active_count() == threads - 1


def test_a_source_by_url_survives_restarts_of_its_producer_even_with_other_frames(place):
    changes = []
    producer = ring.Producer(place, 8, 8, "gray")
    with edgecore.sources.open(f"ring://{place}") as source:
        source.on_change = changes.append
        assert source.live
        for value, (format, width) in enumerate([("gray", 8), ("nv12", 8), ("rgb", 10)]):
            producer.close()
            producer = ring.Producer(place, width, 6, format)
            shown(producer, value)
            shown(producer, value)
            frame = next(source)
            assert (frame.format, frame.width) == (format, width)
            assert (frame.planes[0] == value).all()
        assert [change.kind for change in changes] == ["source_lost", "source_back"] * 3
    producer.close()


def test_a_reader_may_wait_without_end(place):
    with ring.Producer(place, 8, 8, "gray") as producer, ring.Consumer(place) as reader:
        shown(producer, 1)
        assert reader.read(float("inf")).planes[0][0, 0] == 1
        threading.Timer(0.05, reader.close).start()
        assert reader.read(float("inf")) is None


def test_a_consumer_ends_with_its_producer(place):
    with ring.Producer(place, 8, 8, "gray") as producer:
        source = edgecore.sources.open(f"ring:{place}?reconnect=0")
        shown(producer, 1)
        shown(producer, 2)
        assert not source.ended
    assert [int(frame.planes[0][0, 0]) for frame in source] == [2], "what was published is there"
    assert source.ended


def test_closing_or_interrupting_ends_a_thread_that_waits(place):
    with ring.Producer(place, 8, 8, "gray"):
        for url in (f"ring:{place}", f"ring:{place}?reconnect=0"):
            for end in ("close", "interrupt"):
                source = edgecore.sources.open(url)
                waiting = threading.Thread(target=list, args=(source,))
                waiting.start()
                getattr(source, end)()
                waiting.join()
        source = edgecore.sources.open(f"ring:{place}")
    waiting = threading.Thread(target=list, args=(source,))  # now for a producer
    waiting.start()
    source.interrupt()
    waiting.join()


def test_who_waits_sleeps(place):
    with ring.Producer(place, 8, 8, "gray"), ring.Consumer(place) as consumer:
        before = time.thread_time()
        assert consumer.read(timeout=1.0) is None
        assert time.thread_time() - before < 0.5, "of that second"


def test_an_event_loop_reads_while_it_does_other_things(place):
    async def main():
        turns = 0

        async def other():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        aside = asyncio.create_task(other())
        got = []
        async for frame in consumer:
            got.append(int(frame.planes[0][0, 0]))
            if len(got) == 50:
                break
            asyncio.get_running_loop().call_later(0.0005, shown, producer, len(got))
        aside.cancel()
        assert got == list(range(50))
        assert turns > 50

    with ring.Producer(place, 8, 8, "gray") as producer, ring.Consumer(place) as consumer:
        shown(producer, 0)
        asyncio.run(main())


def test_an_event_loop_is_told_of_the_producers_end_and_released_by_close(place):
    async def main():
        waiting = asyncio.ensure_future(anext(aiter(closed)))
        dying = asyncio.ensure_future(anext(aiter(orphan)))
        await asyncio.sleep(0.01)
        closed.close()
        with pytest.raises(StopAsyncIteration):
            await waiting
        shown(producer, 7)
        producer.close()
        assert (await dying).planes[0][0, 0] == 7, "what was published is there"
        with pytest.raises(StopAsyncIteration):
            await anext(aiter(orphan))

    producer = ring.Producer(place, 8, 8, "gray")
    with ring.Consumer(place) as closed, ring.Consumer(place) as orphan:
        asyncio.run(main())


def test_pixels_may_lie_in_buffers_of_the_cameras_own(place):
    """As dma-bufs of a capture device: descriptors for the readers, one a slot."""
    buffers = [memory(bytes(64 * 48)) for _ in range(3)]
    with (
        ring.Producer(place, 64, 48, "gray", slots=3, buffers=buffers) as producer,
        ring.Consumer(place) as consumer,
    ):
        for value in range(10):
            slot = producer.claim()
            os.pwrite(buffers[slot.index], bytes([value]) * (64 * 48), 0)  # as the device would
            slot.publish()
            frame = consumer.read(10)
            assert (frame.planes[0] == value).all()
            assert os.path.sameopenfile(consumer.buffer, buffers[slot.index])
            assert consumer.buffer not in buffers
    for fd in buffers:
        os.close(fd)


def test_buffers_that_cannot_serve_are_refused(place):
    good, short, loose = memory(bytes(64)), memory(bytes(63)), memory(bytes(64), 0)
    with pytest.raises(ValueError, match="one for each of 2 slots, got 1"):
        ring.Producer(place, 8, 8, "gray", slots=2, buffers=[good])
    for bad in (short, loose):
        with pytest.raises(SourceError, match="sealed against shrinking, and hold a whole frame"):
            ring.Producer(place, 8, 8, "gray", slots=2, buffers=[good, bad])
    assert not place.exists()
    for fd in (good, short, loose):
        os.close(fd)


def test_consumers_that_come_and_go_leave_no_descriptor_behind(place):
    buffers = [memory(bytes(64)) for _ in range(2)]
    for given in ((), buffers):
        with ring.Producer(place, 8, 8, "gray", slots=2, buffers=given) as producer:
            gc.collect()  # what other tests left to it
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(20):
                ring.Consumer(place).close()
            until(lambda: producer.readers == 0)
            assert len(os.listdir("/proc/self/fd")) <= before
    for fd in buffers:
        os.close(fd)


def test_a_producer_removes_no_socket_but_its_own(place):
    with ring.Producer(place, 8, 8, "gray"):
        place.unlink()
        second = ring.Producer(place, 8, 8, "gray")
    assert place.exists()
    second.close()
    assert not place.exists()


def test_wrong_arguments_are_told(place):
    with pytest.raises(ValueError, match="max_held must be at least 1, got 0"):
        ring.Consumer(place, max_held=0)
    with pytest.raises(ValueError, match=r"timeout_s must be 0 to 3600.0, got -1"):
        ring.Consumer(place, timeout_s=-1)
    with pytest.raises(ValueError, match="slots must be 2 to 64, got 65"):
        ring.Producer(place, 8, 8, slots=65)
    with pytest.raises(ValueError, match="uids must be at most 16, got 17"):
        ring.Producer(place, 8, 8, uids=range(17))
    with pytest.raises(ValueError, match="format must be one of"):
        ring.Producer(place, 8, 8, "jpeg")
    with pytest.raises(ValueError, match="strides must have 1 entries, got 0"):
        ring.Producer(place, 8, 8, "gray", strides=[])
    with pytest.raises(ValueError, match="stride of plane 0 must be at least 8 bytes, got 7"):
        ring.Producer(place, 8, 8, "gray", strides=7)
    with ring.Producer(place, 8, 8, "gray") as producer:
        with pytest.raises(ValueError, match=r"expected frames of .*gray.* got .*nv12"):
            producer.publish(edgecore.Frame(np.zeros(96, np.uint8), 8, 8))
        with pytest.raises(SourceError, match="another producer serves this socket"):
            ring.Producer(place, 8, 8, "gray")
        with pytest.raises(SourceError, match=r"reconnect=0, got \?reconect=0"):
            edgecore.sources.open(f"ring:{place}?reconect=0")
    place.write_text("")
    with pytest.raises(SourceError, match="expected a socket or nothing there"):
        ring.Producer(place, 8, 8, "gray")
    assert place.exists(), "no file of another's is removed"
    with pytest.raises(SourceError, match="at most 107 bytes"):
        ring.Producer("x" * 108, 8, 8, "gray")
    with pytest.raises(SourceError, match="No such file or directory"):
        ring.Producer(place.parent / "no" / "where", 8, 8, "gray")


def test_the_command_line_takes_a_ring(place):
    from edgecore.synthetic import Road, rgb_to_nv12

    rgb, _ = Road(width=640, height=384, fps=20, seed=1).render(3.0)
    frame = edgecore.Frame(rgb_to_nv12(rgb), 640, 384)
    with ring.Producer(place, 640, 384) as producer:
        process = subprocess.Popen(
            [sys.executable, "-m", "edgecore.cli", "detect", f"ring://{place}?reconnect=0"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        until(lambda: producer.readers == 1 or process.poll() is not None)
        producer.publish(frame)
        first = process.stdout.readline()
        assert f"{place}#" in first
        assert "car" in first
    process.stdout.close()
    assert process.wait() == 0


def test_the_agent_runs_on_a_ring(place, tmp_path):
    from edgecore.synthetic import Road, rgb_to_nv12

    road = Road(width=640, height=384, fps=20, seed=1)
    with ring.Producer(place, 640, 384) as producer:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "edgecore.cli", "run", "--source", f"ring://{place}"),
                *("--link", "none", "--duration", "1", "--annotate", "none", "--out", tmp_path),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.DEVNULL,
        )
        count = 0
        while process.poll() is None:
            rgb, _ = road.render(count / 20)
            producer.publish(edgecore.Frame(rgb_to_nv12(rgb), 640, 384))
            count += 1
        assert process.returncode == 0
        until(lambda: producer.readers == 0)
        assert producer.leased == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert 0 < summary["frames"] <= count


def test_a_process_that_just_ends_removes_its_socket(place):
    script = f"from edgecore import ring; producer = ring.Producer({str(place)!r}, 8, 8)"
    subprocess.run(
        [sys.executable, "-c", script + "; assert producer.readers == 0"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert not place.exists()


def test_importing_edgecore_leaves_the_ring_alone():
    script = "import edgecore, sys; print([m for m in sys.modules if 'ring' in m.split('.')[1:]])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
