"""An older side meets a newer one, both ways, over real ptys; and changes that would part them."""

import dataclasses
import os
import subprocess
import tty
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import firmware_bridge as fb
from firmware_bridge import evolution
from firmware_bridge.messages import message_class
from firmware_bridge.schema import COMPILED
from tests.link.compiling import ROOT, program

VECTORS = ROOT / "tests" / "vectors"


@contextmanager
def running(device):
    """The device on a pty of its own; its URL."""
    master, slave = os.openpty()
    tty.setraw(slave)
    process = subprocess.Popen([device, str(master)], pass_fds=[master])
    os.close(master)
    try:
        yield f"serial://{os.ttyname(slave)}"
    finally:
        process.terminate()
        process.wait()
        os.close(slave)


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    """Firmware of yesterday and of tomorrow."""
    folder = tmp_path_factory.mktemp("devices")
    source = Path(__file__).parent / "evolving.c"
    return {
        "older": program(folder / "older", source, messages=VECTORS / "messages_v1.inc"),
        "newer": program(
            folder / "newer",
            source,
            messages=VECTORS / "messages_v2.inc",
            flags=("-DEC_TEST_NEWER",),
        ),
    }


@pytest.fixture
def older(devices):
    with running(devices["older"]) as url, fb.connect(url) as link:
        yield link


@pytest.fixture
def newer(devices):
    with running(devices["newer"]) as url, fb.connect(url) as link:
        yield link


@pytest.fixture(scope="module")
def tomorrow(devices):
    """The table that tomorrow's wheel is built with."""
    with running(devices["newer"]) as url, fb.connect(url) as link:
        return link.schema


def executed(link, message):
    """The record as the device's handler saw it, by field."""
    return link.schema.by_name["Alert"].unpack(link.request(message).payload)


def test_older_host_commands_newer_firmware_which_fills_in_what_it_declared(newer):
    assert executed(newer, fb.Alert(kind=1, level=2, duration_ms=700)) == {
        "kind": 1,
        "level": 2,
        "duration_ms": 700,
        "stamped": 0,
        "pattern": 3,
        "gain": -1200,
        "note": b"",
    }


def test_older_host_reads_newer_telemetry_and_finds_the_new_messages(newer):
    with newer.subscribe("imu") as imu:
        records = imu.read(timeout=5)
    assert records["accel_z"][0] == 9.5
    assert records["temperature"][0] == 31.25
    assert newer.schema.by_name["battery"].field("voltage").scale == pytest.approx(0.001)
    with pytest.raises(fb.RefusedError) as caught:
        newer.request(newer.message("SetVolume")())
    assert caught.value.status == fb.Status.UNKNOWN_TYPE  # in its table, without a handler


def test_script_for_an_older_firmware_goes_on_working_by_name(newer):
    alert = newer.message("Alert")
    assert executed(newer, alert(kind=1, level=2, duration_ms=700))["pattern"] == 3
    assert executed(newer, alert(1, 2, 700, pattern=9, note="tunnel"))["note"] == b"tunnel"


def test_newer_host_commands_older_firmware(older, tomorrow):
    alert = message_class(tomorrow.by_name["Alert"])
    assert executed(older, alert(kind=1, level=3, duration_ms=900)) == {
        "kind": 1,
        "level": 3,
        "duration_ms": 900,
    }
    # What the device knows nothing of is not dropped in silence.
    with pytest.raises(ValueError, match=r"Alert has no pattern on this device.*3, .*got 4"):
        older.request(alert(kind=1, level=3, duration_ms=900, pattern=4))
    with pytest.raises(ValueError, match=r"Alert has no note on this device"):
        older.request(alert(kind=1, level=3, duration_ms=900, note="tunnel"))


def test_newer_host_reads_older_telemetry_without_the_fields_it_lacks(older, tomorrow):
    assert "temperature" in tomorrow.by_name["imu"].defaults
    with older.subscribe("imu") as imu:
        records = imu.read(timeout=5)
    assert records["accel_z"][0] == 9.5
    assert "temperature" not in records.dtype.names


def test_newer_host_sends_data_to_older_firmware(older, tomorrow):
    summary = message_class(tomorrow.by_name["DetectionSummary"])
    assert older.publish(summary(frame=1, nearest_ttc_ms=2, count=3))
    with pytest.raises(ValueError, match=r"DetectionSummary has no pedestrians"):
        older.publish(summary(frame=1, nearest_ttc_ms=2, count=3, pedestrians=1))


def test_command_that_lacks_a_required_field_is_refused_on_both_sides(newer):
    info = newer.schema.by_name["Alert"]
    shorter = message_class(fb.MessageInfo("Alert", 1, 1, 2, info.fields[:2]))
    with pytest.raises(ValueError, match=r"Alert also needs duration_ms on this device"):
        newer.request(shorter(kind=1, level=2))
    future = newer._connection.requests.submit("Alert", 1, 1, b"\1\2", 1.0)
    with pytest.raises(fb.RefusedError) as caught:
        future.result()
    assert caught.value.status == fb.Status.BAD_ARGUMENT


