#include "link/log.h"

#include "link/parts.h"

/* In the queue a line is its body without the build. */
enum { AT_NUMBER = 0, AT_TIME = 4, AT_TOKEN = 12, AT_WORDS = 16 };
#define BUILD_BYTES 4u
#define LEVEL_SHIFT 30u

/* Of the section that holds the words; the linker knows where it begins. Weak: a program may have
 * none. */
extern const char __start_ec_log_strings[] __attribute__((weak));

void ec_logger_init(ec_logger* log, uint8_t* bytes, size_t capacity, const uint8_t* build_id) {
    ec_ring_init(&log->queue, bytes, capacity);
    log->build = build_id != NULL ? ec_get_u32(build_id) : 0;
    log->number = 0;
    log->next_us = 0;
}

void ec_logger_write(ec_logger* log, uint64_t now_us, uint8_t level, const char* entry,
                     uint8_t count, const uint32_t* words) {
    uint8_t line[AT_WORDS + 4u * EC_LOG_ARGUMENTS];
    uint32_t place = (uint32_t)((uintptr_t)entry - (uintptr_t)__start_ec_log_strings);
    uint16_t length = (uint16_t)(AT_WORDS + 4u * count);
    uint32_t number = log->number++;
    if (log->queue.capacity - log->queue.used < EC_RING_ENTRY_BYTES + length) {
        return;
    }
    ec_put_u32(line + AT_NUMBER, number);
    ec_put_u64(line + AT_TIME, now_us);
    ec_put_u32(line + AT_TOKEN, (uint32_t)level << LEVEL_SHIFT | place);
    for (uint8_t i = 0; i < count; i++) {
        ec_put_u32(line + AT_WORDS + 4u * i, words[i]);
    }
    (void)ec_ring_push(&log->queue, 0, 0, line, length);
}

uint64_t ec_logger_step(ec_logger* log, ec_session* session, uint64_t now_us) {
    uint8_t body[EC_LOG_LINE_BYTES + 4u * EC_LOG_ARGUMENTS];
    ec_frame line;
    if (!ec_session_open(session) || log->queue.used == 0) {
        return EC_NEVER;
    }
    if (now_us < log->next_us) {
        return log->next_us;
    }
    log->next_us = now_us + EC_LOG_INTERVAL_US;
    if (session->rings[EC_DATA_PLACE(EC_CHANNEL_LOG)].used ==
        0) { /* else the line has no room for logs now */
        (void)ec_ring_pop(&log->queue, &line, body + BUILD_BYTES);
        ec_put_u32(body, log->build);
        (void)ec_session_publish(session, EC_CHANNEL_LOG, EC_LOG_LINE, body,
                                 BUILD_BYTES + line.length);
    }
    return log->queue.used != 0 ? log->next_us : EC_NEVER;
}
