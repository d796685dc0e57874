#ifndef EC_LINK_SESSION_H
#define EC_LINK_SESSION_H

/* The conversation: bytes and a clock in, bytes and events out. No I/O, no allocation, no thread;
 * host, firmware and virtual-time tests run this same code. docs/protocol.md tells the story.
 *
 * The loop of every user, in this order:
 *
 *     while (length > 0 or events pending) {
 *         used = ec_session_input(s, now, data, length);    // stops early at what makes an event
 *         while (ec_session_event(s, now, &event)) { handle(&event); }
 *     }
 *     n = ec_session_output(s, now, out, sizeof out);       // whatever the line takes now
 *     sleep until ec_session_due(s, now), or bytes come, or there is something to say
 *
 * `now` is microseconds of any clock that never goes back, the same one in every call. Calls on one
 * session do not overlap. Memory given at init stays the caller's and outlives the session.
 *
 * Requests are reliable both ways and executed exactly once within a boot of the executing side,
 * also across reconnects. Data is best effort, with counters for what went missing. */

#include "link/auth.h"
#include "link/frame.h"
#include "link/schema.h"

#define EC_PROTOCOL_MIN 1u
#define EC_PROTOCOL_MAX 1u
#define EC_WINDOW_MAX 32u
#define EC_NAME_MAX 31u
/* Session number, request id, deadline or status: before the payload of a request or result. */
#define EC_PREFIX_BYTES 6u
#define EC_PAYLOAD_MAX (EC_BODY_MAX - EC_PREFIX_BYTES)
#define EC_NO_DEADLINE UINT32_MAX
#define EC_NEVER UINT64_MAX

typedef enum { EC_HOST, EC_DEVICE } ec_role;

/* Frame kinds. */
enum {
    EC_KIND_DATA,
    EC_KIND_REQUEST,
    EC_KIND_RESULT,
    EC_KIND_ACK,
    EC_KIND_HELLO,
    EC_KIND_HEARTBEAT,
    EC_KIND_PING,
    EC_KIND_PONG,
    EC_KINDS
};

/* Status of a RESULT. 0x10 and up are the application's own. */
enum {
    EC_STATUS_DONE = 0,
    EC_STATUS_LATE = 1,           /* refused: the deadline passed before execution */
    EC_STATUS_BAD_ARGUMENT = 2,   /* refused: a field is missing or out of bounds */
    EC_STATUS_UNKNOWN_TYPE = 3,   /* refused: no such command */
    EC_STATUS_BUSY = 4,           /* refused: not now */
    EC_STATUS_UNAUTHENTICATED = 5 /* refused: only for a host that proves the key */
};

/* How a request of ours ended. */
typedef enum {
    EC_OUTCOME_DONE,     /* RESULT with status EC_STATUS_DONE */
    EC_OUTCOME_REFUSED,  /* RESULT with another status: see event.status */
    EC_OUTCOME_UNKNOWN,  /* sent, then the peer was reset: it ran or it did not */
    EC_OUTCOME_NOT_SENT, /* the deadline passed before it could be sent: it never runs */
    EC_OUTCOME_TIMED_OUT /* sent, no RESULT before the deadline: it may still run, unless it comes
                            too late */
} ec_outcome;

typedef enum {
    EC_EVENT_NONE,
    EC_EVENT_OPEN,   /* both sides agreed; event.reset: the peer is not the boot known before */
    EC_EVENT_SILENT, /* a host's session is over: no valid frame for silence_ms, the line was
                        reopened, or the device was reset; it knocks again by itself */
    EC_EVENT_INCOMPATIBLE,    /* no common protocol version; see ec_session_peer */
    EC_EVENT_REQUEST,         /* execute it, then ec_session_result(event.handle) exactly once */
    EC_EVENT_OUTCOME,         /* a request of ours ended: event.token, .outcome, .status, .body */
    EC_EVENT_DATA,            /* best effort data: .channel, .type, .body, .gap */
    EC_EVENT_PONG,            /* four stamps of a clock exchange: .t1 .. .t4 */
    EC_EVENT_LEASE_HELD,      /* the peer's application is alive */
    EC_EVENT_UNAUTHENTICATED, /* a host cannot open: the device has no key, requires one that this
                                 side has not, or has another */
    EC_EVENT_LEASE_LOST /* it stopped renewing its lease, or the line is dead: go to the safe state
                         */
} ec_event_kind;

