/* A device that logs to a host, both in this program and in virtual time, for
 * tests/link/test_logs.py:
 *
 *     logging lines           one line of each kind
 *     logging vectors         the lines of standard input: time, level, place, arguments; numbers
 *     logging flood N EVERY   N lines a millisecond for a second, a request each EVERY ms
 *
 * Each body that reaches the host is printed in hexadecimal. */

#include "firmware/port/host/build.h"
#include "link/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_US 1000u
#define LINE_BYTES 12u /* a step's worth of 115200 baud */

EC_STORAGE(storage, 8, 64, 256, EC_LOG_RING_BYTES, 0);

extern const char __start_ec_log_strings[];

static storage device_memory, host_memory;
static ec_session device, host;
static ec_logger logger;
static uint8_t queue[448];
static uint64_t now_us;
static unsigned done;
static uint64_t asked_us[1000], slowest_us;

static void begin(ec_session* session, storage* memory, ec_role role) {
    ec_memory room = EC_STORAGE_MEMORY(*memory);
    ec_config config;
    memset(&config, 0, sizeof config);
    config.role = role;
    config.boot_id = 1u + (uint32_t)role;
    config.name = config.version = "";
    config.schema = &ec_messages;
    if (!ec_session_init(session, &config, &room, now_us))
        abort();
}

static void print(const uint8_t* body, size_t length) {
    for (size_t i = 0; i < length; i++)
        printf("%02x", body[i]);
    printf("\n");
}

static void handle(ec_session* session, const ec_event* event) {
    if (event->kind == EC_EVENT_DATA && event->type == EC_LOG_LINE)
        print(event->body, event->length);
    else if (event->kind == EC_EVENT_REQUEST)
        (void)ec_session_result(session, event->handle, EC_STATUS_DONE, NULL, 0);
    else if (event->kind == EC_EVENT_OUTCOME && event->outcome == EC_OUTCOME_DONE) {
        uint64_t took_us = now_us - asked_us[event->token];
        slowest_us = took_us > slowest_us ? took_us : slowest_us;
        done++;
    }
}

static void carry(ec_session* from, ec_session* to) {
    uint8_t bytes[LINE_BYTES];
    ec_event event;
    size_t length = ec_session_output(from, now_us, bytes, sizeof bytes), at = 0;
    do {
        at += ec_session_input(to, now_us, bytes + at, length - at);
        while (ec_session_event(to, now_us, &event))
            handle(to, &event);
    } while (at < length);
}

static void step(void) {
    (void)ec_logger_step(&logger, &device, now_us);
    carry(&device, &host);
    carry(&host, &device);
    now_us += STEP_US;
}

static void run(unsigned milliseconds) {
    for (unsigned i = 0; i < milliseconds; i++)
        step();
}

static void log_lines(void) {
    unsigned char small = 200;
    short negative = -7;
    double wide = 0.1;
    EC_LOG_DEBUG(&logger, now_us, "nothing to add, 100 %%");
    EC_LOG_INFO(&logger, now_us, "%u of %d", small, negative);
    EC_LOG_WARNING(&logger, now_us, "%08x %X %o %c", 0xBEEFu, 0xFFFFFFFFu, 8u, 'z');
    EC_LOG_ERROR(&logger, now_us, "%.3f %g %e", 1.5f, wide, -2.0f);
    EC_LOG_INFO(&logger, now_us, "%d %i %u %5.1f %-4d|%04d", INT32_MIN, -1, UINT32_MAX, 2.25, 3, 4);
}

static void log_vectors(void) {
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char* at = line;
        uint32_t words[EC_LOG_ARGUMENTS];
        uint64_t t_us = strtoull(at, &at, 0);
        uint8_t level = (uint8_t)strtoul(at, &at, 0), count = 0;
        uint32_t place = (uint32_t)strtoul(at, &at, 0);
        while (*at == ' ')
            words[count++] = (uint32_t)strtoul(at, &at, 0);
        ec_logger_write(&logger, t_us, level, __start_ec_log_strings + place, count, words);
        run(50);
    }
}

static void flood(unsigned lines, unsigned every_ms) {
    unsigned asked = 0;
    for (unsigned i = 0; i < 1000; i++) {
        for (unsigned n = 0; n < lines; n++)
            EC_LOG_ERROR(&logger, now_us, "flood %u %u %u %u %u %u", i, n, 3u, 4u, 5u, 6u);
        asked_us[asked] = now_us;
        if (i % every_ms == 0 && ec_session_request(&host, now_us, EC_CHANNEL_COMMAND, 1, NULL, 0,
                                                    EC_NO_DEADLINE, asked) == EC_ACCEPTED)
            asked++;
        step();
    }
    run(2000);
    EC_LOG_INFO(&logger, now_us, "over");
    run(50);
    printf("%u of %u requests done, the slowest in %u us\n", done, asked, (unsigned)slowest_us);
}

int main(int count, char** arguments) {
    const char* what = count > 1 ? arguments[1] : "";
    begin(&device, &device_memory, EC_DEVICE);
    begin(&host, &host_memory, EC_HOST);
    memset(&logger, 0xA5, sizeof logger); /* nothing is owed to memory that happens to be zero */
    ec_logger_init(&logger, queue, sizeof queue, strcmp(what, "vectors") ? ec_build_id() : NULL);
    if (strcmp(what, "lines") == 0)
        log_lines(); /* before there is a session */
    run(1000);
    if (strcmp(what, "vectors") == 0)
        log_vectors();
    else if (strcmp(what, "flood") == 0 && count > 3)
        flood((unsigned)atoi(arguments[2]), (unsigned)atoi(arguments[3]));
    return 0;
}
