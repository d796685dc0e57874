"""A transfer in virtual time: whatever the line and both ends do, it ends with the right bytes."""

import dataclasses
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge._bulk import FRAGMENT_MAX, FRAGMENT_MIN, Sender
from firmware_bridge.testing import Flash
from tests.link.updating import (
    ACTIVE,
    BAD_DIGEST,
    BAD_MANIFEST,
    BAD_SIGNATURE,
    BULK,
    DONE,
    FRAGMENT,
    NO_STORAGE,
    NO_VERIFIER,
    OFFER,
    RECEIVING,
    REPORT,
    ROLLBACK,
    TOO_LONG,
    UNCONFIRMED,
    UNKNOWN_NAME,
    Bench,
    manifest_of,
    sign,
    verify,
)

pytestmark = pytest.mark.once


def image_of(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


def bench(**options: object) -> Bench:
    return Bench(Flash(verify=verify), **options).connect()


def stored_in(flash: Flash, image: bytes) -> bool:
    return image in flash.content


@pytest.mark.parametrize("length", [1, 31, 32, 33, 255, 4096, 4097, 20_000])
def test_image_of_any_length_arrives(length: int) -> None:
    host = bench()
    image = image_of(length)
    assert host.transfer(image, manifest_of(image, 1)) == DONE
    assert stored_in(host.flash, image)
    assert host.flash.misuses == 0
    assert host.sender.resent == 0


def test_image_that_ends_in_erased_bytes_arrives() -> None:
    host = bench()
    image = b"\xff" * 9000
    assert host.transfer(image, manifest_of(image, 1)) == DONE


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    length=st.integers(1, 30_000),
    bit_error=st.sampled_from([0, 1e-5, 1e-4, 1e-3]),
    drop=st.sampled_from([0, 0.05]),
    duplicate=st.sampled_from([0, 0.05]),
    delay_us=st.sampled_from([0, 3000, 40_000]),
    bytes_per_s=st.sampled_from([11_520, 92_160, 0]),
    disturbances=st.lists(
        st.tuples(st.sampled_from(["unplug", "power", "host", "stall"]), st.floats(0.01, 2)),
        max_size=4,
    ),
)
def test_transfer_survives_line_and_both_ends(
    seed: int,
    length: int,
    bit_error: float,
    drop: float,
    duplicate: float,
    delay_us: int,
    bytes_per_s: int,
    disturbances: list[tuple[str, float]],
) -> None:
    host = Bench(
        Flash(verify=verify, sector_bytes=1024, seed=seed),
        bit_error=bit_error,
        drop=drop,
        duplicate=duplicate,
        delay_us=delay_us,
        bytes_per_s=bytes_per_s,
        seed=seed,
    )
    image = image_of(length, seed)
    manifest = manifest_of(image, 1)
    host.offer(image, manifest)
    for kind, after_s in disturbances:
        until_us = host.now_us + after_s * 1e6
        host.run_until(lambda until_us=until_us: host.now_us >= until_us)
        if kind == "unplug":
            host.plugged = False
            until_us += 700_000
            host.run_until(lambda until_us=until_us: host.now_us >= until_us)
            host.replug()
        elif kind == "power":
            host.firmware.power_cycle()
        elif kind == "host":
            host.start_host()
            host.offer(image, manifest)
        else:
            host.now_us += 300_000
    host.run_until(lambda: host.sender.over, limit_s=600)
    assert host.sender.status == DONE
    assert stored_in(host.flash, image)
    assert host.flash.misuses == 0


def stored_reports(host: Bench, events_from: int = 0) -> list[int]:
    return [
        struct.unpack_from("<I", event.payload, 8)[0]
        for event in host.events[events_from:]
        if getattr(event, "type", None) == 0xF3
    ]