typedef struct {
    ec_event_kind kind;
    uint8_t channel, type;
    const uint8_t* body; /* payload without prefix; valid until the next call on this session */
    uint16_t length;
    uint8_t status;          /* OUTCOME */
    ec_outcome outcome;      /* OUTCOME */
    uint32_t token;          /* OUTCOME: as given to ec_session_request */
    uint32_t handle;         /* REQUEST: for ec_session_result */
    uint64_t deadline_us;    /* REQUEST: on this side's clock, EC_NEVER if none; later than that,
                                answer EC_STATUS_LATE instead of executing */
    uint8_t gap;             /* DATA: frames missing on this channel just before this one */
    bool reset;              /* OPEN */
    uint64_t t1, t2, t3, t4; /* PONG, us: ours sent, peer received, peer sent, ours received; each
                                of the frame's first byte */
} ec_event;

/* One request in flight; fields are the session's. */
typedef struct {
    uint64_t sent_us, due_us, deadline_us;
    uint32_t order, token;
    uint16_t id, length;
    uint8_t state, channel, type, status, outcome, tries, doublings;
    bool reported;
} ec_slot;

/* A ring of best-effort frames; when full the oldest go first, and are counted. */
typedef struct {
    uint8_t* bytes;
    size_t capacity, head, used;
} ec_ring;

/* Memory for requests. */
typedef struct {
    ec_slot *outbound, *inbound;             /* `window` each */
    uint8_t *outbound_bytes, *inbound_bytes; /* window * slot_bytes each */
    uint16_t slot_bytes; /* largest payload of a request or result, 32 .. EC_PAYLOAD_MAX */
    uint8_t window;      /* requests in flight each way: a power of two, 1 .. EC_WINDOW_MAX */
} ec_slots;

/* What one session needs, besides sizeof(ec_session). A NULL ring refuses data on its channel. */
typedef struct {
    ec_slots slots;
    uint8_t *telemetry, *log, *bulk; /* rings */
    size_t telemetry_bytes, log_bytes, bulk_bytes;
} ec_memory;

/* Channels of best-effort data, from EC_CHANNEL_TELEMETRY on, and where one is among them. */
#define EC_DATA_CHANNELS (EC_CHANNELS - EC_CHANNEL_TELEMETRY)
#define EC_DATA_PLACE(channel) ((unsigned)(channel) - EC_CHANNEL_TELEMETRY)

/* Declares a struct type that holds an ec_memory's worth of storage; EC_STORAGE_MEMORY makes the
 * ec_memory of an object of it.
 *
 *     EC_STORAGE(storage, 8, 64, 1024, 512, 0);
 *     static storage memory;   ec_memory m = EC_STORAGE_MEMORY(memory);
 */
#define EC_STORAGE(name, window_, slot_bytes_, telemetry_, log_, bulk_)                            \
    typedef struct {                                                                               \
        ec_slot outbound[window_], inbound[window_];                                               \
        uint8_t outbound_bytes[window_][slot_bytes_], inbound_bytes[window_][slot_bytes_];         \
        uint8_t telemetry[(telemetry_) + 1], log[(log_) + 1], bulk[(bulk_) + 1];                   \
    } name
#define EC_STORAGE_MEMORY(object)                                                                  \
    {{(object).outbound, (object).inbound, (object).outbound_bytes[0], (object).inbound_bytes[0],  \
      (uint16_t)sizeof((object).inbound_bytes[0]),                                                 \
      (uint8_t)(sizeof((object).inbound) / sizeof((object).inbound[0]))},                          \
     (object).telemetry,                                                                           \
     (object).log,                                                                                 \
     (object).bulk,                                                                                \
     sizeof((object).telemetry) - 1,                                                               \
     sizeof((object).log) - 1,                                                                     \
     sizeof((object).bulk) - 1}

