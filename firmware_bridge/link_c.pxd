# Declarations of csrc/link; the contracts are in the headers.

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "link/crc32c.h" nogil:
    uint32_t ec_crc32c(uint32_t crc, const uint8_t *data, size_t length)


cdef extern from "link/frame.h" nogil:
    enum:
        EC_BODY_MAX
        EC_FRAME_MAX
        EC_WIRE_MAX

    ctypedef struct ec_frame:
        uint8_t kind
        uint8_t channel
        uint8_t sequence
        uint8_t type
        const uint8_t *body
        uint16_t length

    size_t ec_frame_encode(const ec_frame *frame, bint after_idle, uint8_t *out, size_t capacity)

    ctypedef enum ec_corrupt:
        EC_CORRUPT_COBS
        EC_CORRUPT_SHORT
        EC_CORRUPT_LONG
        EC_CORRUPT_CRC
        EC_CORRUPT_REASONS

    ctypedef enum ec_decoded:
        EC_DECODED_NOTHING
        EC_DECODED_FRAME
        EC_DECODED_CORRUPT

    ctypedef struct ec_decoder:
        uint16_t length
        uint32_t frames
        uint32_t errors[5]

    void ec_decoder_init(ec_decoder *decoder, uint8_t *buffer, uint16_t capacity)
    void ec_decoder_reset(ec_decoder *decoder)
    ec_decoded ec_decoder_feed(ec_decoder *decoder, const uint8_t *data, size_t length,
                               size_t *used, ec_frame *frame, ec_corrupt *reason)


cdef extern from "link/schema.h" nogil:
    enum:
        EC_CHANNEL_TELEMETRY
        EC_CHANNELS

    ctypedef struct ec_schema:
        uint8_t count
        const uint8_t *served
        uint16_t served_bytes

    const ec_schema ec_messages
    size_t ec_schema_bytes(const ec_schema *schema)
    size_t ec_schema_read(const ec_schema *schema, size_t offset, uint8_t *out, size_t capacity)
    uint32_t ec_schema_hash(const ec_schema *schema)


cdef extern from "link/auth.h" nogil:
    enum:
        EC_KEY_BYTES
        EC_TRAILER_BYTES

    ctypedef struct ec_auth:
        uint8_t *key
        uint8_t *seed
        bint required
        const uint8_t *open_types
        uint8_t open_count

    void ec_secret_wipe(void *bytes, size_t length)


cdef extern from "link/session.h" nogil:
    enum:
        EC_WINDOW_MAX
        EC_PAYLOAD_MAX
        EC_NAME_MAX

    const uint32_t EC_NO_DEADLINE
    const uint64_t EC_NEVER

    ctypedef enum ec_role:
        EC_HOST
        EC_DEVICE

    ctypedef enum ec_outcome:
        EC_OUTCOME_DONE
        EC_OUTCOME_REFUSED
        EC_OUTCOME_UNKNOWN
        EC_OUTCOME_NOT_SENT
        EC_OUTCOME_TIMED_OUT

    ctypedef enum ec_event_kind:
        EC_EVENT_NONE
        EC_EVENT_OPEN
        EC_EVENT_SILENT
        EC_EVENT_INCOMPATIBLE
        EC_EVENT_REQUEST
        EC_EVENT_OUTCOME
        EC_EVENT_DATA
        EC_EVENT_PONG
        EC_EVENT_UNAUTHENTICATED
        EC_EVENT_LEASE_HELD
        EC_EVENT_LEASE_LOST

    ctypedef struct ec_event:
        ec_event_kind kind
        uint8_t channel
        uint8_t type
        const uint8_t *body
        uint16_t length
        uint8_t status
        ec_outcome outcome
        uint32_t token
        uint32_t handle
        uint64_t deadline_us
        uint8_t gap
        bint reset
        uint64_t t1
        uint64_t t2
        uint64_t t3
        uint64_t t4

    ctypedef struct ec_slot:
        pass

    ctypedef struct ec_slots:
        ec_slot *outbound
        ec_slot *inbound
        uint8_t *outbound_bytes
        uint8_t *inbound_bytes
        uint16_t slot_bytes
        uint8_t window

    ctypedef struct ec_memory:
        ec_slots slots
        uint8_t *telemetry
        uint8_t *log
        uint8_t *bulk
        size_t telemetry_bytes
        size_t log_bytes
        size_t bulk_bytes

    ctypedef struct ec_config:
        ec_role role
        uint32_t boot_id
        const char *name
        const char *version
        const ec_schema *schema
        uint32_t rto_floor_us
        uint32_t silence_ms
        uint32_t lease_max_ms
        uint32_t heartbeat_ms
        const ec_auth *auth

    ctypedef struct ec_peer:
        uint32_t boot_id
        uint32_t schema_hash
        uint16_t body_max
        uint16_t slot_bytes
        uint8_t protocol_min
        uint8_t protocol_max
        uint8_t window
        bint keyed
        char *name
        char *version

    ctypedef struct ec_stats:
        uint32_t requests_sent
        uint32_t requests_received
        uint32_t results_sent
        uint32_t results_received
        uint32_t retransmits
        uint32_t duplicates
        uint32_t data_sent
        uint32_t data_received
        uint32_t *gaps
        uint32_t *dropped
        uint32_t ignored
        uint32_t opens
        uint32_t srtt_us
        uint32_t rttvar_us
        uint32_t rto_us

    ctypedef struct ec_session:
        pass

    ctypedef enum ec_accepted:
        EC_ACCEPTED
        EC_FULL
        EC_TOO_LONG

    bint ec_session_init(ec_session *session, const ec_config *config, const ec_memory *memory,
                         uint64_t now_us)
    void ec_session_reopen(ec_session *session, uint64_t now_us)
    size_t ec_session_input(ec_session *session, uint64_t now_us, const uint8_t *data,
                            size_t length)
    bint ec_session_event(ec_session *session, uint64_t now_us, ec_event *event)
    size_t ec_session_output(ec_session *session, uint64_t now_us, uint8_t *out, size_t capacity)
    uint64_t ec_session_due(const ec_session *session, uint64_t now_us)
    bint ec_session_open(const ec_session *session)
    bint ec_session_authenticated(const ec_session *session)
    const ec_peer *ec_session_peer(const ec_session *session)
    const ec_stats *ec_session_stats(const ec_session *session)
    const ec_decoder *ec_session_decoder(const ec_session *session)
    ec_accepted ec_session_request(ec_session *session, uint64_t now_us, uint8_t channel,
                                   uint8_t type, const uint8_t *payload, size_t length,
                                   uint32_t timeout_ms, uint32_t token)
    bint ec_session_result(ec_session *session, uint32_t handle, uint8_t status,
                           const uint8_t *payload, size_t length)
    ec_accepted ec_session_publish(ec_session *session, uint8_t channel, uint8_t type,
                                   const uint8_t *payload, size_t length)
    void ec_session_keep_alive(ec_session *session, uint64_t now_us, uint16_t lease_ms)
    bint ec_session_lease(const ec_session *session, uint64_t now_us)
    void ec_session_ping(ec_session *session, uint16_t size)
