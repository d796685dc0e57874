/* What each command does. The session has already made sure that it runs once and in time. */

#include "firmware/core/firmware.h"

enum { OUTPUT_LED, OUTPUT_BUZZER };

static uint8_t alert(ec_firmware* firmware, uint64_t now_us, const ec_alert* command) {
    if (command->kind != 1 || (command->level > 0 && command->duration_ms == 0))
        return EC_STATUS_BAD_ARGUMENT;
    ec_indicator_alert(&firmware->indicator, command->level, command->duration_ms * 1000u, now_us);
    firmware->records.alerts++;
    ec_firmware_trace(firmware, now_us, EC_TRACE_ALERT, command->kind, command->level,
                      command->duration_ms);
    return EC_STATUS_DONE;
}

static uint8_t set_output(ec_firmware* firmware, uint64_t now_us, const ec_set_output* command) {
    if (command->value > 1)
        return EC_STATUS_BAD_ARGUMENT;
    if (firmware->safe)
        return EC_STATUS_SAFE_STATE;
    if (command->output == OUTPUT_LED)
        firmware->indicator.led_set = command->value != 0;
    else
        firmware->indicator.buzzer_set = command->value != 0;
    ec_firmware_trace(firmware, now_us, EC_TRACE_OUTPUT, command->output, command->value, 0);
    return EC_STATUS_DONE;
}

uint8_t ec_firmware_execute(ec_firmware* firmware, uint64_t now_us, uint8_t type,
                            const uint8_t* body, size_t length) {
    union {
        ec_alert alert;
        ec_set_output set_output;
    } command;
    const ec_message_info* message = ec_schema_find(&ec_messages, type);
    if (message == NULL || message->channel != EC_CHANNEL_COMMAND)
        return EC_STATUS_UNKNOWN_TYPE;
    if (length < message->size)
        return EC_STATUS_BAD_ARGUMENT;
    ec_record_read(&command, message->size, body, length);
    if (!ec_record_valid(message, &command))
        return EC_STATUS_BAD_ARGUMENT;
    switch (type) {
    case EC_TYPE_ALERT:
        return alert(firmware, now_us, &command.alert);
    case EC_TYPE_SET_OUTPUT:
        return set_output(firmware, now_us, &command.set_output);
    default:
        return EC_STATUS_UNKNOWN_TYPE;
    }
}
