"""How bad a line is: numbers, and names for those that rigs use again and again."""

from __future__ import annotations

import math
from dataclasses import dataclass

PROBABILITIES = ("bit_error", "drop", "duplicate", "overrun")


@dataclass(frozen=True)
class Profile:
    """Faults of a line, the same both ways.

    A burst is what one write of a sender's puts on the line, at most 512 bytes.

    Attributes:
        bit_error: probability of a flip, per bit.
        drop: probability that a run of a burst's bytes, or all of it, is lost.
        duplicate: probability that a run of a burst's bytes, or all of it, comes twice.
        overrun: probability, per burst, that the receiver is 5 ms late: what its FIFO does not
            hold until then is lost.
        fifo_bytes: of such a receiver.
        delay_ms: the least time under way.
        jitter_ms: up to so much more; order is kept.
        baud: pace of the line, ten bits a byte; 0: none.

    Raises:
        ValueError: a probability outside [0, 1], or another number below 0 or without an end.
    """

    bit_error: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    overrun: float = 0.0
    fifo_bytes: int = 16
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    baud: int = 0

    def __post_init__(self) -> None:
        for name in PROBABILITIES:
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} must lie in [0, 1], got {value}")
        for name in ("fifo_bytes", "delay_ms", "jitter_ms", "baud"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be finite and not below 0, got {value}")

    def __str__(self) -> str:
        """Its name, where it has one."""
        return next((name for name, known in PROFILES.items() if known == self), repr(self))


CLEAN = Profile()

PROFILES = {
    "clean": CLEAN,
    "noisy": Profile(bit_error=1e-4, drop=0.005, duplicate=0.005, delay_ms=0.5, jitter_ms=2.0),
    "lossy": Profile(drop=0.05, duplicate=0.02),
    "battered": Profile(drop=0.2, duplicate=0.4),
    "slow": Profile(baud=115200, delay_ms=1.0),
    "congested": Profile(delay_ms=40.0, jitter_ms=20.0),
    "overrun": Profile(baud=921600, overrun=0.05),
}
"""By name; docs/hil.md says what each stands for."""


def named(profile: str | Profile) -> Profile:
    """The profile of that name, or the one given.

    Raises:
        ValueError: there is none of that name.
    """
    if isinstance(profile, Profile):
        return profile
    if profile not in PROFILES:
        raise ValueError(f"expected a profile of {', '.join(PROFILES)}, got {profile!r}")
    return PROFILES[profile]
