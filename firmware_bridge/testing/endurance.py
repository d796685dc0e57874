"""Many commands over a bad line in virtual time, counted where they are executed."""

from dataclasses import dataclass

from firmware_bridge import _noise


@dataclass(frozen=True)
class EnduranceResult:
    """What became of the commands of one run."""

    virtual_us: int
    issued: int
    executed: int
    """Executions in the device, whatever their id."""
    lost: int
    """Issued and never executed."""
    doubled: int
    """Executed more than once."""
    unasked: int
    """Executions of ids that were not issued."""
    done: int
    """Outcomes that said done."""
    misreported: int
    """Commands without exactly one outcome, and outcomes other than done."""
    telemetry: int
    """Data frames that the host received meanwhile."""
    frames_to_device: int
    """Accepted, as are frames_to_host."""
    frames_to_host: int
    rejected: int
    """Corrupt frames that were found to be."""
    foreign: int
    """Accepted frames that were never sent: corrupt ones that passed."""
    retransmits: int
    duplicates: int
    """Requests that reached the device again."""
    bits_flipped: int
    bytes_dropped: int
    bytes_repeated: int
    bytes_overrun: int


def endure(
    commands: int,
    *,
    bit_error: float = 0.0,
    drop: float = 0.0,
    duplicate: float = 0.0,
    delay_us: int = 0,
    jitter_us: int = 0,
    bytes_per_s: int = 300_000,
    seed: int = 0,
    limit_s: float = 1e6,
    inject_double: int | None = None,
    inject_loss: int | None = None,
    inject_foreign: int | None = None,
) -> EnduranceResult:
    """Has the firmware execute so many alerts over two lossy channels, both alike.

    Each command carries an id in its arguments and is counted by it in the device, so losses and
    doubles cannot hide each other. A witness with decoders of its own compares the frames that come
    off the line with those that went onto it. The loop runs without the GIL.

    Args:
        commands: how many.
        bit_error, drop, duplicate, delay_us, jitter_us, bytes_per_s, seed: as LossyChannel's.
        limit_s: virtual time after which the run gives up; what is missing then is lost.
        inject_double: this command is executed once more, behind the session's back.
        inject_loss: this command counts as issued but is never sent.
        inject_foreign: with this command comes a well-formed frame that nobody sent.

    Raises:
        ValueError: a probability outside [0, 1].
    """
    injected = {
        name: number
        for name, number in (
            ("inject_double", inject_double),
            ("inject_loss", inject_loss),
            ("inject_foreign", inject_foreign),
        )
        if number is not None
    }
    return EnduranceResult(
        **_noise.endure(
            commands,
            bit_error=bit_error,
            drop=drop,
            duplicate=duplicate,
            delay_us=delay_us,
            jitter_us=jitter_us,
            bytes_per_s=bytes_per_s,
            seed=seed,
            limit_us=round(limit_s * 1e6),
            **injected,
        )
    )
