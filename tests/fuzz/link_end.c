#include "fuzz/link_targets.h"

enum { SLOT_BYTES = 32, RING_BYTES = 96, LOG_BYTES = 100 };

void end_open(end* self, ec_role role, uint8_t window, bool keyed) {
    static const uint8_t open_types[] = {0x70};
    memset(self, 0, sizeof *self);
    self->outbound = calloc(window, sizeof(ec_slot));
    self->inbound = calloc(window, sizeof(ec_slot));
    for (size_t i = 0; i < 5; i++) {
        self->block[i] = malloc(i < 2 ? (size_t)window * SLOT_BYTES : RING_BYTES);
    }
    ec_slots slots = {self->outbound, self->inbound, self->block[0],
                      self->block[1], SLOT_BYTES,    window};
    ec_memory memory = {.slots = slots,
                        .telemetry = self->block[2],
                        .log = self->block[3],
                        .bulk = self->block[4],
                        .telemetry_bytes = RING_BYTES,
                        .log_bytes = RING_BYTES,
                        .bulk_bytes = RING_BYTES};
    ec_config config = {.role = role,
                        .boot_id = role == EC_HOST ? 0x1111u : 0x2222u,
                        .name = "end",
                        .version = "1",
                        .schema = role == EC_DEVICE ? &ec_messages : NULL,
                        .auth = keyed ? &self->auth : NULL};
    self->auth = (ec_auth){.key = {1, 2, 3},
                           .required = true,
                           .open_types = open_types,
                           .open_count = sizeof open_types};
    self->log_bytes = malloc(LOG_BYTES);
    ec_logger_init(&self->log, self->log_bytes, LOG_BYTES, NULL);
    check(ec_session_init(&self->session, &config, &memory, 0), "the session opens");
}

void end_close(end* self) {
    free(self->outbound);
    free(self->inbound);
    free(self->log_bytes);
    for (size_t i = 0; i < 5; i++) {
        free(self->block[i]);
    }
}

void end_act(end* self, bytes* in, uint64_t now) {
    uint8_t what = take_byte(in);
    uint8_t payload[SLOT_BYTES + 2] = {0};
    size_t length = take_byte(in) % sizeof payload;
    switch (what % 6) {
    case 0:
    case 1: {
        uint32_t token = self->asked;
        payload[0] = (uint8_t)token;
        if (token == END_TOKENS) {
            break;
        }
        uint32_t timeout = what & 64 ? EC_NO_DEADLINE : (uint32_t)take_byte(in) * 4u;
        if (ec_session_request(&self->session, now, EC_CHANNEL_COMMAND, 0x70, payload,
                               length ? length : 1, timeout, token) == EC_ACCEPTED) {
            self->asked++;
        }
        break;
    }
    case 2:
        if (what & 128) { /* no channel has such a number */
            const uint32_t words[EC_LOG_ARGUMENTS] = {length};
            ec_logger_write(&self->log, now, what >> 5 & 3, NULL,
                            (uint8_t)(length % (EC_LOG_ARGUMENTS + 1u)), words);
            break;
        }
        ec_session_publish(&self->session, (uint8_t)(what >> 4), what, payload, length);
        break;
    case 3:
        ec_session_keep_alive(&self->session, now, (uint16_t)(length * 20u));
        break;
    case 4:
        ec_session_ping(&self->session, (uint16_t)(length * 20u));
        break;
    default:
        ec_session_reopen(&self->session, now);
    }
}

void end_events(end* self, uint64_t now) {
    ec_event event;
    for (uint32_t n = 0; ec_session_event(&self->session, now, &event); n++) {
        check(n < 4096, "events come to an end");
        uint8_t sum = 0;
        for (size_t i = 0; i < event.length && event.body != NULL; i++) {
            sum = (uint8_t)(sum + event.body[i]); /* readable to the last byte */
        }
        if (event.kind == EC_EVENT_REQUEST) {
            uint8_t token = event.length > 0 ? event.body[0] : 0;
            check(!self->peer_is_end || (event.type == 0x70 && sum == token),
                  "a request is as it was asked");
            if (event.deadline_us == EC_NEVER || event.deadline_us >= now) {
                self->executions[token]++;
                self->executed++;
                ec_session_result(&self->session, event.handle, EC_STATUS_DONE, &sum, 1);
            } else {
                ec_session_result(&self->session, event.handle, EC_STATUS_LATE, NULL, 0);
            }
        } else if (event.kind == EC_EVENT_DATA) {
            check(!self->peer_is_end || event.type == EC_LOG_LINE || sum == 0,
                  "data is as it was published");
        } else if (event.kind == EC_EVENT_OUTCOME) {
            check(event.token < self->asked, "an outcome is of a request that was asked");
            check(self->outcomes[event.token]++ == 0, "a request ends once");
            self->done[event.token] = event.outcome == EC_OUTCOME_DONE;
            self->ended++;
        }
    }
}

void end_hear(end* self, uint64_t now, const uint8_t* data, size_t length) {
    uint8_t* block = malloc(length);
    if (length > 0) {
        memcpy(block, data, length);
    }
    size_t at = 0;
    for (uint32_t idle = 0; at < length;) {
        size_t used = ec_session_input(&self->session, now, block + at, length - at);
        check(used <= length - at, "no more is used than was given");
        idle = used == 0 ? idle + 1 : 0;
        check(idle < 2, "input goes on once the events are taken");
        at += used;
        end_events(self, now);
    }
    free(block);
    end_events(self, now);
}

uint8_t* end_say(end* self, uint64_t now, size_t capacity, size_t* length) {
    uint8_t* block = malloc(capacity);
    uint64_t log_due = ec_logger_step(&self->log, &self->session, now);
    check(log_due == EC_NEVER || log_due > now, "a log that is due was handed over");
    *length = ec_session_output(&self->session, now, block, capacity);
    check(*length <= capacity, "no more is said than fits");
    return block;
}
