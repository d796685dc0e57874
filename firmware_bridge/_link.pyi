from typing import Self, TypeAlias, TypedDict, final, type_check_only

from firmware_bridge.events import Event

_Bytes: TypeAlias = bytes | bytearray | memoryview

PAYLOAD_MAX: int
WINDOW_MAX: int
NAME_MAX: int
CHUNK: int
CHANNELS: tuple[str, ...]
REASONS: tuple[str, ...]
KEY_BYTES: int

@type_check_only
class Peer(TypedDict):
    boot_id: int
    schema_hash: int
    body_max: int
    slot_bytes: int
    window: int
    keyed: bool
    protocol_min: int
    protocol_max: int
    name: str
    version: str

@type_check_only
class Stats(TypedDict):
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

def schema_blob() -> bytes: ...

@final
class Session:
    def __new__(
        cls,
        *,
        device: bool,
        boot_id: int,
        name: str = "",
        version: str = "",
        window: int = ...,
        slot_bytes: int = ...,
        ring_bytes: int = 16384,
        rto_floor_us: int = 0,
        silence_ms: int = 0,
        lease_max_ms: int = 0,
        heartbeat_ms: int = 0,
        now_us: int = 0,
        schema: bytes | None = None,
        key: _Bytes | None = None,
        seed: _Bytes = ...,
        required: bool = True,
        open_types: bytes = b"",
    ) -> Self: ...
    def input(self, now_us: int, data: _Bytes) -> list[Event]: ...
    def output(self, now_us: int, capacity: int = ...) -> bytes: ...
    def due(self, now_us: int) -> int | None: ...
    def reopen(self, now_us: int) -> None: ...
    def request(
        self,
        now_us: int,
        channel: int,
        type: int,
        payload: _Bytes,
        timeout_ms: int | None,
        token: int,
    ) -> bool: ...
    def result(self, handle: int, status: int = 0, payload: _Bytes = ...) -> bool: ...
    def publish(self, channel: int, type: int, payload: _Bytes) -> bool: ...
    def keep_alive(self, now_us: int, lease_ms: int) -> None: ...
    def lease(self, now_us: int) -> bool: ...
    def ping(self, size: int = 32) -> None: ...
    @property
    def open(self) -> bool: ...
    @property
    def authenticated(self) -> bool: ...
    @property
    def peer(self) -> Peer: ...
    @property
    def stats(self) -> Stats: ...
