"""Declarations of csrc/link's sending half of a transfer for _bulk.pyx."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "link/bulk_sender.h" nogil:
    enum:
        EC_BULK_FRAGMENT_MIN
        EC_BULK_FRAGMENT_MAX

    ctypedef struct ec_sender:
        uint32_t stored, resent
        uint16_t fragment
        uint8_t status
        bint answered

    ctypedef enum ec_send_kind:
        EC_SEND_NOTHING
        EC_SEND_OFFER
        EC_SEND_FRAGMENT

    ctypedef struct ec_send:
        ec_send_kind kind
        uint32_t offset
        uint16_t length, head_bytes
        uint8_t head[8]

    void ec_sender_init(ec_sender *sender, uint16_t transfer, uint32_t length, uint32_t byte_ns)
    void ec_sender_restart(ec_sender *sender)
    bint ec_sender_report(ec_sender *sender, uint64_t now_us, const uint8_t *body, size_t length)
    ec_send ec_sender_next(ec_sender *sender, uint64_t now_us)
    uint64_t ec_sender_due(const ec_sender *sender)
    bint ec_sender_over(const ec_sender *sender)
