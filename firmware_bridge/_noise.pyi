from typing import final

from typing_extensions import Self

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
