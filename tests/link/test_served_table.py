"""The table of messages that the device serves, and messages made from it."""

import numpy as np
import pytest

import firmware_bridge as fb
from firmware_bridge import _link, download
from firmware_bridge.messages import message_class
from tests.link.patience import wait_until

LED = fb.SetOutput(output=0, value=255)


def test_table_unknown_to_this_package_is_fetched_from_the_device(device, monkeypatch):
    monkeypatch.setattr("firmware_bridge.download.KNOWN", {})
    with fb.connect(device.url) as link:
        assert link.schema is not _link
        assert link.schema.hash == link.info.schema_hash
        assert [message.name for message in link.schema.messages][:3] == [
            "Alert",
            "SetOutput",
            "DetectionSummary",
        ]
        own = link.message("SetOutput")(output=1, value=9)
        assert link.request(own).payload == b"\x01\x09"
        with pytest.raises(ValueError, match="no message 'Nothing'"):
            link.message("Nothing")


def test_table_that_contradicts_its_hash_is_refused(device, monkeypatch):
    monkeypatch.setattr("firmware_bridge.download.KNOWN", {})
    monkeypatch.setattr("firmware_bridge.schema.crc32c", lambda data: 1)
    with pytest.raises(fb.ProtocolError, match="hash 00000001"):
        fb.connect(device.url)


def test_device_with_a_broken_table_in_between_does_not_end_a_link_that_was_open(
    device, monkeypatch
):
    with fb.connect(device.url) as link:
        known = dict(download.KNOWN)
        monkeypatch.setattr("firmware_bridge.schema.crc32c", lambda data: 1)
        download.KNOWN.clear()
        device.hang_up.set()
        wait_until(lambda: "hash 00000001" in link.state_reason)
        assert link.state == "lost"
        download.KNOWN.update(known)
        wait_until(lambda: link.state == "open")
        link.request(LED)


def test_message_class_checks_as_the_typed_ones_do(link):
    made = message_class(link.schema.by_name["Alert"])
    assert made(kind=1, level=2, duration_ms=3).pack() == fb.Alert(1, 2, 3).pack()
    with pytest.raises(ValueError, match=r"Alert.level must be in 0..3, got 4"):
        made(kind=1, level=4, duration_ms=3)


def test_other_device_that_holds_less_ends_what_waited_for_room_and_the_link_goes_on(device):
    big = message_class(
        fb.MessageInfo(
            "Big", 0x70, 1, 60, (fb.FieldInfo("text", np.dtype("S60"), 0, 1, "", 1.0, None, None),)
        )
    )
    device.answer = lambda request: None
    with fb.connect(device.url) as link:
        waiting = [link.submit(big(text=b""), None) for _ in range(40)]
        wait_until(lambda: len(device.executed) == 8)
        device.die()
        device.slot_bytes = 32
        device.boot()
        outcomes = [future.exception(20) for future in waiting]
        assert {type(outcome) for outcome in outcomes} == {
            fb.UnknownOutcomeError,
            fb.BridgeTimeoutError,
            ValueError,
        }
        device.answer = lambda request: (0, b"")
        wait_until(lambda: link.state == "open")
        link.request(LED)


def test_message_whose_type_is_another_one_on_the_device_is_not_sent(link, device):
    other = message_class(fb.MessageInfo("Brake", 0x01, 1, 4, fb.Alert.info.fields))
    with pytest.raises(ValueError, match="type 1 is Alert on this device, not Brake"):
        link.submit(other(kind=1, level=1, duration_ms=0))
    assert device.executed == []
