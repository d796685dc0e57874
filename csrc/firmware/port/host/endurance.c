#include "firmware/port/host/endurance.h"

#include <string.h>

#define CHUNK 128u
#define FIFO_BYTES 256u
#define KEEP_ALIVE_US 300000u
/* What is still under way when all is done arrives within this time. */
#define DRAIN_US 2000000u

static ec_alert command_of(uint32_t n) {
    uint32_t id = n % EC_ENDURANCE_IDS;
    ec_alert alert = {1, (uint8_t)(1 + id / 65535u), (uint16_t)(1 + id % 65535u), 0};
    return alert;
}

/* The newest issued command with this id, or `commands` when there is none. */
static uint32_t number_of(const ec_endurance* run, uint32_t level, uint32_t duration_ms) {
    uint32_t id = (level - 1) * 65535u + duration_ms - 1;
    if (run->result.issued == 0 || id >= run->result.issued)
        return run->options.commands;
    uint32_t laps = (run->result.issued - 1 - id) / EC_ENDURANCE_IDS;
    return id + laps * EC_ENDURANCE_IDS;
}

static void count_up(uint8_t* counter) {
    if (*counter < UINT8_MAX)
        (*counter)++;
}

/* The device's HAL: every alert that acts passes here. */
static void on_trace(void* port, const ec_trace* trace) {
    ec_endurance* run = ((ec_board*)port)->owner;
    if (trace->kind != EC_TRACE_ALERT)
        return;
    uint32_t n = number_of(run, trace->b, trace->c);
    run->result.executed++;
    if (n == run->options.commands) {
        run->result.unasked++;
        return;
    }
    count_up(&run->options.executions[n]);
    if (n == run->options.inject_double) {
        ec_alert again = command_of(n);
        run->options.inject_double = EC_NO_INJECTION;
        (void)ec_firmware_execute(&run->firmware, run->now_us, EC_TYPE_ALERT,
                                  (const uint8_t*)&again, sizeof again);
    }
}

static void on_event(ec_endurance* run, const ec_event* event) {
    if (event->kind == EC_EVENT_DATA)
        run->result.telemetry++;
    if (event->kind != EC_EVENT_OUTCOME)
        return;
    run->resolved++;
    if (event->token >= run->options.commands)
        return;
    count_up(&run->options.outcomes[event->token]);
    if (event->outcome == EC_OUTCOME_DONE)
        run->result.done++;
    else
        run->result.misreported++;
}

static void take_events(ec_endurance* run) {
    ec_event event;
    while (ec_session_event(&run->host, run->now_us, &event))
        on_event(run, &event);
}

static void plant_foreign_frame(ec_endurance* run) {
    static const uint8_t body[] = "nobody sent this";
    ec_frame frame = {EC_KIND_DATA, EC_CHANNEL_TELEMETRY, 0, EC_TYPE_LOG, body, sizeof body};
    uint8_t wire[64];
    size_t length = ec_frame_encode(&frame, true, wire, sizeof wire);
    ec_line_send(&run->to_device, run->now_us, wire, length);
}

static void issue(ec_endurance* run) {
    while (run->result.issued < run->options.commands) {
        uint32_t n = run->result.issued;
        ec_alert alert = command_of(n);
        if (n == run->options.inject_loss)
            run->resolved++;
        else if (ec_session_request(&run->host, run->now_us, EC_CHANNEL_COMMAND, EC_TYPE_ALERT,
                                    (const uint8_t*)&alert, sizeof alert, EC_NO_DEADLINE,
                                    n) != EC_ACCEPTED)
            return;
        if (n == run->options.inject_foreign)
            plant_foreign_frame(run);
        run->result.issued++;
    }
}

static void host_turn(ec_endurance* run) {
    uint8_t data[CHUNK];
    size_t length;
    while ((length = ec_line_receive(&run->to_host, run->now_us, data, sizeof data)) > 0) {
        ec_witness_received(&run->host_ear, data, length);
        for (size_t at = 0; at < length;) {
            at += ec_session_input(&run->host, run->now_us, data + at, length - at);
            take_events(run);
        }
    }
    take_events(run);
    if (run->now_us >= run->alive_us) {
        ec_session_keep_alive(&run->host, run->now_us, EC_FIRMWARE_LEASE_MS);
        run->alive_us = run->now_us + KEEP_ALIVE_US;
    }
    issue(run);
    while (ec_line_free_us(&run->to_device) <= run->now_us) {
        length = ec_session_output(&run->host, run->now_us, data, sizeof data);
        if (length == 0)
            break;
        ec_witness_sent(&run->device_ear, data, length);
        ec_line_send(&run->to_device, run->now_us, data, length);
    }
}

