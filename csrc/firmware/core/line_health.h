#ifndef EC_FIRMWARE_LINE_HEALTH_H
#define EC_FIRMWARE_LINE_HEALTH_H

/* Logs what the line costs: frames that came damaged (noise, or a receiver that was overrun), and
 * telemetry that was dropped because the line took no more. */

#include "link/log.h"

#define EC_LINE_HEALTH_PERIOD_US 1000000u

typedef struct {
    uint64_t next_us;
    uint32_t damaged, dropped; /* since boot, as last seen */
} ec_line_health;

void ec_line_health_init(ec_line_health* health, uint64_t now_us);

/* Looks once a period, when it is called. */
void ec_line_health_step(ec_line_health* health, const ec_session* session, ec_logger* log,
                         uint64_t now_us);

#endif
