"""A recorded device, played in virtual time to a host that was not there."""

import contextlib
import struct

import pytest

import firmware_bridge as fb
from firmware_bridge._link import Session
from firmware_bridge.decoding import DATA, readings
from firmware_bridge.divergence import first_divergence
from firmware_bridge.events import Opened, Received, Resolved, Stamps
from firmware_bridge.recording import Recorder, Recording
from firmware_bridge.replay import Player
from firmware_bridge.schema import COMPILED
from firmware_bridge.testing import Firmware
from firmware_bridge.testing.rerun import rerun
from tests.link import drive, keyed_drive
from tests.link.attacker import KEY, OTHER_KEY, Channel, put_together, taken_apart

STEP_US = 1000


class Stage:
    """A player and a host whose clock began long before."""

    def __init__(self, path, *, key=None, host_key=None):
        self.player = Player(Recording(path), key)
        self.host = Session(device=False, boot_id=77, window=8, slot_bytes=64, key=host_key)
        self.elapsed_us = 0
        self.events = []

    def run(self, seconds):
        for _ in range(round(seconds * 1e6 / STEP_US)):
            self.elapsed_us += STEP_US
            host_us = self.host_us
            device_us = self.player.start_us + self.elapsed_us
            self.player.input(device_us, self.host.output(host_us))
            self.events += self.host.input(host_us, self.player.output(device_us))
        return self

    @property
    def host_us(self):
        return 9_000_000_000 + self.elapsed_us

    def seen(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def alert(self, token, kind=1):
        payload = struct.pack("<BBH", kind, 2, 1000)
        assert self.host.request(self.host_us, 1, 0x01, payload, 1000, token)
        self.run(0.1)
        return next(e for e in self.seen(Resolved) if e.token == token)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "drive.pcapng"
    drive.record(path, 2.0, alerts=2)
    return path


def published(path):
    return [
        (r.frame.channel, r.frame.type, r.frame.payload)
        for r in readings(Recording(path))
        if r.direction == "from_device" and r.frame is not None and r.frame.kind == DATA
    ]


def test_host_hears_all_that_the_device_said_and_nothing_else(path):
    stage = Stage(path).run(4)
    heard = [(e.channel, e.type, e.payload) for e in stage.seen(Received)]
    # Channels have their own order on the line: the log gives way to telemetry.
    assert sorted(heard) == sorted(published(path))
    for channel in (2, 3):
        assert [e for e in heard if e[0] == channel] == [
            e for e in published(path) if e[0] == channel
        ]
    assert stage.player.done
    assert stage.player.played == len(heard)
    assert all(event.gap == 0 for event in stage.seen(Received))


def test_device_is_the_recorded_one(path):
    stage = Stage(path).run(0.5)
    assert stage.seen(Opened)
    peer = stage.host.peer
    assert (peer["name"], peer["schema_hash"]) == ("edgecore-reference", COMPILED.hash)


def test_records_mean_the_same_instants_as_then(path):
    """By the host's own clock exchanges: each record is as old on arrival as when recorded."""
    stage = Stage(path)
    stage.run(0.3)
    stage.host.ping()
    stage.run(3.5)
    (t1, t2, t3, t4) = stage.seen(Stamps)[0]
    offset_us = ((t2 - t1) + (t3 - t4)) // 2
    ages = [
        event.t_us + offset_us - struct.unpack_from("<Q", event.payload, len(event.payload) - 12)[0]
        for event in stage.seen(Received)
        if event.type == 0x41
    ]
    assert ages
    assert all(-STEP_US <= age <= 25_000 for age in ages)


def test_commands_are_answered_as_then_and_refused_when_there_is_no_answer_left(path):
    stage = Stage(path).run(0.5)
    assert [stage.alert(token).status for token in (1, 2)] == [0, 0]
    assert stage.player.refused == 0
    assert stage.alert(3).status == fb.Status.BUSY
    assert stage.player.refused == 1


def test_a_command_is_answered_as_one_like_it_was_in_whichever_order(tmp_path):
    with fb.connect("sim:", trace_bytes=1 << 20) as link:
        for kind in (1, 99, 2):
            with contextlib.suppress(fb.RefusedError):
                link.request(fb.Alert(kind=kind, level=2, duration_ms=1000), timeout=10)
        (tmp_path / "three.pcapng").write_bytes(b"".join(link.recorded()))
    stage = Stage(tmp_path / "three.pcapng").run(0.5)
    assert stage.alert(1, kind=99).status == fb.Status.BAD_ARGUMENT
    assert stage.alert(2, kind=1).status == fb.Status.DONE
    assert stage.alert(3, kind=99).status == fb.Status.DONE  # of its type what is left
    assert stage.alert(4, kind=2).status == fb.Status.BUSY


def test_playing_waits_for_a_host(path):
    player = Player(Recording(path))
    for now_us in range(player.start_us, player.start_us + 5_000_000, 100_000):
        player.input(now_us, b"")
        player.output(now_us)
    assert player.played == 0


def test_noisy_recording_plays_what_got_through(tmp_path):
    path = tmp_path / "noisy.pcapng"
    drive.record(path, 2.0, alerts=1, bit_error=2e-4, seed=3)
    assert any(reading.error == "crc" for reading in readings(Recording(path)))
    stage = Stage(path).run(5)
    assert stage.player.played == len(published(path)) > 0


@pytest.mark.parametrize("key", [KEY, None])
def test_session_with_a_key_is_played_without_its_seals_to_hosts_that_prove_it(tmp_path, key):
    path = tmp_path / "keyed.pcapng"

    def forge(down, frame):
        taken = taken_apart(frame)
        bad = taken._replace(kind=DATA, channel=2, type=0x41)
        return [frame] if down or taken.kind != DATA else [put_together(bad, bytes(24)), frame]

    acts = (keyed_drive.opened, keyed_drive.converse)
    keyed_drive.record(path, Channel(), *acts, attack=forge if key else keyed_drive.honest)
    stage = Stage(path, key=key, host_key=key).run(2)
    assert stage.host.authenticated == (key is not None)
    heard = [struct.unpack("<Qf", event.payload)[1] for event in stage.seen(Received)]
    assert heard == [0, 1, 2, 3, 4]
    assert stage.alert(1).status == 0
    if key:
        assert not Stage(path, key=key, host_key=OTHER_KEY).run(2).host.open


def test_recording_without_the_device_is_refused(tmp_path):
    path = tmp_path / "empty.pcapng"
    with Recorder(path, url="test", device={}) as recorder:
        recorder.table(COMPILED)
    with pytest.raises(fb.RecordingError, match="the device never said HELLO in it"):
        Player(Recording(path))


def parting(path, mode="strict", tick_us=1000, **firmware):
    """Where the drive and its repetition with a firmware part."""
    return first_divergence(
        readings(Recording(path)), rerun(Recording(path), Firmware(**firmware), tick_us), mode
    )


def test_a_drive_comes_to_the_same_again_byte_for_byte(path):
    assert parting(path) is None
    again = [(r.direction, r.data) for r in rerun(Recording(path), Firmware())]
    assert again == [(piece.direction, piece.data) for piece in Recording(path)]


def test_an_edited_drive_shows_the_first_frame_that_the_firmware_answers_otherwise(path, tmp_path):
    pieces, said = list(Recording(path)), list(readings(Recording(path)))
    at = next(n for n, r in enumerate(said) if (r.kind, r.message) == ("REQUEST", "Alert"))
    frame = said[at].frame
    body = bytearray(frame.payload)
    body[7] = 9  # a level that the firmware refuses
    data = fb.codec.encode(frame.channel, frame.type, bytes(body), frame.sequence, frame.kind)
    pieces[at] = pieces[at]._replace(data=data)
    with Recorder(tmp_path / "edited.pcapng", url="test", device={}) as recorder:
        recorder.table(COMPILED)
        for piece in pieces:
            recorder.add(*piece)
    found = parting(tmp_path / "edited.pcapng")
    assert found.number > at
    assert (found.left.kind, found.right.kind) == ("RESULT", "RESULT")
    assert found.fields["status"][0] == "DONE"
    assert found.fields["status"][1] != "DONE"


def test_another_firmware_is_told_from_the_recorded_one(path):
    found = parting(path, boot_id=2)
    assert found.left.kind == found.right.kind == "HELLO"
    assert found.fields["boot_id"] == (1, 2)


def test_a_trace_of_a_real_line_comes_to_the_same_answers(tmp_path):
    with fb.connect("sim:", trace_bytes=1 << 20) as link:
        for level in (1, 2, 3):
            link.request(fb.Alert(kind=1, level=level, duration_ms=100), timeout=10)
        boot_id = link.info.boot_id
        (tmp_path / "a.pcapng").write_bytes(b"".join(link.recorded()))
    assert parting(tmp_path / "a.pcapng", "lax", tick_us=20, boot_id=boot_id) is None
