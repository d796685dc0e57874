#include "firmware/core/firmware.h"
#include "link/command.h"

#include <string.h>

#define FIRMWARE_NAME "edgecore-reference"
#ifndef EC_FIRMWARE_VERSION
#    define EC_FIRMWARE_VERSION "0.1.0"
#endif
#define RECEIVE_CHUNK 256u
#define RECEIVE_CHUNKS_A_STEP 64u

void ec_firmware_trace(const ec_firmware* firmware, uint64_t now_us, ec_trace_kind kind, uint32_t a,
                       uint32_t b, uint32_t c) {
    ec_trace trace = {now_us, a, b, c, kind};
    firmware->hal->trace(firmware->hal->port, &trace);
}

static void set_safe(ec_firmware* firmware, uint64_t now_us, bool safe) {
    if (safe == firmware->safe)
        return;
    firmware->safe = safe;
    ec_indicator_warn(&firmware->indicator, safe, now_us);
    ec_firmware_trace(firmware, now_us, safe ? EC_TRACE_SAFE : EC_TRACE_ACTIVE, 0, 0, 0);
    if (safe)
        EC_LOG_WARNING(&firmware->log, now_us,
                       "safe state: no application vouches for the outputs");
    else
        EC_LOG_INFO(&firmware->log, now_us, "active: the application lives");
}

static void drive_lamps(ec_firmware* firmware, uint64_t now_us) {
    const ec_hal* hal = firmware->hal;
    ec_lamps lamps = ec_indicator_lamps(&firmware->indicator, now_us);
    if (lamps.led != firmware->lamps.led)
        hal->set_led(hal->port, lamps.led);
    if (lamps.buzzer != firmware->lamps.buzzer)
        hal->set_buzzer(hal->port, lamps.buzzer);
    firmware->lamps = lamps;
}

#ifndef EC_NO_AUTH

/* What a host may ask for that has not proven the key: what runs here. */
static const uint8_t open_types[] = {EC_UPDATE_STATE};

/* Gives the session the key that the port has; false when it may not start. */
static bool give_key(ec_firmware* firmware, ec_config* config) {
    const ec_hal* hal = firmware->hal;
    ec_auth* auth = &firmware->auth;
    if (hal->link_key == NULL)
        return true;
    memcpy(auth->key, hal->link_key, sizeof auth->key);
    auth->open_types = open_types;
    auth->open_count = sizeof open_types;
    config->auth = auth;
    return hal->entropy == NULL || hal->entropy(hal->port, auth->seed, sizeof auth->seed);
}

#endif

static void log_boot(ec_firmware* firmware, uint64_t now_us) {
    const ec_hal* hal = firmware->hal;
    uint32_t boots = hal->boots(hal->port);
    if (boots == 1)
        EC_LOG_INFO(&firmware->log, now_us, "boot %08x: power came on", firmware->boot_id);
    else
        EC_LOG_WARNING(&firmware->log, now_us, "boot %08x: reset, boot %u of this power-on",
                       firmware->boot_id, boots);
}

bool ec_firmware_init(ec_firmware* firmware, const ec_hal* hal) {
    uint64_t now_us = hal->now_us(hal->port);
    memset(firmware, 0, sizeof *firmware);
    firmware->hal = hal;
    firmware->boot_id = hal->boot_id(hal->port);
    ec_logger_init(&firmware->log, firmware->log_bytes, sizeof firmware->log_bytes, hal->build_id);

    ec_config config;
    memset(&config, 0, sizeof config);
    config.role = EC_DEVICE;
    config.boot_id = firmware->boot_id;
    config.name = FIRMWARE_NAME;
    config.version = EC_FIRMWARE_VERSION;
    config.schema = &ec_messages;
    config.lease_max_ms = EC_FIRMWARE_LEASE_MS;
#ifndef EC_NO_AUTH
    if (!give_key(firmware, &config))
        return false;
#endif
    ec_memory memory = EC_STORAGE_MEMORY(firmware->storage);
    if (!ec_session_init(&firmware->session, &config, &memory, now_us))
        return false;

    ec_indicator_init(&firmware->indicator);
    ec_telemetry_init(&firmware->telemetry, now_us);
    log_boot(firmware, now_us);
    ec_update_init(&firmware->update, hal, &firmware->log, now_us);
    ec_line_speed_init(&firmware->line_speed, hal, &firmware->log);
    ec_line_health_init(&firmware->line_health, now_us);
    hal->set_led(hal->port, false);
    hal->set_buzzer(hal->port, false);
    ec_firmware_trace(firmware, now_us, EC_TRACE_BOOT, firmware->boot_id, 0, 0);
    set_safe(firmware, now_us, true);
    drive_lamps(firmware, now_us);
    return true;
}

