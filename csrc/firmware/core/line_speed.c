#include "firmware/core/line_speed.h"

#include <string.h>

void ec_line_speed_init(ec_line_speed* speed, const ec_hal* hal, ec_logger* log) {
    memset(speed, 0, sizeof *speed);
    speed->hal = hal;
    speed->log = log;
}

uint8_t ec_line_speed_execute(ec_line_speed* speed, const ec_event* event, uint8_t* answer,
                              size_t* length) {
    const ec_hal* hal = speed->hal;
    uint32_t baud;
    if (hal->set_line_speed == NULL)
        return EC_STATUS_UNKNOWN_TYPE;
    if (event->length < sizeof baud)
        return EC_STATUS_BAD_ARGUMENT;
    memcpy(&baud, event->body, sizeof baud);
    if (baud == 0 || baud > hal->line_speed_max)
        return EC_STATUS_BAD_ARGUMENT;
    speed->asked = baud;
    memcpy(answer, &baud, sizeof baud);
    *length = sizeof baud;
    return EC_STATUS_DONE;
}

void ec_line_speed_sent(ec_line_speed* speed, const ec_session* session, uint64_t now_us) {
    if (speed->asked == 0)
        return;
    speed->hal->set_line_speed(speed->hal->port, speed->asked);
    speed->current = speed->asked;
    speed->asked = 0;
    EC_LOG_INFO(speed->log, now_us, "line: %u baud", speed->current);
    speed->heard_us = now_us;
    speed->frames = ec_session_decoder(session)->frames;
}

static void go_back(ec_line_speed* speed) {
    if (speed->current != 0)
        speed->hal->set_line_speed(speed->hal->port, 0);
    speed->current = speed->asked = 0;
}

bool ec_line_speed_given_up(ec_line_speed* speed, const ec_session* session, uint64_t now_us) {
    uint32_t frames = ec_session_decoder(session)->frames;
    if (speed->current == 0)
        return false;
    if (frames != speed->frames) {
        speed->frames = frames;
        speed->heard_us = now_us;
        return false;
    }
    if (now_us - speed->heard_us < EC_LINE_SPEED_SILENCE_US)
        return false;
    EC_LOG_WARNING(speed->log, now_us, "line: nothing heard at %u baud, back to the first speed",
                   speed->current);
    go_back(speed);
    return true;
}

void ec_line_speed_line_lost(ec_line_speed* speed) {
    go_back(speed);
}

uint64_t ec_line_speed_next_us(const ec_line_speed* speed) {
    return speed->current != 0 ? speed->heard_us + EC_LINE_SPEED_SILENCE_US : UINT64_MAX;
}
