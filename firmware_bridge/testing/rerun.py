"""A recorded host again, and a firmware in virtual time in place of the recorded device."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from firmware_bridge._sim import Firmware
from firmware_bridge.decoding import Interpreter, Reading
from firmware_bridge.recording import Piece, Recording, Splitter
from firmware_bridge.replay import device_offset_us


def rerun(recording: Recording, firmware: Firmware, tick_us: int = 1000) -> Iterator[Reading]:
    """What the host said then, at its times, and what this firmware says to it now.

    Of a drive in virtual time the same firmware says the same, byte for byte, and a changed one is
    shown by `divergence.first_divergence` against `decoding.readings`. A trace of a real line has
    times that no clock repeats; of it the commands and their results are the same, mode "lax".

    Args:
        recording: of the beginning of a session.
        firmware: switched on just now, with the boot id of the recorded device.
        tick_us: what the host said within so long is given to the firmware at once, which answers
            after it: as long as the ticks of a drive in virtual time, and shorter than the answers
            of a real one.
    """
    words = Interpreter(recording.schema, recording.log_tables, sealed=recording.sealed)
    return map(words.read, _pieces(recording, firmware, tick_us))


def _pieces(recording: Recording, firmware: Firmware, tick_us: int) -> Iterator[Piece]:
    pieces = iter(recording)
    first = next(pieces, None)
    if first is None:
        return
    now_ns = first.t_ns
    start_us = now_ns // 1000 + device_offset_us(recording)
    if start_us > 0:
        firmware.advance(start_us)
        firmware.take()
    splitter = Splitter()
    waiting: Piece | None = first
    for piece in chain(pieces, [None]):
        while waiting is not None and waiting.t_ns >= now_ns + tick_us * 1000:
            said, now_ns = _tick(firmware, tick_us), now_ns + tick_us * 1000
            yield from _from_device(splitter, now_ns, said)
        if waiting is not None and waiting.direction == "to_device":
            yield waiting
            firmware.feed(waiting.data)
        waiting = piece
    yield from _from_device(splitter, now_ns, _tick(firmware, tick_us))


def _tick(firmware: Firmware, tick_us: int) -> bytes:
    firmware.advance(tick_us)
    return firmware.take()


def _from_device(splitter: Splitter, t_ns: int, said: bytes) -> Iterator[Piece]:
    for since_ns, data in splitter.feed(t_ns, said):
        yield Piece("from_device", since_ns, data)
