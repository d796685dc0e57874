# cython: auto_pickle=False, autotestdict=False
"""Binding of csrc/firmware's bad line, and of two sessions that endure it, in virtual time. Private;
see firmware_bridge.testing."""

cimport cython
from libc.stdint cimport UINT64_MAX, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from firmware_bridge.noise_c cimport *


cdef ec_line_faults faults_of(
    double bit_error, double drop, double duplicate, uint32_t delay_us, uint32_t jitter_us,
    uint32_t bytes_per_s, uint64_t seed,
) except *:
    cdef ec_line_faults faults
    for name, value in (("bit_error", bit_error), ("drop", drop), ("duplicate", duplicate)):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} must lie in [0, 1], got {value}")
    faults.bit_error = bit_error
    faults.drop = drop
    faults.duplicate = duplicate
    faults.delay_us = delay_us
    faults.jitter_us = jitter_us
    faults.bytes_per_s = bytes_per_s
    faults.seed = seed
    return faults


cdef object counts_of(const ec_line_counts *counts):
    return {
        "bytes_in": counts.bytes_in,
        "bytes_out": counts.bytes_out,
        "bits_flipped": counts.bits_flipped,
        "bytes_dropped": counts.bytes_dropped,
        "bytes_repeated": counts.bytes_repeated,
        "bytes_overrun": counts.bytes_overrun,
    }


@cython.final
cdef class LossyChannel:
    """One direction of a bad line in virtual time; it knows bytes, not frames.

    A burst is what one send() carries. Order is kept; the same seed and calls give the same line.

    Args:
        bit_error: probability of a flip, per bit.
        drop: probability that a run of a burst's bytes, or all of it, is lost.
        duplicate: probability that a run of a burst's bytes, or all of it, comes twice.
        delay_us: the least time under way.
        jitter_us: up to so much more.
        bytes_per_s: pace of the line; 0 for no limit.
        seed: of all of these.

    Raises:
        ValueError: a probability outside [0, 1].
    """

    cdef ec_line line

    def __cinit__(
        self, *, double bit_error=0.0, double drop=0.0, double duplicate=0.0,
        uint32_t delay_us=0, uint32_t jitter_us=0, uint32_t bytes_per_s=0, uint64_t seed=0,
    ):
        cdef ec_line_faults faults = faults_of(
            bit_error, drop, duplicate, delay_us, jitter_us, bytes_per_s, seed
        )
        ec_line_init(&self.line, &faults)

    def send(self, uint64_t now_us, const uint8_t[::1] data not None):
        """Puts one burst on the line at that time; times never go back."""
        if data.shape[0] > 0:
            ec_line_send(&self.line, now_us, &data[0], data.shape[0])

    def receive(self, uint64_t now_us):
        """The bytes that have arrived by then and were not received yet."""
        cdef uint8_t[4096] piece
        cdef size_t length
        pieces = []
        while True:
            length = ec_line_receive(&self.line, now_us, piece, sizeof(piece))
            if length == 0:
                return b"".join(pieces)
            pieces.append(piece[:length])

    @property
    def next_us(self):
        """When the next byte arrives, or None when nothing is under way."""
        cdef uint64_t next_us = ec_line_next_us(&self.line)
        return None if next_us == UINT64_MAX else next_us

    @property
    def free_us(self):
        """When all that was sent has left, at the pace of the line."""
        return ec_line_free_us(&self.line)

    @property
    def counts(self):
        """Bytes in and out, and what was done to them."""
        return counts_of(&self.line.counts)


def endure(
    uint32_t commands, *, double bit_error=0.0, double drop=0.0, double duplicate=0.0,
    uint32_t delay_us=0, uint32_t jitter_us=0, uint32_t bytes_per_s=0, uint64_t seed=0,
    uint64_t limit_us=UINT64_MAX, uint32_t inject_double=EC_NO_INJECTION,
    uint32_t inject_loss=EC_NO_INJECTION, uint32_t inject_foreign=EC_NO_INJECTION,
):
    """The fields of firmware_bridge.testing.EnduranceResult; see endure() there."""
    cdef ec_endurance_options options
    cdef ec_endurance_result result
    cdef ec_endurance *run = <ec_endurance *>calloc(1, sizeof(ec_endurance))
    cdef uint8_t *counters = <uint8_t *>calloc(2 * <size_t>commands + 1, 1)
    cdef bint ran
    try:
        if run == NULL or counters == NULL:
            raise MemoryError
        options.to_device = faults_of(
            bit_error, drop, duplicate, delay_us, jitter_us, bytes_per_s, seed
        )
        options.to_host = options.to_device
        options.to_host.seed = ~seed
        options.commands = commands
        options.limit_us = limit_us
        options.inject_double = inject_double
        options.inject_loss = inject_loss
        options.inject_foreign = inject_foreign
        options.executions = counters
        options.outcomes = counters + commands
        with nogil:
            ran = ec_endurance_run(run, &options, &result)
        if not ran:
            raise RuntimeError("a session refused its configuration")
        return {
            "virtual_us": result.virtual_us,
            "issued": result.issued,
            "executed": result.executed,
            "lost": result.lost,
            "doubled": result.doubled,
            "unasked": result.unasked,
            "done": result.done,
            "misreported": result.misreported,
            "telemetry": result.telemetry,
            "frames_to_device": result.frames_to_device,
            "frames_to_host": result.frames_to_host,
            "rejected": result.rejected,
            "foreign": result.foreign,
            "retransmits": result.retransmits,
            "duplicates": result.duplicates,
            "bits_flipped": result.to_device.bits_flipped + result.to_host.bits_flipped,
            "bytes_dropped": result.to_device.bytes_dropped + result.to_host.bytes_dropped,
            "bytes_repeated": result.to_device.bytes_repeated + result.to_host.bytes_repeated,
            "bytes_overrun": result.to_device.bytes_overrun + result.to_host.bytes_overrun,
        }
    finally:
        free(run)
        free(counters)
