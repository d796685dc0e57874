/* A carrier used from many threads at once, for ThreadSanitizer: askers, a batch, pings, telemetry
 * into inboxes, and a line that is taken away and given back, beside a device that answers; then by
 * one caller alone, who reads the line itself, while others come in between. Every request must end
 * exactly once, and the newest bytes of the line are traced meanwhile. */

#include "host/carrier.h"
#include "host/monotonic.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASKERS 3
#define ASKED 400
#define BATCH 3000
#define SELDOM 200
#define TRACED 4099 /* no power of two: entries wrap around anywhere */
#define TOTAL (ASKERS * ASKED + BATCH + ASKED + 2 * SELDOM)

EC_STORAGE(storage, 32, 64, 4096, 0, 0);

static int ends[2];
static int device_over;

static void* serve(void* argument) {
    static storage memory;
    static ec_session session;
    ec_memory given = EC_STORAGE_MEMORY(memory);
    ec_config config = {
        .role = EC_DEVICE, .boot_id = 9, .name = "", .version = "", .schema = &ec_messages};
    uint8_t bytes[1024];
    (void)argument;
    ec_session_init(&session, &config, &given, ec_monotonic_us());
    for (uint32_t turn = 0; !__atomic_load_n(&device_over, __ATOMIC_RELAXED); turn++) {
        struct pollfd polled = {ends[1], POLLIN, 0};
        poll(&polled, 1, 1);
        ssize_t count = read(ends[1], bytes, sizeof bytes);
        uint64_t now = ec_monotonic_us();
        size_t at = 0, length = count > 0 ? (size_t)count : 0;
        do {
            ec_event event;
            at += ec_session_input(&session, now, bytes + at, length - at);
            while (ec_session_event(&session, now, &event)) {
                if (event.kind == EC_EVENT_REQUEST) {
                    ec_session_result(&session, event.handle, 0, NULL, 0);
                }
            }
        } while (at < length);
        ec_session_publish(&session, EC_CHANNEL_TELEMETRY, EC_TYPE_VEHICLE, (uint8_t*)&turn, 4);
        length = ec_session_output(&session, now, bytes, sizeof bytes);
        if (length != 0 && write(ends[1], bytes, length) < 0) {
            perror("device");
        }
    }
    return NULL;
}

static ec_carrier carrier;
static int done;

static void* ask(void* argument) {
    (void)argument;
    for (int i = 0; i < ASKED;) {
        ec_waiter waiter;
        if (ec_carrier_ask(&carrier, &waiter, 1, 1, (const uint8_t*)"abcd", 4, EC_NO_DEADLINE,
                           NULL) == EC_FULL) {
            usleep(50);
            continue;
        }
        while (!ec_carrier_answered(&carrier, &waiter, 50000)) {
        }
        if (waiter.event.outcome == EC_OUTCOME_DONE) {
            __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
        }
        ec_carrier_leave(&carrier, &waiter);
        i++;
    }
    return NULL;
}

/* As an event loop asks, sometimes at once and sometimes later. */
static void* ask_as_a_loop(void* argument) {
    ec_listener listener;
    (void)argument;
    if (ec_listener_open(&listener) != 0) {
        return NULL;
    }
    for (int i = 0; i < SELDOM;) {
        ec_waiter waiter;
        usleep(i % 4 == 0 ? 500 : 0);
        if (ec_carrier_ask(&carrier, &waiter, 1, 1, (const uint8_t*)"abcd", 4, EC_NO_DEADLINE,
                           &listener) == EC_FULL) {
            continue;
        }
        while (!ec_carrier_answered(&carrier, &waiter, 0)) {
            struct pollfd polled = {listener.fd, POLLIN, 0};
            poll(&polled, 1, -1);
            ec_carrier_listen(&carrier, &listener);
        }
        if (waiter.event.outcome == EC_OUTCOME_DONE) {
            __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
        }
        ec_carrier_leave(&carrier, &waiter);
        i++;
    }
    ec_carrier_forget(&carrier, &listener);
    ec_listener_close(&listener);
    return NULL;
}