typedef struct {
    ec_role role;
    uint32_t boot_id;           /* differs on every boot of this side; not 0 */
    const char *name, *version; /* shown to the peer, cut at EC_NAME_MAX; stay valid */
    const ec_schema* schema;    /* a device's, served to the host; NULL on a host */
    uint32_t rto_floor_us;      /* 10,000 for a UART, 100,000 over USB; 0 means 10,000 */
    uint32_t silence_ms;        /* no valid frame for so long: EC_EVENT_SILENT; 0 means 1000 */
    uint32_t lease_max_ms;      /* a lease is never believed for longer; 0 means 1000 */
    uint32_t heartbeat_ms;      /* between heartbeats; 0 means 200 */
#ifndef EC_NO_AUTH
    const ec_auth* auth; /* NULL: no key */
#endif
} ec_config;

typedef struct {
    uint32_t boot_id, schema_hash;
    uint16_t body_max, slot_bytes;
    uint8_t protocol_min, protocol_max, window;
    bool keyed; /* it has a key, whether or not this session is authenticated by it */
    char name[EC_NAME_MAX + 1], version[EC_NAME_MAX + 1];
} ec_peer;

typedef struct {
    uint32_t requests_sent, requests_received, results_sent, results_received;
    uint32_t retransmits, duplicates; /* reliable frames sent again; received again */
    uint32_t data_sent, data_received;
    uint32_t gaps[EC_DATA_CHANNELS];     /* data frames of the peer's that never came */
    uint32_t dropped[EC_DATA_CHANNELS];  /* own data frames dropped for lack of room */
    uint32_t ignored;                    /* well-formed frames that made no sense here */
    uint32_t opens;                      /* sessions opened */
    uint32_t srtt_us, rttvar_us, rto_us; /* of request to ACK */
} ec_stats;

/* Its fields are the session's own. */
typedef struct {
    ec_config config;
    ec_slots memory;
    ec_ring rings[EC_DATA_CHANNELS];
    ec_decoder decoder;
    ec_peer peer;
    ec_stats stats;
#ifndef EC_NO_AUTH
    ec_auth_state auth;
#endif

    uint64_t frame_us; /* its first byte came */
    uint64_t heard_us, hello_due_us, heartbeat_due_us, peer_lease_until_us;
    uint64_t ack_due_us;                    /* while an ACK is pending */
    uint64_t lease_until_us, told_until_us; /* own lease; as the last heartbeat gave it */
    uint64_t ping_us, stamps[4], pong_t1_us, pong_t2_us;
    uint32_t pending; /* events to report and control frames to send */
    uint32_t known_boot, hello_wait_us, hello_peer_boot;
    uint32_t order, acked_order;  /* of transmissions: last, last known to have arrived */
    uint32_t out_done, in_seen;   /* bit i: out_base + i resolved, in_next + i received */
    uint16_t out_next, out_base;  /* own requests: next id, oldest unresolved id */
    uint16_t in_next, in_deliver; /* the peer's: next id expected, next to report */
    uint16_t session, hello_session, generation;
    uint16_t wire_length, wire_at, ping_bytes, pong_bytes;
    uint8_t data_sequence[EC_DATA_CHANNELS], data_expected[EC_DATA_CHANNELS];
    uint8_t data_known; /* bit per channel: data_expected holds */
    uint8_t data_gap, resolved, hello_flags;
    uint8_t doublings; /* of the time-out, since the last sample of it */
    bool open, idle, lease_held, frame_waits, incompatible;
    bool missed; /* a device fell silent: its data is heard until anything says it is another */
    ec_frame frame;
    uint8_t body[EC_BODY_MAX];
    uint8_t receive[EC_FRAME_MAX];
    uint8_t wire[EC_WIRE_MAX];
} ec_session;

/* Returns false, and leaves the session unusable, when the configuration is impossible: boot_id 0,
 * window or slot_bytes out of range, a pointer missing. A device announces itself with its first
 * output; a host knocks. */