@pytest.mark.parametrize("what", ["unplug", "power", "host"])
def test_transfer_goes_on_where_it_was(what: str) -> None:
    host = bench(bytes_per_s=92_160)
    image = image_of(60_000)
    manifest = manifest_of(image, 1)
    sender = host.offer(image, manifest)
    host.run_until(lambda: sender.stored > 40_000)
    reached = sender.stored
    heard = len(host.events)
    sent = host.up.counts["bytes_in"]
    if what == "unplug":
        host.plugged = False
        host.run_until(lambda: not host.host.open)
        host.replug()
    elif what == "power":
        host.firmware.power_cycle()
    else:
        host.start_host()
        sender = host.offer(image, manifest)
    host.run_until(lambda: sender.over)
    assert sender.status == DONE
    resumed = stored_reports(host, heard)[0] if what != "unplug" else reached
    assert resumed >= reached - 4096  # a sector at most is sent again after a reset
    assert host.up.counts["bytes_in"] - sent < (60_000 - reached + 2 * 4096 + 2000) * 1.1


def test_no_more_is_in_flight_than_was_granted() -> None:
    """A tap on the host's wire: no fragment lies beyond the last limit that the host has heard."""
    host = bench(bytes_per_s=92_160, bit_error=1e-4, seed=4)
    image = image_of(30_000)
    sender = host.offer(image, manifest_of(image, 1))
    limit = 0
    publish = host.host.publish

    class Tap:
        def __getattr__(self, name: str) -> object:
            return getattr(session, name)

        def publish(self, channel: int, type_: int, body: bytes) -> bool:
            if type_ == FRAGMENT:
                (offset,) = struct.unpack_from("<I", body, 4)
                limits = [
                    struct.unpack_from("<I", e.payload, 12)[0]
                    for e in host.events[-50:]
                    if getattr(e, "type", None) == 0xF3
                ]
                assert offset + len(body) - 8 <= max([limit, *limits])
            return publish(channel, type_, body)

    session = host.host
    host.host = Tap()
    host.run_until(lambda: sender.over)
    assert sender.status == DONE
    assert sender.resent > 0


def test_only_the_fragment_that_was_lost_is_sent_again() -> None:
    host = bench()
    image = image_of(20_000)
    sender = host.offer(image, manifest_of(image, 1))
    session, lengths = host.host, []

    class Thief:
        def __getattr__(self, name: str) -> object:
            return getattr(session, name)

        def publish(self, channel: int, type_: int, body: bytes) -> bool:
            if type_ == FRAGMENT:
                lengths.append(len(body) - 8)
                if len(lengths) == 4:
                    return True
            return session.publish(channel, type_, body)

    host.host = Thief()
    host.run_until(lambda: sender.over)
    assert sender.status == DONE
    assert sum(lengths) == 20_000 + lengths[3]


