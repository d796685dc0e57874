"""What a link says of itself and of the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

State = Literal["connecting", "open", "lost", "closed"]


class StateChange(NamedTuple):
    """What became of the link, when (CLOCK_MONOTONIC ns), and why."""

    state: State
    reason: str
    t_ns: int


@dataclass(frozen=True)
class LinkInfo:
    """What the device says of itself.

    Attributes:
        protocol: protocol version in use.
        name, version: of the firmware.
        boot_id: differs on every boot.
        schema_hash: of its table of messages.
        body_max, payload_max: bytes of a frame's body, of a request's payload.
        window: requests in flight at once.
        keyed: whether the device has a key; it then takes commands only from who proves it.
        authenticated: whether each frame proves the key, both ways; False also while it is lost.
    """

    protocol: int
    name: str
    version: str
    boot_id: int
    schema_hash: int
    body_max: int
    payload_max: int
    window: int
    keyed: bool
    authenticated: bool


@dataclass(frozen=True)
class LinkStats:
    """Counters since the link was made; dictionaries are by channel, or by reason for `errors`.

    Attributes:
        frames: good frames received.
        errors: corrupt ones, by reason.
        gaps: data frames of the device's that never came.
        dropped: own data frames dropped for lack of room.
        ignored: well-formed frames that made no sense.
        opens: sessions opened; one more than the reconnects.
        srtt_us, rto_us: smoothed time from request to ACK, and the time-out made from it.
        undelivered: telemetry frames that subscriptions dropped.
    """

    frames: int
    errors: dict[str, int]
    requests_sent: int
    requests_received: int
    results_sent: int
    results_received: int
    retransmits: int
    duplicates: int
    data_sent: int
    data_received: int
    gaps: dict[str, int]
    dropped: dict[str, int]
    ignored: int
    opens: int
    srtt_us: int
    rto_us: int
    undelivered: int
