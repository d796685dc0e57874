/* What each command does. The session has already made sure that it runs once and in time. */

#include "firmware/core/firmware.h"
#include "link/command.h"

enum { OUTPUT_LED, OUTPUT_BUZZER };
enum { KNOWN_ALERTS = 6 }; /* kinds 1 to 6, as messages.inc lists them */

static uint8_t alert(void* context, uint64_t now_us, const void* record) {
    ec_firmware* firmware = context;
    const ec_alert* command = record;
    if (command->kind > KNOWN_ALERTS || (command->level > 0 && command->duration_ms == 0))
        return EC_STATUS_BAD_ARGUMENT;
    ec_indicator_alert(&firmware->indicator, command->level, command->duration_ms * 1000u, now_us);
    firmware->records.alerts++;
    firmware->stamped = command->stamped != 0;
    ec_firmware_trace(firmware, now_us, EC_TRACE_ALERT, command->kind, command->level,
                      command->duration_ms);
    return EC_STATUS_DONE;
}

static uint8_t set_output(void* context, uint64_t now_us, const void* record) {
    ec_firmware* firmware = context;
    const ec_set_output* command = record;
    if (command->value > 1)
        return EC_STATUS_BAD_ARGUMENT;
    if (firmware->safe)
        return EC_STATUS_SAFE_STATE;
    if (command->output == OUTPUT_LED)
        firmware->indicator.led_set = command->value != 0;
    else
        firmware->indicator.buzzer_set = command->value != 0;
    firmware->stamped = command->stamped != 0;
    ec_firmware_trace(firmware, now_us, EC_TRACE_OUTPUT, command->output, command->value, 0);
    return EC_STATUS_DONE;
}

static const ec_command commands[] = {
    {EC_TYPE_ALERT, alert},
    {EC_TYPE_SET_OUTPUT, set_output},
};

uint8_t ec_firmware_execute(ec_firmware* firmware, uint64_t now_us, uint8_t type,
                            const uint8_t* body, size_t length) {
    return ec_command_execute(commands, sizeof commands / sizeof commands[0], firmware, now_us,
                              type, body, length);
}
