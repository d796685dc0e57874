"""Declarations of csrc/firmware for _noise.pyx."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef extern from "firmware/port/host/line.h" nogil:
    enum: EC_LINE_BYTES

    ctypedef struct ec_line_faults:
        double bit_error, drop, duplicate
        uint32_t delay_us, jitter_us, bytes_per_s
        uint64_t seed

    ctypedef struct ec_line_counts:
        uint64_t bytes_in, bytes_out, bits_flipped, bytes_dropped, bytes_repeated, bytes_overrun

    ctypedef struct ec_line:
        ec_line_counts counts

    void ec_line_init(ec_line *line, const ec_line_faults *faults)
    void ec_line_send(ec_line *line, uint64_t now_us, const uint8_t *data, size_t length)
    size_t ec_line_receive(ec_line *line, uint64_t now_us, uint8_t *data, size_t capacity)
    uint64_t ec_line_free_us(const ec_line *line)
    uint64_t ec_line_next_us(const ec_line *line)


cdef extern from "firmware/port/host/endurance.h" nogil:
    enum: EC_NO_INJECTION

    ctypedef struct ec_endurance_options:
        ec_line_faults to_device, to_host
        uint32_t commands
        uint64_t limit_us
        uint32_t inject_double, inject_loss, inject_foreign
        uint8_t *executions
        uint8_t *outcomes

    ctypedef struct ec_endurance_result:
        uint64_t virtual_us
        uint32_t issued, executed, lost, doubled, unasked, done, misreported, telemetry
        uint64_t frames_to_device, frames_to_host, rejected, foreign
        uint32_t retransmits, duplicates
        ec_line_counts to_device, to_host

    ctypedef struct ec_endurance:
        pass

    bint ec_endurance_run(ec_endurance *endurance, const ec_endurance_options *options,
                          ec_endurance_result *result)