static void* ask_batch(void* argument) {
    static uint8_t records[BATCH * 4], outcomes[BATCH], statuses[BATCH];
    ec_batch batch = {.records = records,
                      .outcomes = outcomes,
                      .statuses = statuses,
                      .size = 4,
                      .count = BATCH,
                      .timeout_ms = EC_NO_DEADLINE,
                      .channel = 1,
                      .type = 1};
    (void)argument;
    memset(outcomes, EC_BATCH_UNENDED, sizeof outcomes);
    ec_carrier_begin_batch(&carrier, &batch);
    while (!ec_carrier_batch_ended(&carrier, &batch, 50000)) {
    }
    ec_carrier_leave_batch(&carrier, &batch);
    for (int i = 0; i < BATCH; i++) {
        __atomic_fetch_add(&done, outcomes[i] == EC_OUTCOME_DONE, __ATOMIC_RELAXED);
    }
    return NULL;
}

static int users_over;

static void* listen_and_ping(void* argument) {
    ec_inbox inbox;
    (void)argument;
    ec_inbox_init(&inbox, 16);
    inbox.type = EC_TYPE_VEHICLE;
    ec_carrier_add_inbox(&carrier, &inbox);
    while (!__atomic_load_n(&users_over, __ATOMIC_RELAXED)) {
        ec_waiter waiter;
        ec_carrier_ask_ping(&carrier, &waiter, 32);
        ec_carrier_answered(&carrier, &waiter, 2000);
        ec_carrier_leave(&carrier, &waiter);
        uint8_t* bytes;
        size_t head, tail;
        int64_t offset_ns, error_ns;
        static uint8_t copied[TRACED];
        pthread_mutex_lock(&carrier.lock);
        ec_trace_copy(&carrier.trace, copied);
        ec_inbox_take(&inbox, &bytes, &head, &tail);
        pthread_mutex_unlock(&carrier.lock);
        free(bytes);
        ec_carrier_clock(&carrier, &offset_ns, &error_ns);
        ec_carrier_keep_alive(&carrier, 1000);
    }
    ec_carrier_remove_inbox(&carrier, &inbox);
    ec_inbox_destroy(&inbox);
    return NULL;
}

static void* take_mail(void* argument) {
    int broken;
    (void)argument;
    while (!__atomic_load_n(&users_over, __ATOMIC_RELAXED)) {
        const ec_mailbox* mail = ec_carrier_mail(&carrier, 20000, &broken);
        for (size_t i = 0; i < mail->count; i++) {
            if (mail->events[i].kind == EC_EVENT_OPEN) {
                ec_carrier_know_table(&carrier, ec_schema_hash(&ec_messages));
            }
        }
    }
    return NULL;
}

/* The line goes and comes back; the boot is the same. */
static void disturb(int times) {
    for (int i = 0; i < times; i++) {
        usleep(20000);
        ec_carrier_detach(&carrier);
        ec_carrier_attach(&carrier, ends[0], 0);
    }
}

int main(void) {
    static storage memory;
    ec_memory given = EC_STORAGE_MEMORY(memory);
    ec_config config = {.role = EC_HOST, .boot_id = 7, .name = "", .version = ""};
    pthread_t device, users[ASKERS + 1], others[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    pthread_create(&device, NULL, serve, NULL);
    if (ec_carrier_start(&carrier, &config, &given) != 0) {
        return 1;
    }
    static uint8_t traced[TRACED];
    ec_carrier_trace(&carrier, traced, sizeof traced);
    ec_carrier_attach(&carrier, ends[0], 0);
    for (int i = 0; i < ASKERS; i++) {
        pthread_create(&users[i], NULL, ask, NULL);
    }
    pthread_create(&users[ASKERS], NULL, ask_batch, NULL);
    pthread_create(&others[0], NULL, listen_and_ping, NULL);
    pthread_create(&others[1], NULL, take_mail, NULL);
    disturb(20);
    for (int i = 0; i <= ASKERS; i++) {
        pthread_join(users[i], NULL);
    }
    pthread_create(&users[0], NULL, ask, NULL);
    pthread_create(&users[1], NULL, ask_as_a_loop, NULL);
    disturb(5);
    pthread_join(users[0], NULL);
    pthread_join(users[1], NULL);
    pthread_create(&users[0], NULL, ask_as_a_loop, NULL);
    disturb(2);
    pthread_join(users[0], NULL);
    __atomic_store_n(&users_over, 1, __ATOMIC_RELAXED);
    pthread_join(others[0], NULL);
    pthread_join(others[1], NULL);
    ec_carrier_destroy(&carrier);
    __atomic_store_n(&device_over, 1, __ATOMIC_RELAXED);
    pthread_join(device, NULL);
    printf("%d of %d requests done\n", done, TOTAL);
    return done != TOTAL || !carrier.trace.lost || carrier.trace.used > TRACED;
}
