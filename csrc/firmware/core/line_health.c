#include "firmware/core/line_health.h"

void ec_line_health_init(ec_line_health* health, uint64_t now_us) {
    health->next_us = now_us + EC_LINE_HEALTH_PERIOD_US;
    health->damaged = health->dropped = 0;
}

void ec_line_health_step(ec_line_health* health, const ec_session* session, ec_logger* log,
                         uint64_t now_us) {
    uint32_t damaged = 0,
             dropped = ec_session_stats(session)->dropped[EC_DATA_PLACE(EC_CHANNEL_TELEMETRY)];
    if (now_us < health->next_us)
        return;
    health->next_us = now_us + EC_LINE_HEALTH_PERIOD_US;
    for (unsigned reason = 0; reason < EC_CORRUPT_REASONS; reason++)
        damaged += ec_session_decoder(session)->errors[reason];
    if (damaged != health->damaged)
        EC_LOG_WARNING(log, now_us, "line: %u damaged frames came", damaged - health->damaged);
    if (dropped != health->dropped)
        EC_LOG_WARNING(log, now_us, "line: overrun, %u frames of telemetry dropped",
                       dropped - health->dropped);
    health->damaged = damaged;
    health->dropped = dropped;
}