def test_command_that_is_laid_out_otherwise_is_not_sent(newer):
    info = newer.schema.by_name["Alert"]
    fields = (info.fields[0], dataclasses.replace(info.fields[1], name="urgency"))
    other = message_class(fb.MessageInfo("Alert", 1, 1, 2, fields))
    with pytest.raises(ValueError, match=r"Alert is another on this device: its field level is"):
        newer.request(other(kind=1, urgency=2))


# Changes that would part them, on a table.

RECORD = VECTORS / "schema.json"


def test_messages_only_grew_since_the_last_release():
    reasons = evolution.breaks(evolution.from_json(RECORD.read_text()), COMPILED.messages)
    assert not reasons, "\n".join(reasons)
    appended = RECORD.read_text() != evolution.to_json(COMPILED.messages)
    assert not appended, "something was appended; accept it: make schema"


def test_record_holds_all_that_the_table_says(tomorrow):
    for schema in (COMPILED, tomorrow):
        assert evolution.from_json(evolution.to_json(schema.messages)) == schema.messages


def test_appended_optional_fields_and_new_messages_are_no_break(tomorrow):
    before = evolution.from_json(RECORD.read_text())
    assert evolution.breaks(before, tomorrow.messages) == []


def changed(message, **facts):
    return dataclasses.replace(message, **facts)


def field_changed(message, at, **facts):
    fields = list(message.fields)
    fields[at] = dataclasses.replace(fields[at], **facts)
    return changed(message, fields=tuple(fields))


ALERT = COMPILED.by_name["Alert"]
LEVEL_OPTIONAL = field_changed(ALERT, 2, default=1000)
MORE = dataclasses.replace(ALERT.fields[0], name="more", offset=5)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (ALERT, None, "Alert: type 0x01 was removed; keep it"),
        (ALERT, changed(ALERT, name="Alarm"), "Alert: type 0x01 became Alarm"),
        (ALERT, changed(ALERT, type=9), "Alert: type 0x01 became 0x09"),
        (ALERT, changed(ALERT, channel=2), "Alert: channel 1 became 2"),
        (ALERT, changed(ALERT, fields=ALERT.fields[:2]), "Alert: duration_ms was removed"),
        (
            ALERT,
            changed(ALERT, fields=(ALERT.fields[1], ALERT.fields[0], ALERT.fields[2])),
            "Alert: kind u1 at 0 became level u1 at 1",
        ),
        (ALERT, field_changed(ALERT, 1, name="urgency"), "level u1 at 1 became urgency u1 at 1"),
        (ALERT, field_changed(ALERT, 2, dtype=np.dtype("<i2")), "became duration_ms i2 at 2"),
        (ALERT, field_changed(ALERT, 2, unit="s"), "in 1 ms became duration_ms u2 at 2 in 1 s"),
        (ALERT, field_changed(ALERT, 2, scale=10.0), "became duration_ms u2 at 2 in 10 ms"),
        (ALERT, field_changed(ALERT, 1, high=2), "level: 0..3 became 0..2, which is narrower"),
        (ALERT, changed(ALERT, fields=(*ALERT.fields, MORE)), "more was appended as a required"),
        (LEVEL_OPTIONAL, ALERT, "duration_ms: its absence meant 1000, now 'required'"),
        (
            LEVEL_OPTIONAL,
            field_changed(ALERT, 2, default=500),
            "duration_ms: its absence meant 1000, now 500",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_change_that_is_no_append_is_named(before, after, reason):
    reasons = evolution.breaks([before], [after] if after else [])
    assert len([each for each in reasons if reason in each]) == 1, reasons


@pytest.mark.parametrize(
    "after",
    [ALERT, field_changed(ALERT, 1, high=9), LEVEL_OPTIONAL],
    ids=["the same", "wider bounds", "optional now"],
)
def test_change_that_both_sides_can_live_with_is_none(after):
    assert evolution.breaks([ALERT], [after]) == []


def test_command_checks_a_device_and_accepts_what_it_appended(devices, tmp_path, capsys):
    record = tmp_path / "schema.json"
    with running(devices["older"]) as url:
        assert evolution.main([str(record), "--device", url, "--accept"]) == 0
        assert evolution.main([str(record), "--device", url]) == 0
    with running(devices["newer"]) as url:
        assert evolution.main([str(record), "--device", url]) == 1
        assert "accept it with --accept" in capsys.readouterr().err
        assert evolution.main([str(record), "--device", url, "--accept"]) == 0
    with running(devices["older"]) as url:  # back again: everything appended is missed
        assert evolution.main([str(record), "--device", url, "--accept"]) == 1
    assert "Alert: pattern was removed" in capsys.readouterr().err
    assert evolution.main([str(tmp_path / "absent.json")]) == 2
    record.write_text("[1]")
    assert evolution.main([str(record)]) == 2
    assert "no record of a table" in capsys.readouterr().err