def test_what_is_stored_last_is_reported_to_a_sender_that_has_nothing_to_send() -> None:
    """Three quarters of a window at once: one report after half of it, and one after the rest."""
    host = bench()
    image = image_of(20_000)
    host.host.publish(BULK, OFFER, struct.pack("<HH", 1, 0) + manifest_of(image, 1).pack())
    host.run_until(lambda: stored_reports(host))
    for at in range(0, 3072, FRAGMENT_MAX // 32 * 32):
        piece = image[at : min(at + FRAGMENT_MAX // 32 * 32, 3072)]
        assert host.host.publish(BULK, FRAGMENT, struct.pack("<HHI", 1, 1, at) + piece)
    host.run_until(lambda: stored_reports(host)[-1] == 3072, limit_s=1)
    assert [stored for stored in stored_reports(host) if stored] == [2048, 3072]
    last = [event for event in host.events if getattr(event, "type", None) == REPORT][-1]
    assert len(last.payload) == 16  # nothing is held beyond: no map


def test_a_step_of_the_firmware_waits_for_one_operation_of_the_flash() -> None:
    """The slot's first sector is erased, its label written, another one erased, a fragment written:
    so many writes each, in units of 8 bytes."""
    host = bench()
    image = image_of(20_000)
    host.host.publish(BULK, OFFER, struct.pack("<HH", 1, 0) + manifest_of(image, 1).pack())
    host.host.publish(BULK, FRAGMENT, struct.pack("<HHI", 1, 1, 0) + image[:32])
    before = host.flash.writes
    host.firmware.feed(host.host.output(host.now_us, 1000))
    writes = [host.flash.writes - before]
    for _ in range(4):
        before = host.flash.writes
        host.firmware.advance(0)
        writes.append(host.flash.writes - before)
    assert writes == [1, 128 // 8, 1, 32 // 8, 0]


def test_fragments_follow_the_line() -> None:
    """Bit errors make them short, and a clean line makes them long again."""
    host = bench(bytes_per_s=92_160)
    sender = host.offer(image_of(60_000), manifest_of(image_of(60_000), 1))
    host.run_until(lambda: sender.stored > 10_000)
    assert sender.fragment == FRAGMENT_MAX
    noisy = Bench(Flash(verify=verify), bytes_per_s=92_160, bit_error=3e-4, seed=2).connect()
    sender = noisy.offer(image_of(60_000), manifest_of(image_of(60_000), 1))
    noisy.run_until(lambda: sender.stored > 30_000)
    assert FRAGMENT_MIN <= sender.fragment < 250


def test_command_waits_for_at_most_one_fragment() -> None:
    """At 11520 bytes/s a fragment takes 43 ms; a command comes after the one begun at most."""
    rate = 11_520
    host = Bench(Flash(verify=verify), bytes_per_s=rate, tick_us=100).connect()
    image = image_of(100_000)
    sender = host.offer(image, manifest_of(image, 1))
    host.run_until(lambda: sender.stored > 8000)
    waits = []
    generator = random.Random(3)
    for _ in range(40):
        until = host.now_us + generator.randint(0, 100_000)
        host.run_until(lambda until=until: host.now_us >= until)
        executed = host.firmware.records["commands"]
        since = host.now_us
        host.ask(0x01, struct.pack("<BBH", 1, 1, 100), channel=1)
        host.run_until(lambda executed=executed: host.firmware.records["commands"] > executed)
        waits.append((host.now_us - since) / 1e6)
    assert not sender.over
    fragment_s = (FRAGMENT_MAX + 8 + 12) / rate
    command_s = (4 + 6 + 12) / rate
    ahead_s = 64 / rate + 1e-4  # the bench hands the line 64 bytes at a time, a tick early
    assert max(waits) <= fragment_s + command_s + ahead_s + 0.002
    assert max(waits) > 0.5 * fragment_s  # the line was never idle meanwhile


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "other"}, UNKNOWN_NAME),
        ({"length": 10**6}, TOO_LONG),
        ({"signature": bytes(64)}, BAD_SIGNATURE),
    ],
)
def test_offer_is_refused_for_its_reason_and_the_next_is_taken(change, status) -> None:
    host = bench()
    image = image_of(500)
    manifest = dataclasses.replace(manifest_of(image, 1), **change)
    if "signature" not in change:
        manifest = dataclasses.replace(manifest, signature=sign(manifest.signed))
    before = host.flash.writes
    assert host.transfer(image, manifest) == status
    assert host.flash.writes == before
    assert host.transfer(image, manifest_of(image, 1)) == DONE


def test_offer_that_is_no_manifest_is_refused() -> None:
    host = bench()
    for body in (b"\x05\0\1\0", b"\x05\0\1\0" + bytes(124), b"\x05\0\1\0" + b"ECM1" + bytes(120)):
        before = len(host.events)
        host.host.publish(BULK, OFFER, body)
        host.run_until(lambda before=before: stored_reports(host, before))
        report = [e for e in host.events[before:] if getattr(e, "type", None) == 0xF3][-1]
        assert report.payload[4] == BAD_MANIFEST


def test_port_without_flash_or_verifier_says_so() -> None:
    image = image_of(100)
    assert Bench().connect().transfer(image, manifest_of(image, 1)) == NO_STORAGE
    assert Bench(Flash()).connect().transfer(image, manifest_of(image, 1)) == NO_VERIFIER