bool ec_session_init(ec_session* session, const ec_config* config, const ec_memory* memory,
                     uint64_t now_us);

/* The line was closed and opened again: forgets half-sent and half-received frames and shakes hands
 * anew. Requests in flight stay; they go on if the peer's boot is the same. */
void ec_session_reopen(ec_session* session, uint64_t now_us);

/* Takes bytes of data[0..length) and returns how many; fewer than length when events must be taken
 * first (ec_session_event until it answers false), then call again with the rest. */
size_t ec_session_input(ec_session* session, uint64_t now_us, const uint8_t* data, size_t length);

/* Stores the next event and answers true, or answers false. Deadlines, leases and silence are
 * judged here, so call it also when only time has passed. Whoever may be kept from reading its line
 * for long gives, for `now_us`, until when it has read everything. */
bool ec_session_event(ec_session* session, uint64_t now_us, ec_event* event);

/* Writes what the line should carry next to out[0..capacity) and returns how many bytes; 0: nothing
 * to say now. Frames may be cut at any byte; the rest comes with the next call. At most the frame
 * begun waits before a frame of higher priority. */
size_t ec_session_output(ec_session* session, uint64_t now_us, uint8_t* out, size_t capacity);

/* When to call ec_session_event and ec_session_output again if nothing else happens: `now_us` when
 * there is something to do, EC_NEVER when there is not. */
uint64_t ec_session_due(const ec_session* session, uint64_t now_us);

/* Whether both sides agreed and the peer is not silent. */
bool ec_session_open(const ec_session* session);

#ifndef EC_NO_AUTH
/* Whether the session is open, and each frame of it proves the key. */
bool ec_session_authenticated(const ec_session* session);
#endif

/* What the peer said in its HELLO; all zero before the first. */
const ec_peer* ec_session_peer(const ec_session* session);
const ec_stats* ec_session_stats(const ec_session* session);
const ec_decoder* ec_session_decoder(const ec_session* session);

typedef enum {
    EC_ACCEPTED,
    EC_FULL,    /* window requests are in flight, or the ring cannot hold so much: later, perhaps */
    EC_TOO_LONG /* more payload than slot_bytes of either side, or than a frame carries */
} ec_accepted;

/* Queues a request; its end is reported by exactly one EC_EVENT_OUTCOME with `token`. Also accepted
 * while the session is not open: it is sent after. `timeout_ms` counts from now and travels as the
 * time left; EC_NO_DEADLINE: none. The payload is copied. */
ec_accepted ec_session_request(ec_session* session, uint64_t now_us, uint8_t channel, uint8_t type,
                               const uint8_t* payload, size_t length, uint32_t timeout_ms,
                               uint32_t token);

/* Answers a request. The RESULT is sent, and sent again for a repeated request, without executing
 * twice. Returns false when the handle is no longer in execution (peer replaced) or the payload
 * exceeds slot_bytes. */
bool ec_session_result(ec_session* session, uint32_t handle, uint8_t status, const uint8_t* payload,
                       size_t length);

/* Queues best-effort data on EC_CHANNEL_TELEMETRY, _LOG or _BULK. While the session is not open it
 * is not kept: EC_FULL. Makes room by dropping the oldest of the channel. */
ec_accepted ec_session_publish(ec_session* session, uint8_t channel, uint8_t type,
                               const uint8_t* payload, size_t length);

/* The application's sign of life: heartbeats go out for lease_ms from now, and stop unless this is
 * called again. The peer's side of the lease ends at the same moment as this one. */
void ec_session_keep_alive(ec_session* session, uint64_t now_us, uint16_t lease_ms);

/* Whether the peer's application holds a lease. */
bool ec_session_lease(const ec_session* session, uint64_t now_us);

/* Starts a clock exchange with a body of `size` bytes, 24 .. EC_BODY_MAX (clamped); answered by
 * EC_EVENT_PONG, or by nothing if a frame is lost. A ping not yet sent is replaced. */
void ec_session_ping(ec_session* session, uint16_t size);

#endif
