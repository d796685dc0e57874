#ifndef EC_HOST_CARRIER_PARTS_H
#define EC_HOST_CARRIER_PARTS_H

/* What the files of the carrier share among themselves. All of it under the lock. */

#include "host/carrier.h"

/* Tokens of waiters, and of requests of batches, numbered on from one batch to the next; those of
 * requests answered by mail are below. */
#define EC_WAITER_TOKENS 0x80000000u
#define EC_BATCH_TOKENS 0x40000000u
#define EC_BATCH_NUMBERS 0x3FFFFFFFu

/* Writes what the session has to say, as far as the line takes it. Returns 0 when the session says
 * itself when to look again (ec_session_due), else when to look again. */
uint64_t ec_carrier_flush(ec_carrier* carrier, uint64_t now_us);

/* Sends what was queued, and sees to it that the thread looks in time at what must be repeated. */
void ec_carrier_speak(ec_carrier* carrier, uint64_t now_us);

/* Gives the session's events to those they are for. */
void ec_carrier_collect(ec_carrier* carrier, uint64_t now_us);

/* Mails that an inbox has frames, unless that was said. Into a full mailbox goes nothing; who
 * empties it asks again. */
void ec_carrier_note(ec_carrier* carrier, ec_inbox* inbox);

/* Exchanges of stamps for the clock: starts one when it is due and returns when the next is; begins
 * anew with a session; takes one. */
uint64_t ec_carrier_keep_time(ec_carrier* carrier, uint64_t now_us);
void ec_carrier_begin_time(ec_carrier* carrier, uint64_t now_us);
void ec_carrier_take_time(ec_carrier* carrier, uint64_t now_us, const ec_event* event);

/* Starts as many of the batch's requests as have room. */
void ec_carrier_fill_batch(ec_carrier* carrier, uint64_t now_us);

/* Makes an eventfd readable; -1: none. */
void ec_carrier_signal(int fd);

/* Wakes the thread if it would sleep beyond `when_us`. */
void ec_carrier_look_at(ec_carrier* carrier, uint64_t when_us);

#endif
