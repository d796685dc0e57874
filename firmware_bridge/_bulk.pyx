# cython: auto_pickle=False, autotestdict=False
"""Binding of csrc/link's sending half of a transfer. Private; see firmware_bridge."""

cimport cython
from libc.stdint cimport UINT64_MAX, uint8_t, uint16_t, uint32_t, uint64_t

from firmware_bridge.bulk_c cimport *

FRAGMENT_MIN = EC_BULK_FRAGMENT_MIN
FRAGMENT_MAX = EC_BULK_FRAGMENT_MAX


@cython.final
cdef class Sender:
    """An ec_sender. One thread at a time.

    Args:
        transfer: number of the transfer, unlike those of others lately.
        length: bytes to send.
        byte_ns: of a byte on the line, ns; 0: not known.
    """

    cdef ec_sender sender

    def __cinit__(self, uint16_t transfer, uint32_t length, uint32_t byte_ns=0):
        ec_sender_init(&self.sender, transfer, length, byte_ns)

    def restart(self):
        """A session began."""
        ec_sender_restart(&self.sender)

    def report(self, uint64_t now_us, const uint8_t[::1] body):
        """Takes a report; False: it is not of this transfer."""
        return bool(body.shape[0]
                    and ec_sender_report(&self.sender, now_us, &body[0], body.shape[0]))

    def next(self, uint64_t now_us):
        """(head, offset, length) of a fragment, (head, 0, 0) of an offer, or None: nothing now."""
        cdef ec_send send = ec_sender_next(&self.sender, now_us)
        if send.kind == EC_SEND_NOTHING:
            return None
        return (<const char *>send.head)[:send.head_bytes], send.offset, send.length

    @property
    def due_us(self):
        """When to ask `next` again if no report comes; None once it is over."""
        cdef uint64_t due = ec_sender_due(&self.sender)
        return None if due == UINT64_MAX else due

    @property
    def over(self):
        return bool(ec_sender_over(&self.sender))

    @property
    def answered(self):
        return bool(self.sender.answered)

    @property
    def status(self):
        return self.sender.status

    @property
    def stored(self):
        return self.sender.stored

    @property
    def resent(self):
        return self.sender.resent

    @property
    def fragment(self):
        return self.sender.fragment
