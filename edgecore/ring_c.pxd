# Declarations of csrc/frames; the contracts are in the headers.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from posix.types cimport uid_t


cdef extern from "frames/picture.h" nogil:
    enum:
        EC_PLANES_MAX
        EC_FORMAT_BYTES
        EC_COLOR_BYTES

    ctypedef struct ec_picture_plane:
        uint64_t offset
        uint64_t bytes
        uint32_t stride

    ctypedef struct ec_picture:
        int64_t timestamp_ns
        uint32_t width
        uint32_t height
        uint32_t planes
        char *format
        char *color
        ec_picture_plane *plane


cdef extern from "frames/stream.h" nogil:
    enum:
        EC_SLOTS_MAX
        EC_READERS_MAX

    uint64_t EC_SLOT_BYTES_MAX

    ctypedef struct ec_stream:
        uint32_t slots
        uint64_t slot_bytes
        uint64_t dropped


cdef extern from "frames/writer.h" nogil:
    enum:
        EC_NO_SLOT

    ctypedef struct ec_writer:
        ec_stream *stream

    uint64_t ec_writer_leased(const ec_writer *writer)


cdef extern from "frames/producer.h" nogil:
    enum:
        EC_UIDS_MAX

    ctypedef struct ec_producer_config:
        const char *path
        uint32_t slots
        uint64_t slot_bytes
        const int *buffers
        const uid_t *uids
        size_t uid_count

    ctypedef struct ec_producer:
        ec_writer writer
        uint8_t **pixels
        uint64_t refused

    int ec_producer_open(ec_producer *producer, const ec_producer_config *config)
    void ec_producer_close(ec_producer *producer)
    void ec_producer_free(ec_producer *producer)
    int ec_producer_fd(const ec_producer *producer)
    void ec_producer_serve(ec_producer *producer)
    int ec_producer_claim(ec_producer *producer)
    bint ec_producer_publish(ec_producer *producer, int slot, const ec_picture *picture)
    void ec_producer_abandon(ec_producer *producer, int slot)
    uint32_t ec_producer_readers(const ec_producer *producer)


cdef extern from "frames/reader.h" nogil:
    ctypedef struct ec_reader:
        uint64_t slot_bytes
        uint32_t slots

    ctypedef struct ec_lease:
        ec_picture picture
        uint64_t sequence
        uint32_t slot

    uint64_t ec_reader_held(const ec_reader *reader)


cdef extern from "frames/consumer.h" nogil:
    ctypedef struct ec_consumer:
        ec_reader reader
        bint has_buffers
        int *buffers
        const uint8_t **pixels

    int ec_consumer_open(ec_consumer *consumer, const char *path, uint64_t timeout_us)
    void ec_consumer_close(ec_consumer *consumer)
    int ec_consumer_take(ec_consumer *consumer, ec_lease *lease)
    void ec_consumer_release(ec_consumer *consumer, uint32_t slot)
    int ec_consumer_wait(ec_consumer *consumer, uint64_t timeout_us)
    bint ec_consumer_arm(ec_consumer *consumer)
    int ec_consumer_fd(const ec_consumer *consumer)
    int ec_consumer_drain(ec_consumer *consumer)
