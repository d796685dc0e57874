/* The least that a device is: one command, one message of telemetry, a window of four. For
 * bench/firmware_size.py, which links it and never runs it. */

#include "link/session.h"

#define REGISTER(address) (*(volatile uint32_t*)(address))
#define RECEIVED REGISTER(0x40000000)
#define TO_SEND REGISTER(0x40000004)
#define COUNTER REGISTER(0x40000008)

EC_STORAGE(storage, 4, 64, 256, 0, 0);
static storage memory;
static ec_session session;

static const ec_message_info message = {.name = "level", .channel = EC_CHANNEL_TELEMETRY};
static const ec_schema schema = {.messages = &message, .count = 1};

void reset_handler(void) {
    ec_memory given = EC_STORAGE_MEMORY(memory);
    ec_config config = {
        .role = EC_DEVICE, .boot_id = 1, .name = "", .version = "", .schema = &schema};
    (void)ec_session_init(&session, &config, &given, COUNTER);
    for (;;) {
        uint64_t now_us = COUNTER;
        uint8_t byte = (uint8_t)RECEIVED, out[16];
        ec_event event;
        (void)ec_session_input(&session, now_us, &byte, 1);
        while (ec_session_event(&session, now_us, &event)) {
            if (event.kind == EC_EVENT_REQUEST) {
                (void)ec_session_result(&session, event.handle, EC_STATUS_DONE, NULL, 0);
            }
        }
        (void)ec_session_publish(&session, EC_CHANNEL_TELEMETRY, message.type, &byte, 1);
        size_t length = ec_session_output(&session, now_us, out, sizeof out);
        for (size_t i = 0; i < length; i++) {
            TO_SEND = out[i];
        }
        if (ec_session_due(&session, now_us) > now_us) {
            __asm volatile("wfi");
        }
    }
}