/* Executes a command and, if it asks for that, answers when. */
static uint8_t obey(ec_firmware* firmware, uint64_t now_us, const ec_event* event, uint8_t* answer,
                    size_t* length) {
    const ec_hal* hal = firmware->hal;
    ec_stamps stamps;
    firmware->stamped = false;
    stamps.received_us = hal->now_us(hal->port);
    uint8_t status = ec_firmware_execute(firmware, now_us, event->type, event->body, event->length);
    if (status != EC_STATUS_DONE || !firmware->stamped)
        return status;
    drive_lamps(firmware, now_us);
    stamps.actuated_us = hal->now_us(hal->port);
    memcpy(answer, &stamps, sizeof stamps);
    *length = sizeof stamps;
    return status;
}

static void execute(ec_firmware* firmware, uint64_t now_us, const ec_event* event) {
    uint8_t answer[EC_UPDATE_STATE_BYTES], status;
    size_t length = 0;
    if (event->channel == EC_CHANNEL_BULK && event->type == EC_LINE_SPEED)
        status = ec_line_speed_execute(&firmware->line_speed, event, answer, &length);
    else if (event->channel == EC_CHANNEL_BULK)
        status = ec_update_execute(&firmware->update, now_us, event, answer, &length);
    else
        status = obey(firmware, now_us, event, answer, &length);
    firmware->records.commands++;
    if (status != EC_STATUS_DONE)
        ec_firmware_trace(firmware, now_us, EC_TRACE_REFUSED, event->type, status, 0);
    (void)ec_session_result(&firmware->session, event->handle, status, answer, length);
}

static void note(ec_firmware* firmware, const ec_event* event) {
    ec_detection_summary summary;
    if (event->type != EC_TYPE_DETECTION_SUMMARY ||
        !ec_record_read(ec_schema_find(&ec_messages, event->type), &summary, event->body,
                        event->length))
        return;
    firmware->records.last_summary = summary;
    firmware->records.summaries++;
}

static void handle(ec_firmware* firmware, uint64_t now_us, const ec_event* event) {
    switch (event->kind) {
    case EC_EVENT_REQUEST:
        execute(firmware, now_us, event);
        break;
    case EC_EVENT_DATA:
        if (event->channel == EC_CHANNEL_BULK)
            ec_update_data(&firmware->update, now_us, event);
        else
            note(firmware, event);
        break;
    case EC_EVENT_LEASE_HELD:
        set_safe(firmware, now_us, false);
        break;
    case EC_EVENT_LEASE_LOST:
        set_safe(firmware, now_us, true);
        break;
    case EC_EVENT_OPEN:
        ec_firmware_trace(firmware, now_us, EC_TRACE_CONNECTED, 0, 0, 0);
        break;
    case EC_EVENT_SILENT:
        ec_firmware_trace(firmware, now_us, EC_TRACE_DISCONNECTED, 0, 0, 0);
        break;
    default:
        break;
    }
}

static void handle_events(ec_firmware* firmware, uint64_t now_us) {
    ec_event event;
    while (ec_session_event(&firmware->session, now_us, &event))
        handle(firmware, now_us, &event);
}

