#ifndef EC_HOST_CARRIER_PARTS_H
#define EC_HOST_CARRIER_PARTS_H

/* What the files of the carrier share among themselves. All of it under the lock. */

#include "host/carrier.h"

/* Tokens of waiters; those of requests answered by mail are below. */
#define EC_WAITER_TOKENS 0x80000000u

/* Writes what the session has to say, as far as the line takes it. Returns 0 when the session says
 * itself when to look again (ec_session_due), else when to look again. */
uint64_t ec_carrier_flush(ec_carrier* carrier, uint64_t now_us);

/* Gives the session's events to those they are for. */
void ec_carrier_collect(ec_carrier* carrier, uint64_t now_us);

/* Wakes the thread if it would sleep beyond `when_us`. */
void ec_carrier_look_at(ec_carrier* carrier, uint64_t when_us);

#endif