def test_bytes_that_are_not_the_manifests_are_found_out_and_can_be_sent_again() -> None:
    host = bench()
    image = image_of(5000)
    manifest = manifest_of(image, 1)
    assert host.transfer(image[:-1] + b"?", manifest) == BAD_DIGEST
    assert host.transfer(image, manifest) == DONE


def test_older_version_than_the_confirmed_one_is_refused() -> None:
    host = bench()
    host.install(image_of(3000, 1), 5)
    assert host.transfer(image_of(3000, 2), manifest_of(image_of(3000, 2), 4)) == ROLLBACK
    assert host.transfer(image_of(3000, 3), manifest_of(image_of(3000, 3), 5)) == DONE


def test_what_runs_already_is_not_sent_again() -> None:
    host = bench()
    host.install(image_of(3000), 5)
    writes = host.flash.writes
    assert host.transfer(image_of(3000), manifest_of(image_of(3000), 5)) == ACTIVE
    assert host.flash.writes == writes


def test_image_on_trial_keeps_its_fall_back() -> None:
    host = bench()
    host.install(image_of(3000, 1), 1)
    assert host.transfer(image_of(3000, 2), manifest_of(image_of(3000, 2), 2)) == DONE
    assert host.activate()
    assert host.transfer(image_of(3000, 3), manifest_of(image_of(3000, 3), 3)) == UNCONFIRMED
    assert host.confirm(2) == 0
    assert host.transfer(image_of(3000, 3), manifest_of(image_of(3000, 3), 3)) == DONE


def test_another_image_replaces_one_that_was_left_half_sent() -> None:
    host = bench()
    first, second = image_of(20_000, 1), image_of(9_000, 2)
    sender = host.offer(first, manifest_of(first, 1))
    host.run_until(lambda: sender.stored > 9000)
    assert host.transfer(second, manifest_of(second, 1)) == DONE
    assert stored_in(host.flash, second)
    assert host.flash.misuses == 0


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=200)), max_size=30))
def test_any_bulk_frames_are_survived(frames: list[tuple[int, bytes]]) -> None:
    host = bench()
    for type_, body in frames:
        host.host.publish(BULK, OFFER + type_ % 3, body)
        host.host.publish(BULK, OFFER + type_ % 3, bytes([1, 0]) + body)
        host.tick()
    until_us = host.now_us + 1_000_000
    host.run_until(lambda: host.now_us >= until_us)  # until all of that is answered
    image = image_of(1000)
    assert host.transfer(image, manifest_of(image, 1)) == DONE


@given(st.lists(st.binary(max_size=60), max_size=30), st.integers(1, 20_000))
def test_sender_survives_any_reports(reports: list[bytes], length: int) -> None:
    sender = Sender(1, length)
    now_us = 0
    for body in reports:
        now_us += 10_000
        for report in (body, b"\1\0" + body, b"\1\0\0\0\0\0\0\0" + body):
            sender.report(now_us, report)
        send = sender.next(now_us)
        if send is not None:
            _, offset, count = send
            assert offset + count <= length
    assert sender.status == RECEIVING or sender.answered


@pytest.mark.parametrize("limits", [(100, 333, 777, 1000), (1, 31, 33, 999, 1000)])
def test_fragments_are_whole_grains_whatever_is_granted(limits: tuple[int, ...]) -> None:
    sender, length, now_us = Sender(1, 1000), 1000, 0
    offer = sender.next(now_us)
    assert offer is not None
    stamp, reached = offer[0][2:4], 0
    for limit in limits:
        sender.report(now_us, struct.pack("<H2sB3xII", 1, stamp, RECEIVING, 0, limit))
        while (send := sender.next(now_us)) is not None:
            head, offset, count = send
            stamp, reached = head[2:4], max(reached, offset + count)
            assert offset % 32 == 0
            assert offset + count <= limit
            assert count % 32 == 0 or offset + count == length
    assert reached == length


