# Declarations of csrc/host; the contracts are in the headers.

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from posix.types cimport pid_t

from firmware_bridge.link_c cimport (
    ec_accepted, ec_config, ec_event, ec_memory, ec_session,
)


cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)
    int pthread_cond_broadcast(pthread_cond_t *condition)


cdef extern from "host/monotonic.h" nogil:
    uint64_t ec_monotonic_us()
    void ec_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_us)


cdef extern from "host/inbox.h" nogil:
    ctypedef struct ec_inbox_entry:
        uint64_t t_us
        uint32_t epoch
        uint16_t length
        uint8_t type

    ctypedef struct ec_inbox:
        size_t frames, frames_max
        uint64_t dropped
        uint32_t epoch
        uint32_t number
        int16_t type
        bint wants_note
        bint closed
        int ready_fd
        pthread_cond_t changed

    enum:
        EC_INBOX_LOGS

    void ec_inbox_init(ec_inbox *inbox, size_t frames_max)
    void ec_inbox_destroy(ec_inbox *inbox)
    size_t ec_inbox_take(ec_inbox *inbox, uint8_t **bytes, size_t *head, size_t *tail)


cdef extern from "host/mailbox.h" nogil:
    enum:
        EC_EVENT_READY

    ctypedef struct ec_mailbox:
        ec_event *events
        size_t count


cdef extern from "host/clock.h" nogil:
    ctypedef struct ec_clock:
        pass

    void ec_clock_reset(ec_clock *clock)
    void ec_clock_begin_burst(ec_clock *clock)
    void ec_clock_add(ec_clock *clock, uint64_t t1, uint64_t t2, uint64_t t3, uint64_t t4)
    bint ec_clock_offset(const ec_clock *clock, uint64_t host_us, int64_t *offset_ns,
                         int64_t *error_ns)


cdef extern from "host/trace.h" nogil:
    ctypedef struct ec_trace_entry:
        uint64_t t_us
        uint32_t length
        bint to_device

    ctypedef struct ec_trace:
        size_t used
        bint lost

    size_t ec_trace_copy(const ec_trace *trace, uint8_t *out)


cdef extern from "host/listener.h" nogil:
    ctypedef struct ec_listener:
        int fd

    int ec_listener_open(ec_listener *listener)
    void ec_listener_close(ec_listener *listener)


cdef extern from "host/carrier.h" nogil:
    ctypedef struct ec_waiter:
        ec_event event
        uint64_t since_us
        uint64_t answered_us
        bint answered

    ctypedef struct ec_batch:
        const uint8_t *records
        uint8_t *outcomes
        uint8_t *statuses
        size_t size
        size_t count
        uint32_t timeout_ms
        uint8_t channel
        uint8_t type

    enum:
        EC_BATCH_UNENDED

    ctypedef struct ec_carrier:
        ec_session session
        ec_trace trace
        pthread_mutex_t lock
        uint64_t undelivered

    int ec_carrier_start(ec_carrier *carrier, const ec_config *config, const ec_memory *memory)
    void ec_carrier_trace(ec_carrier *carrier, uint8_t *bytes, size_t capacity)
    void ec_carrier_stop(ec_carrier *carrier)
    void ec_carrier_destroy(ec_carrier *carrier)
    void ec_carrier_attach(ec_carrier *carrier, int fd, uint32_t byte_ns)
    void ec_carrier_detach(ec_carrier *carrier)
    void ec_carrier_set_pace(ec_carrier *carrier, uint32_t byte_ns)
    const ec_mailbox *ec_carrier_mail(ec_carrier *carrier, uint64_t timeout_us, int *broken)
    void ec_carrier_wake(ec_carrier *carrier)
    ec_accepted ec_carrier_request(ec_carrier *carrier, uint8_t channel, uint8_t type,
                                   const uint8_t *payload, size_t length, uint32_t timeout_ms,
                                   uint32_t token)
    ec_accepted ec_carrier_ask(ec_carrier *carrier, ec_waiter *waiter, uint8_t channel,
                               uint8_t type, const uint8_t *payload, size_t length,
                               uint32_t timeout_ms, ec_listener *listener)
    void ec_carrier_ask_ping(ec_carrier *carrier, ec_waiter *waiter, uint16_t size)
    bint ec_carrier_clock(ec_carrier *carrier, int64_t *offset_ns, int64_t *error_ns)
    bint ec_carrier_answered(ec_carrier *carrier, ec_waiter *waiter, uint64_t timeout_us)
    void ec_carrier_leave(ec_carrier *carrier, ec_waiter *waiter)
    void ec_carrier_listen(ec_carrier *carrier, ec_listener *listener)
    void ec_carrier_forget(ec_carrier *carrier, const ec_listener *listener)
    void ec_carrier_end_waiters(ec_carrier *carrier)
    bint ec_carrier_begin_batch(ec_carrier *carrier, ec_batch *batch)
    bint ec_carrier_batch_ended(ec_carrier *carrier, ec_batch *batch, uint64_t timeout_us)
    void ec_carrier_leave_batch(ec_carrier *carrier, ec_batch *batch)
    ec_accepted ec_carrier_publish(ec_carrier *carrier, uint8_t channel, uint8_t type,
                                   const uint8_t *payload, size_t length)
    void ec_carrier_keep_alive(ec_carrier *carrier, uint16_t lease_ms)
    void ec_carrier_know_table(ec_carrier *carrier, uint32_t hash)
    void ec_carrier_add_inbox(ec_carrier *carrier, ec_inbox *inbox)
    void ec_carrier_remove_inbox(ec_carrier *carrier, ec_inbox *inbox)
