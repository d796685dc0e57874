# cython: auto_pickle=False, autotestdict=False
"""Binding of the frame codec in csrc/link. Private; see firmware_bridge.codec."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from firmware_bridge.link_c cimport *

import numpy as np

BODY_MAX = EC_BODY_MAX
REASONS = ("cobs", "short", "long", "crc")


def crc32c(const uint8_t[::1] data, uint32_t crc=0):
    """CRC-32C of bytes; continue a running value with `crc`."""
    return ec_crc32c(crc, &data[0] if data.shape[0] else NULL, data.shape[0])


cdef uint8_t checked_byte(name, long long value) except? 255:
    if not 0 <= value <= 255:
        raise ValueError(f"{name} must be in 0..255, got {value}")
    return <uint8_t>value


cdef bytes encoded(ec_frame *frame, const uint8_t *body, size_t length):
    cdef uint8_t out[EC_WIRE_MAX]
    if length > EC_BODY_MAX:
        raise ValueError(f"payload must be at most {EC_BODY_MAX} bytes, got {length}")
    frame.body = body
    frame.length = <uint16_t>length
    length = ec_frame_encode(frame, False, out, sizeof(out))
    return PyBytes_FromStringAndSize(<char *>out, <Py_ssize_t>length)


def encode(channel, type, payload, sequence=0, kind=0):
    """The bytes of one frame, ended by its delimiter.

    Raises:
        ValueError: a number outside 0..255, or a payload over BODY_MAX bytes.
    """
    cdef ec_frame frame
    cdef const uint8_t[::1] view
    frame.kind = checked_byte("kind", kind)
    frame.channel = checked_byte("channel", channel)
    frame.sequence = checked_byte("sequence", sequence)
    frame.type = checked_byte("type", type)
    if PyBytes_CheckExact(payload):
        return encoded(&frame, <const uint8_t *>PyBytes_AS_STRING(payload), len(<bytes>payload))
    view = payload
    return encoded(&frame, &view[0] if view.shape[0] else NULL, view.shape[0])


@cython.freelist(256)
cdef class Frame:
    """One frame off the wire."""

    cdef readonly uint8_t kind
    cdef readonly uint8_t channel
    cdef readonly uint8_t sequence
    cdef readonly uint8_t type
    cdef uint16_t length
    cdef Py_ssize_t at
    cdef bytes bodies  # of all frames of one `feed`

    @property
    def payload(self):
        return self.bodies[self.at:self.at + self.length]

    def __eq__(self, other):
        if not isinstance(other, Frame):
            return NotImplemented
        return self.parts() == (<Frame>other).parts()

    def __hash__(self):
        return hash(self.parts())

    def __repr__(self):
        return (f"Frame(kind={self.kind}, channel={self.channel}, sequence={self.sequence}, "
                f"type={self.type}, payload={self.payload!r})")

    def __iter__(self):
        return iter(self.parts())

    cdef tuple parts(self):
        return self.kind, self.channel, self.sequence, self.type, self.payload


HEADER = np.dtype([("kind", "u1"), ("channel", "u1"), ("sequence", "u1"), ("type", "u1"),
                   ("length", "<u4"), ("offset", "<i8")])

cdef packed struct Header:
    uint8_t kind
    uint8_t channel
    uint8_t sequence
    uint8_t type
    uint32_t length
    int64_t offset


cdef class Decoder:
    """Frames out of a byte stream, fed in pieces of any size."""

    cdef ec_decoder decoder
    cdef uint8_t buffer[EC_FRAME_MAX]

    def __cinit__(self):
        ec_decoder_init(&self.decoder, self.buffer, EC_FRAME_MAX)

    def feed(self, const uint8_t[::1] data):
        """Frames completed by these bytes; corrupt ones are only counted."""
        cdef size_t at = 0, used = 0, length = data.shape[0]
        cdef ec_frame frame
        cdef ec_corrupt reason
        cdef Frame made
        cdef bytes bodies = None
        cdef char *store = NULL
        cdef Py_ssize_t stored = 0
        frames = []
        while at < length:
            if ec_decoder_feed(&self.decoder, &data[at], length - at, &used, &frame,
                               &reason) == EC_DECODED_FRAME:
                if bodies is None:  # decoded, nothing grows
                    bodies = PyBytes_FromStringAndSize(
                        NULL, <Py_ssize_t>(frame.length + length - at))
                    store = PyBytes_AS_STRING(bodies)
                memcpy(store + stored, frame.body, frame.length)
                made = Frame.__new__(Frame)
                made.kind = frame.kind
                made.channel = frame.channel
                made.sequence = frame.sequence
                made.type = frame.type
                made.length = frame.length
                made.at = stored
                made.bodies = bodies
                stored += frame.length
                frames.append(made)
            at += used
        return frames

    def feed_arrays(self, const uint8_t[::1] data):
        """As `feed`, for many frames at once: (headers, bodies).

        Returns:
            headers: (n,) structured: kind, channel, sequence, type, length, offset.
            bodies: (bytes,) uint8; frame i's payload is bodies[offset:offset + length].
        """
        cdef size_t at = 0, used = 0, length = data.shape[0]
        cdef ec_frame frame
        cdef ec_corrupt reason
        cdef size_t most = length // SHORTEST + 1, count = 0, stored = 0
        headers = np.empty(most, HEADER)
        bodies = np.empty(self.decoder.length + length, np.uint8)
        cdef Header[::1] header_view = headers
        cdef uint8_t[:] body_view = bodies
        cdef Header *header = &header_view[0]
        cdef uint8_t *body = &body_view[0] if len(bodies) else NULL
        with nogil:
            while at < length:
                if ec_decoder_feed(&self.decoder, &data[at], length - at, &used, &frame,
                                   &reason) == EC_DECODED_FRAME:
                    header[count].kind = frame.kind
                    header[count].channel = frame.channel
                    header[count].sequence = frame.sequence
                    header[count].type = frame.type
                    header[count].length = frame.length
                    header[count].offset = <int64_t>stored
                    if frame.length:
                        memcpy(body + stored, frame.body, frame.length)
                    stored += frame.length
                    count += 1
                at += used
        return headers[:count], bodies[:stored]

    @property
    def frames(self):
        return self.decoder.frames

    @property
    def errors(self):
        return {name: self.decoder.errors[i] for i, name in enumerate(REASONS)}


# Code byte, header, CRC and delimiter: no frame is shorter on the wire.
cdef enum:
    SHORTEST = 10
