from collections.abc import Callable
from mmap import mmap
from typing import Any, final

from typing_extensions import Self

SCENARIO_PERIOD_US: int
STREAM: int
PTY: int
LISTENER: int

def scenario_at(
    t_us: int,
) -> tuple[float, float, float, float, float, float, float, bool]: ...

@final
class Flash:
    def __new__(
        cls,
        *,
        sector_bytes: int = 4096,
        sectors: int = 66,
        unit_bytes: int = 8,
        memory: bytearray | memoryview | mmap | None = None,
        verify: Callable[[bytes, bytes], bool] | None = None,
        seed: int = 0,
    ) -> Self: ...
    def cut_power_in(self, writes: int) -> None: ...
    def power_on(self) -> None: ...
    @property
    def writes(self) -> int: ...
    @property
    def misuses(self) -> int: ...
    @property
    def off(self) -> bool: ...
    @property
    def content(self) -> bytes: ...

@final
class Firmware:
    def __new__(
        cls,
        *,
        boot_id: int = 1,
        seed: int = 0,
        scene_us: int = 0,
        flash: Flash | None = None,
    ) -> Self: ...
    def advance(self, duration_us: int) -> None: ...
    def feed(self, data: bytes) -> None: ...
    def take(self) -> bytes: ...
    def power_cycle(self, boot_id: int = 0) -> None: ...
    def line_lost(self) -> None: ...
    def traces(self) -> list[dict[str, Any]]: ...
    @property
    def image(self) -> dict[str, Any] | None: ...
    @property
    def image_bytes_max(self) -> int: ...
    @property
    def now_us(self) -> int: ...
    @property
    def boot_id(self) -> int: ...
    @property
    def connected(self) -> bool: ...
    @property
    def safe(self) -> bool: ...
    @property
    def led(self) -> bool: ...
    @property
    def buzzer(self) -> bool: ...
    @property
    def alert_level(self) -> int: ...
    @property
    def records(self) -> dict[str, int]: ...
    @property
    def stats(self) -> dict[str, int]: ...

@final
class TinyDevice:
    def __new__(cls, *, fifo_bytes: int = 65536) -> Self: ...
    def feed(self, data: bytes) -> None: ...
    def take(self) -> bytes: ...
    def advance(self, duration_us: int) -> None: ...
    def line_lost(self) -> None: ...

@final
class LossyChannel:
    def __new__(
        cls,
        *,
        bit_error: float = 0.0,
        drop: float = 0.0,
        duplicate: float = 0.0,
        delay_us: int = 0,
        jitter_us: int = 0,
        bytes_per_s: int = 0,
        seed: int = 0,
    ) -> Self: ...
    def send(self, now_us: int, data: bytes) -> None: ...
    def receive(self, now_us: int) -> bytes: ...
    @property
    def next_us(self) -> int | None: ...
    @property
    def free_us(self) -> int: ...
    @property
    def counts(self) -> dict[str, int]: ...

def endure(
    commands: int,
    *,
    bit_error: float = 0.0,
    drop: float = 0.0,
    duplicate: float = 0.0,
    delay_us: int = 0,
    jitter_us: int = 0,
    bytes_per_s: int = 0,
    seed: int = 0,
    limit_us: int = ...,
    inject_double: int = ...,
    inject_loss: int = ...,
    inject_foreign: int = ...,
) -> dict[str, int]: ...
def catch_signals() -> None: ...
def run_process(
    fd: int,
    line: int,
    *,
    report_fd: int,
    dies_with_parent: bool,
    boot_id: int,
    seed: int,
    epoch_ns: int,
    flash: Flash | None = None,
    key: bytes | None = None,
    ahead_us: memoryview | None = None,
    mlperf_tiny: bool = False,
) -> None: ...