@pytest.mark.parametrize("rtt_us", [0, 10_850])
def test_two_fragments_and_what_the_line_carries_in_a_round_trip_are_under_way(rtt_us: int) -> None:
    sender = Sender(1, 100_000, 10_850)  # 1000 bytes in such a round trip
    offer = sender.next(0)
    assert offer is not None
    report = struct.pack("<H2sB3xII", 1, offer[0][2:4], RECEIVING, 0, 4096)
    assert sender.report(rtt_us, report)
    lengths = [send[2] for send in iter(lambda: sender.next(rtt_us), None)]
    bound = 2 * FRAGMENT_MAX + rtt_us * 1000 // 10_850
    assert sum(lengths) >= bound > sum(lengths[:-1])


def test_restarted_sender_has_nothing_in_flight() -> None:
    """What was under way before is sent once, not once more as lost."""
    sender = Sender(1, 1000)
    for _ in range(2):
        sender.restart()
        offer = sender.next(0)
        assert offer is not None
        assert offer[2] == 0
        sender.report(1, struct.pack("<H2sB3xII", 1, offer[0][2:4], RECEIVING, 0, 1000))
        offsets = [send[1] for send in iter(lambda: sender.next(1), None)]
        assert len(offsets) == len(set(offsets)) > 1
    assert sender.resent == 0


def test_last_grains_of_a_window_that_are_held_are_not_sent_again() -> None:
    sender = Sender(1, 8192)
    offer = sender.next(0)
    assert offer is not None
    sender.report(1, struct.pack("<H2sB3xII", 1, offer[0][2:4], RECEIVING, 0, 4096))
    sent = list(iter(lambda: sender.next(1), None))
    head, last, length = sent[-1]
    held = sum(1 << grain for grain in range(last // 32, 128)).to_bytes(16, "little")
    assert last + length > 7 / 8 * 4096
    report = struct.pack("<H2sB3xII", 1, head[2:4], RECEIVING, 0, 4096)
    sender.report(2, report + held)
    again = [offset for _, offset, length in iter(lambda: sender.next(2), None) if length]
    assert again[0] == 0
    assert max(again) < last


def reported(sender: Sender, now_us: int, rtt_us: int, stored: int) -> int:
    """Sends what there is, and has it reported after a round trip; returns that time."""
    stamp = b""
    while (send := sender.next(now_us)) is not None:
        stamp = send[0][2:4]
    now_us += rtt_us
    report = struct.pack("<H2sB3xII", 1, stamp, RECEIVING, stored, stored + 32)
    assert sender.report(now_us, report)
    return now_us


def test_sender_waits_by_the_round_trip_and_how_it_varies() -> None:
    sender, now_us, stored = Sender(1, 100_000), 0, 0
    for rtt_us in [50_000] * 40:
        now_us = reported(sender, now_us, rtt_us, stored)
        stored += 32
    assert sender.due_us == pytest.approx(now_us + 50_000, abs=50)
    now_us = reported(sender, now_us, 52_000, stored)
    assert sender.due_us == pytest.approx(now_us + 50_250 + 4 * 500, abs=50)


@pytest.mark.parametrize("length", [15, 16, 32, 144, 145])
def test_report_is_taken_by_its_length_only_if_it_may_have_it(length: int) -> None:
    sender = Sender(1, 1000)
    offer = sender.next(0)
    assert offer is not None
    report = struct.pack("<H2sB3xII", 1, offer[0][2:4], RECEIVING, 0, 480).ljust(length, b"\0")
    most = 16 + 4096 // 32 // 8
    assert sender.report(1000, report[:length]) == (16 <= length <= most)


@pytest.mark.parametrize("bytes_per_s", [92_160, 0])
def test_whole_transfer_on_a_clean_line_takes_one_offer(bytes_per_s: int) -> None:
    host = bench(bytes_per_s=bytes_per_s)
    image = image_of(30_000)
    offers = []
    publish = host.host.publish

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(session, name)

        def publish(self, channel: int, type_: int, body: bytes) -> bool:
            offers.append(type_) if type_ == OFFER else None
            return publish(channel, type_, body)

    session, host.host = host.host, Watched()
    assert host.transfer(image, manifest_of(image, 1)) == DONE
    assert len(offers) == 1