/* A time read before the bytes were taken may be from before they came, and is no stamp of theirs.
 */
static void receive(ec_firmware* firmware) {
    const ec_hal* hal = firmware->hal;
    uint8_t data[RECEIVE_CHUNK];
    for (unsigned chunk = 0; chunk < RECEIVE_CHUNKS_A_STEP; chunk++) {
        size_t length = hal->receive(hal->port, data, sizeof data);
        uint64_t now_us = hal->now_us(hal->port);
        for (size_t at = 0; at < length;) {
            at += ec_session_input(&firmware->session, now_us, data + at, length - at);
            handle_events(firmware, now_us);
        }
        if (length < sizeof data)
            return;
    }
}

/* Returns false when the line takes no more for now. */
static bool transmit(ec_firmware* firmware) {
    const ec_hal* hal = firmware->hal;
    for (;;) {
        size_t left = (size_t)(firmware->output_length - firmware->output_at);
        if (left == 0) {
            firmware->output_at = 0;
            firmware->output_length =
                (uint16_t)ec_session_output(&firmware->session, hal->now_us(hal->port),
                                            firmware->output, sizeof firmware->output);
            if (firmware->output_length == 0)
                return true;
            continue;
        }
        size_t taken = hal->transmit(hal->port, firmware->output + firmware->output_at, left);
        firmware->output_at = (uint16_t)(firmware->output_at + taken);
        if (taken < left)
            return false;
    }
}

static void report(ec_firmware* firmware, uint64_t now_us) {
    ec_status status;
    memset(&status, 0, sizeof status);
    status.state = firmware->safe ? 1 : 0;
    status.led = (uint8_t)ec_indicator_led(&firmware->indicator);
    status.buzzer = (uint8_t)ec_indicator_buzzer(&firmware->indicator);
    status.alert_level = firmware->indicator.alert_level;
    status.alerts = firmware->records.alerts;
    status.boot_id = firmware->boot_id;
    ec_telemetry_step(&firmware->telemetry, &firmware->session, firmware->hal, now_us, &status);
}

static uint64_t earlier(uint64_t a_us, uint64_t b_us) {
    return a_us < b_us ? a_us : b_us;
}

uint64_t ec_firmware_step(ec_firmware* firmware) {
    firmware->hal->kick_watchdog(firmware->hal->port);
    receive(firmware);
    uint64_t now_us = firmware->hal->now_us(firmware->hal->port);
    handle_events(firmware, now_us);
    if (ec_line_speed_given_up(&firmware->line_speed, &firmware->session, now_us))
        ec_firmware_line_lost(firmware);
    if (ec_indicator_expire(&firmware->indicator, now_us))
        ec_firmware_trace(firmware, now_us, EC_TRACE_ALERT_END, 0, 0, 0);
    drive_lamps(firmware, now_us);
    report(firmware, now_us);
    uint64_t update_us = ec_update_step(&firmware->update, &firmware->session, now_us);
    ec_line_health_step(&firmware->line_health, &firmware->session, &firmware->log, now_us);
    uint64_t log_us = ec_logger_step(&firmware->log, &firmware->session, now_us);
    uint64_t due_us = earlier(ec_telemetry_next_us(&firmware->telemetry),
                              ec_indicator_next_us(&firmware->indicator, now_us));
    due_us = earlier(earlier(due_us, update_us), log_us);
    if (transmit(firmware)) { /* a full line calls the port back by itself */
        ec_line_speed_sent(&firmware->line_speed, &firmware->session, now_us);
        due_us = earlier(due_us, ec_session_due(&firmware->session, now_us));
    }
    return earlier(due_us, ec_line_speed_next_us(&firmware->line_speed));
}

void ec_firmware_line_lost(ec_firmware* firmware) {
    firmware->output_length = 0;
    firmware->output_at = 0;
    ec_line_speed_line_lost(&firmware->line_speed);
    ec_session_reopen(&firmware->session, firmware->hal->now_us(firmware->hal->port));
}
