#ifndef EC_LINK_SLOTS_H
#define EC_LINK_SLOTS_H

/* The slots of requests: what asking.c, answering.c and reliable.c share. */

#include "link/parts.h"

/* Bodies of REQUEST and RESULT, before the payload. */
enum { EC_AT_SESSION = 0, EC_AT_ID = 2, EC_AT_DEADLINE = 4, EC_AT_STATUS = 4 };
#define EC_WIRE_NO_DEADLINE 0xFFFFu

static inline uint8_t* ec_out_bytes(const ec_session* s, const ec_slot* slot) {
    return s->memory.outbound_bytes + (size_t)(slot - s->memory.outbound) * s->memory.slot_bytes;
}

static inline ec_slot* ec_in_slot(const ec_session* s, uint16_t id) {
    return &s->memory.inbound[id & (s->memory.window - 1u)];
}

static inline uint8_t* ec_in_bytes(const ec_session* s, const ec_slot* slot) {
    return s->memory.inbound_bytes + (size_t)(slot - s->memory.inbound) * s->memory.slot_bytes;
}

static inline bool ec_on_the_way(const ec_slot* slot) {
    return slot->state == EC_SLOT_SENT || slot->state == EC_SLOT_ACKED;
}

/* asking.c: own requests. */

/* Ends one, to be reported unless that was done already. */
void ec_asking_resolve(ec_session* s, ec_slot* slot, ec_outcome outcome, uint8_t status);

/* Reports deadlines that passed; a request on the wire stays in its slot until its RESULT comes. */
bool ec_asking_expire(ec_session* s, uint64_t now, ec_event* event);
bool ec_asking_report(ec_session* s, ec_event* event);

/* answering.c: reports the next request of the peer's that the application is to execute. */
bool ec_answering_deliver(ec_session* s, uint64_t now, ec_event* event);

#endif
