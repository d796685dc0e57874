#ifndef EC_FIRMWARE_LINE_SPEED_H
#define EC_FIRMWARE_LINE_SPEED_H

/* The device's side of a quicker line: the host asks for a speed, both switch, and whoever hears
 * nothing any more goes back to the speed that the line began with. */

#include "firmware/hal.h"
#include "link/log.h"
#include "link/session.h"

/* Request on EC_CHANNEL_BULK: baud u32. Answered by the same, at the old speed. */
#define EC_LINE_SPEED 0xF8u

/* Without a valid frame for so long, a quicker line is given up. */
#define EC_LINE_SPEED_SILENCE_US 3000000u

typedef struct {
    const ec_hal* hal;
    ec_logger* log;
    uint64_t heard_us;
    uint32_t asked, current; /* baud; 0: none, the first one */
    uint32_t frames;         /* of the decoder when it was last looked at */
} ec_line_speed;

void ec_line_speed_init(ec_line_speed* speed, const ec_hal* hal, ec_logger* log);

/* Executes the request and returns the status of its RESULT; `answer` holds 4 bytes. */
uint8_t ec_line_speed_execute(ec_line_speed* speed, const ec_event* event, uint8_t* answer,
                              size_t* length);

/* When all that the session had to say was handed to the line: switches if that was asked for. */
void ec_line_speed_sent(ec_line_speed* speed, const ec_session* session, uint64_t now_us);

/* True when the line just went back to its first speed, and the session must begin anew. */
bool ec_line_speed_given_up(ec_line_speed* speed, const ec_session* session, uint64_t now_us);

/* The client left: the next one begins at the first speed. */
void ec_line_speed_line_lost(ec_line_speed* speed);

/* When to look again by itself. */
uint64_t ec_line_speed_next_us(const ec_line_speed* speed);

#endif
