#ifndef EC_FIRMWARE_H
#define EC_FIRMWARE_H

/* The reference firmware: obeys Alert and SetOutput, reports what it measures, takes updates, and
 * goes to its safe state by itself when the host's application stops renewing its lease. A port
 * fills an ec_hal and calls ec_firmware_step in its main loop; nothing here blocks or allocates. */

#include "firmware/core/indicator.h"
#include "firmware/core/line_health.h"
#include "firmware/core/line_speed.h"
#include "firmware/core/telemetry.h"
#include "firmware/core/update.h"
#include "firmware/hal.h"
#include "link/log.h"
#include "link/session.h"

/* How long the safe state stays away after the last heartbeat. */
#ifndef EC_FIRMWARE_LEASE_MS
#    define EC_FIRMWARE_LEASE_MS 1000u
#endif
/* Commands in flight each way, and room for the largest payload of one. */
#ifndef EC_FIRMWARE_WINDOW
#    define EC_FIRMWARE_WINDOW 32
#endif
#ifndef EC_FIRMWARE_SLOT_BYTES
#    define EC_FIRMWARE_SLOT_BYTES 64
#endif
/* Log lines that wait for a host, 20 to 44 bytes each. */
#ifndef EC_FIRMWARE_LOG_BYTES
#    define EC_FIRMWARE_LOG_BYTES 448
#endif

/* RESULT status of ours: SetOutput in the safe state, where nobody would be there to undo it. */
#define EC_STATUS_SAFE_STATE 0x10u

EC_STORAGE(ec_firmware_storage, EC_FIRMWARE_WINDOW, EC_FIRMWARE_SLOT_BYTES, 2048, EC_LOG_RING_BYTES,
           128);

typedef struct {
    uint32_t commands;  /* executed, whatever their RESULT */
    uint32_t alerts;    /* of those, alerts that acted */
    uint32_t summaries; /* DetectionSummary received */
    ec_detection_summary last_summary;
} ec_firmware_records;

typedef struct {
    const ec_hal* hal;
    ec_session session;
    ec_firmware_storage storage;
    ec_logger log;
    uint8_t log_bytes[EC_FIRMWARE_LOG_BYTES];
    ec_indicator indicator;
    ec_telemetry telemetry;
    ec_update update;
    ec_line_speed line_speed;
    ec_line_health line_health;
    ec_firmware_records records;
    ec_lamps lamps;
    bool safe;
    bool stamped; /* the command in hand asks when it was received and done */
#ifndef EC_NO_AUTH
    ec_auth auth;
#endif
    uint32_t boot_id;
    uint16_t output_length, output_at;
    uint8_t output[256];
} ec_firmware;

/* Boots: safe state, lamps accordingly. `hal` outlives the firmware. False when the HAL's boot id
 * is 0. */
bool ec_firmware_init(ec_firmware* firmware, const ec_hal* hal);

/* Does all that is due and returns when it wants to be called again, on the HAL's clock; earlier
 * when bytes have come. */
uint64_t ec_firmware_step(ec_firmware* firmware);

/* The port saw the line close: what was half sent is forgotten and the next host is greeted. */
void ec_firmware_line_lost(ec_firmware* firmware);

/* Executes a command and returns the status of its RESULT; see commands.c. */
uint8_t ec_firmware_execute(ec_firmware* firmware, uint64_t now_us, uint8_t type,
                            const uint8_t* body, size_t length);

void ec_firmware_trace(const ec_firmware* firmware, uint64_t now_us, ec_trace_kind kind, uint32_t a,
                       uint32_t b, uint32_t c);

#endif
