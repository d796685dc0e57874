"""A recorded drive: the reference firmware and a host in virtual time, both directions kept."""

from __future__ import annotations

from pathlib import Path

from firmware_bridge.recording import Recorder
from firmware_bridge.schema import COMPILED
from tests.link.rig import Rig


def record(path: Path, seconds: float = 2.0, *, alerts: int = 2, **faults: object) -> Rig:
    """Writes a recording of so many seconds, with alerts in it; what the line did is as told."""
    rig = Rig(**faults)
    recorder = Recorder(path, url="virtual", device={"name": "edgecore-reference", "version": "0"})
    recorder.table(COMPILED)
    send, take = rig.up.send, rig.down.receive
    begin_ns = 5_000_000_000_000

    def up(now_us, data):
        recorder.add("to_device", begin_ns + now_us * 1000, data)
        send(now_us, data)

    def down(now_us):
        data = take(now_us)
        recorder.add("from_device", begin_ns + now_us * 1000, data)
        return data

    rig.up, rig.down = _Seen(rig.up, send=up), _Seen(rig.down, receive=down)
    with recorder:
        rig.connect()
        for _ in range(alerts):
            rig.alert(2)
        rig.run(seconds)
    return rig


class _Seen:
    """A channel of which one method is watched."""

    def __init__(self, channel, **watched):
        self._channel = channel
        self._watched = watched

    def __getattr__(self, name):
        return self._watched.get(name) or getattr(self._channel, name)
