#include "link/command.h"

uint8_t ec_command_execute(const ec_command* commands, size_t count, void* context, uint64_t now_us,
                           uint8_t type, const uint8_t* body, size_t length) {
    const ec_message_info* message = ec_schema_find(&ec_messages, type);
    if (message == NULL || message->channel != EC_CHANNEL_COMMAND) {
        return EC_STATUS_UNKNOWN_TYPE;
    }
    for (size_t i = 0; i < count; i++) {
        if (commands[i].type == type) {
            ec_record record;
            if (!ec_record_read(message, &record, body, length)) {
                return EC_STATUS_BAD_ARGUMENT;
            }
            return commands[i].execute(context, now_us, &record);
        }
    }
    return EC_STATUS_UNKNOWN_TYPE;
}
