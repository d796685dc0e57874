#ifndef EC_HOST_CARRIER_PARTS_H
#define EC_HOST_CARRIER_PARTS_H

/* What the files of the carrier share among themselves. All of it under the lock. */

#include "host/carrier.h"

/* Tokens of waiters, and of requests of batches, numbered on from one batch to the next; those of
 * requests answered by mail are below. */
#define EC_WAITER_TOKENS 0x80000000u
#define EC_BATCH_TOKENS 0x40000000u
#define EC_BATCH_NUMBERS 0x3FFFFFFFu

/* Between looks while there is no line or it takes no more. */
#define EC_LOOK_US 20000u

/* Writes what the session has to say, as far as the line takes it. Returns 0 when the session says
 * itself when to look again (ec_session_due), else when to look again. */
uint64_t ec_carrier_flush(ec_carrier* carrier, uint64_t now_us);

/* Sends what was queued, and sees to it that the thread looks in time at what must be repeated. */
void ec_carrier_speak(ec_carrier* carrier, uint64_t now_us);

/* The attached line is of no use any more: errno, EPIPE at its end. */
void ec_carrier_broke(ec_carrier* carrier, int number);

/* The thread; ends when `stopping`. */
void* ec_carrier_run(void* carrier);

/* A caller was answered, `listener` as in ec_waiter. If nobody else waits, it may read the line
 * itself when it asks again soon. */
void ec_carrier_invite(ec_carrier* carrier, uint64_t now_us, ec_listener* listener);

/* Something was asked for `listener`, or for nobody who would read the answer: NULL. */
void ec_carrier_expect(ec_carrier* carrier, uint64_t now_us, const ec_listener* listener);

/* The line is left to callers no longer. */
void ec_carrier_call_thread(ec_carrier* carrier);

/* Gives the session's events to those they are for. Silence and deadlines are judged as of when the
 * line was listened to last: a host that was kept from listening must not blame the device. */
void ec_carrier_collect(ec_carrier* carrier, uint64_t now_us);

/* Mails that an inbox has frames, unless that was said. Into a full mailbox goes nothing; who
 * empties it asks again. */
void ec_carrier_note(ec_carrier* carrier, ec_inbox* inbox);

/* Exchanges of stamps for the clock, and for callers that ping: starts one; starts one when the
 * clock's is due and returns when the next is; begins anew with a session; takes one. */
void ec_carrier_ping(ec_carrier* carrier, uint64_t now_us);
uint64_t ec_carrier_keep_time(ec_carrier* carrier, uint64_t now_us);
void ec_carrier_begin_time(ec_carrier* carrier, uint64_t now_us);
void ec_carrier_take_time(ec_carrier* carrier, uint64_t now_us, const ec_event* event);

/* Starts as many of the batch's requests as have room. */
void ec_carrier_fill_batch(ec_carrier* carrier, uint64_t now_us);

/* Reads the line until `waiter` is answered or until `until_us`, if it was left to callers. Called
 * without the lock. */
void ec_carrier_lead(ec_carrier* carrier, const ec_waiter* waiter, uint64_t until_us);

/* Makes an eventfd readable; -1: none. */
void ec_carrier_signal(int fd);

/* Wakes the thread if it would sleep beyond `when_us`. */
void ec_carrier_look_at(ec_carrier* carrier, uint64_t when_us);

#endif