static uint64_t device_turn(ec_endurance* run) {
    uint8_t data[CHUNK];
    size_t length;
    while ((length = ec_line_receive(&run->to_device, run->now_us, data, sizeof data)) > 0) {
        ec_witness_received(&run->device_ear, data, length);
        (void)ec_queue_put(&run->board.to_device, data, length);
    }
    run->board.now_us = run->now_us;
    uint64_t due_us = ec_firmware_step(&run->firmware);
    while (ec_line_free_us(&run->to_host) <= run->now_us) {
        length = ec_queue_take(&run->board.from_device, data, sizeof data);
        if (length == 0)
            break;
        ec_witness_sent(&run->host_ear, data, length);
        ec_line_send(&run->to_host, run->now_us, data, length);
        due_us = run->now_us; /* there is room for more */
    }
    return due_us;
}

static uint64_t earlier(uint64_t a_us, uint64_t b_us) {
    return a_us < b_us ? a_us : b_us;
}

static uint64_t later(uint64_t a_us, uint64_t b_us) {
    return a_us > b_us ? a_us : b_us;
}

/* The next instant at which anything can happen; a busy line holds its sender back. */
static uint64_t next_us(const ec_endurance* run, uint64_t device_due_us) {
    uint64_t host_us =
        later(ec_session_due(&run->host, run->now_us), ec_line_free_us(&run->to_device));
    uint64_t next = earlier(host_us, run->alive_us);
    next = earlier(next, device_due_us);
    if (run->board.from_device.used > 0)
        next = earlier(next, ec_line_free_us(&run->to_host));
    next = earlier(next, ec_line_next_us(&run->to_device));
    next = earlier(next, ec_line_next_us(&run->to_host));
    return later(next, run->now_us + 1);
}

static bool start(ec_endurance* run) {
    memset(run->options.executions, 0, run->options.commands);
    memset(run->options.outcomes, 0, run->options.commands);
    ec_line_init(&run->to_device, &run->options.to_device);
    ec_line_init(&run->to_host, &run->options.to_host);
    ec_witness_init(&run->device_ear);
    ec_witness_init(&run->host_ear);

    ec_board_init(&run->board, 1, run->options.to_device.seed, 0);
    run->board.owner = run;
    run->board.fifo_bytes = FIFO_BYTES;
    run->hal = ec_board_hal(&run->board);
    run->hal.trace = on_trace;

    ec_config config;
    memset(&config, 0, sizeof config);
    config.role = EC_HOST;
    config.boot_id = 2;
    config.name = "endurance";
    config.version = "1";
    ec_memory memory = EC_STORAGE_MEMORY(run->storage);
    return ec_firmware_init(&run->firmware, &run->hal) &&
           ec_session_init(&run->host, &config, &memory, 0);
}

static void conclude(ec_endurance* run) {
    ec_endurance_result* result = &run->result;
    for (uint32_t n = 0; n < run->options.commands; n++) {
        result->lost += run->options.executions[n] == 0;
        result->doubled += run->options.executions[n] > 1;
        result->misreported += run->options.outcomes[n] != 1;
    }
    result->virtual_us = run->now_us;
    result->frames_to_device = run->device_ear.accepted;
    result->frames_to_host = run->host_ear.accepted;
    result->rejected = run->device_ear.rejected + run->host_ear.rejected;
    result->foreign = run->device_ear.foreign + run->host_ear.foreign;
    result->retransmits = ec_session_stats(&run->host)->retransmits;
    result->duplicates = ec_session_stats(&run->firmware.session)->duplicates;
    result->to_device = run->to_device.counts;
    result->to_host = run->to_host.counts;
}

bool ec_endurance_run(ec_endurance* run, const ec_endurance_options* options,
                      ec_endurance_result* result) {
    memset(run, 0, sizeof *run);
    run->options = *options;
    if (!start(run))
        return false;
    uint64_t end_us = options->limit_us;
    while (run->now_us < end_us) {
        host_turn(run);
        run->now_us = next_us(run, device_turn(run));
        if (run->resolved >= options->commands && end_us == options->limit_us)
            end_us = run->now_us + DRAIN_US;
    }
    conclude(run);
    *result = run->result;
    return true;
}
