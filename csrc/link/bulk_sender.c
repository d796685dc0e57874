#include "link/bulk_sender.h"

#include "link/parts.h"

#include <string.h>

enum { AT_TRANSFER = 0, AT_STAMP = 2, AT_STATUS = 4, AT_OFFSET = 4, AT_STORED = 8, AT_LIMIT = 12 };

#define WAIT_FIRST_US 300000u
#define WAIT_LEAST_US 20000u
#define WAIT_MOST_US 1000000u

void ec_sender_init(ec_sender* s, uint16_t transfer, uint32_t length, uint32_t byte_ns) {
    memset(s, 0, sizeof *s);
    s->transfer = transfer;
    s->length = length;
    s->byte_ns = byte_ns;
    s->shortest_us = UINT32_MAX;
    uint32_t largest = byte_ns != 0 ? EC_BULK_LONGEST_NS / byte_ns : EC_BULK_FRAGMENT_MAX;
    largest = largest < EC_BULK_FRAGMENT_MIN   ? EC_BULK_FRAGMENT_MIN
              : largest > EC_BULK_FRAGMENT_MAX ? EC_BULK_FRAGMENT_MAX
                                               : largest;
    s->largest = (uint16_t)(largest / EC_BULK_GRAIN * EC_BULK_GRAIN);
    s->fragment = s->largest;
    ec_sender_restart(s);
}

void ec_sender_restart(ec_sender* s) {
    s->answered = false;
    s->timing = false;
    s->status = EC_BULK_RECEIVING;
    s->flight_count = 0;
    s->next = s->stored = s->limit = 0;
    s->since = s->stamp;
    s->due_us = 0;
    s->wait_us = WAIT_FIRST_US;
}

bool ec_sender_over(const ec_sender* s) {
    return s->answered && s->status != EC_BULK_RECEIVING && s->status != EC_BULK_VERIFYING;
}

uint64_t ec_sender_due(const ec_sender* s) {
    return ec_sender_over(s) ? UINT64_MAX : s->due_us;
}

/* Whether the receiver holds the grain at `offset`, by its last report. */
static bool is_held(const ec_sender* s, uint32_t offset) {
    if (offset < s->stored) {
        return true;
    }
    uint32_t grain = (offset - s->stored) / EC_BULK_GRAIN;
    return grain < 8u * sizeof s->held && (s->held[grain / 8u] >> grain % 8u & 1u) != 0;
}

static bool is_held_whole(const ec_sender* s, const ec_flight* flight) {
    for (uint32_t at = 0; at < flight->length; at += EC_BULK_GRAIN) {
        if (!is_held(s, flight->offset + at)) {
            return false;
        }
    }
    return true;
}

static void grow(ec_sender* s) {
    uint32_t grown = s->fragment + EC_BULK_GROWTH;
    s->fragment = grown < s->largest ? (uint16_t)grown : s->largest;
}

static void shrink(ec_sender* s) {
    uint32_t shrunk = s->fragment - s->fragment / 4u;
    s->fragment = shrunk > EC_BULK_FRAGMENT_MIN ? (uint16_t)shrunk : EC_BULK_FRAGMENT_MIN;
}

/* Drops what has arrived and marks what is lost. */
static void settle(ec_sender* s, uint16_t seen) {
    uint8_t kept = 0;
    bool lost = false;
    for (uint8_t i = 0; i < s->flight_count; i++) {
        ec_flight flight = s->flights[i];
        if (is_held_whole(s, &flight)) {
            grow(s);
            continue;
        }
        if (!flight.lost && (int16_t)(seen - flight.stamp) >= 0) {
            flight.lost = lost = true;
        }
        s->flights[kept++] = flight;
    }
    s->flight_count = kept;
    if (lost) {
        shrink(s);
    }
}

/* Jacobson and Karels, SIGCOMM 1988. Stamps tell what was sent twice apart, so every sample is
 * good. */
static void sample(ec_sender* s, uint64_t now, uint16_t seen) {
    if (s->timing && (int16_t)(seen - s->timed_stamp) >= 0) {
        uint64_t elapsed = now > s->timed_us ? now - s->timed_us : 0;
        uint32_t rtt = elapsed < WAIT_MOST_US ? (uint32_t)elapsed : WAIT_MOST_US;
        uint32_t off = rtt > s->srtt_us ? rtt - s->srtt_us : s->srtt_us - rtt;
        bool first = s->srtt_us == 0;
        s->shortest_us = rtt < s->shortest_us ? rtt : s->shortest_us;
        s->rttvar_us = first ? rtt / 2u : (3u * s->rttvar_us + off) / 4u;
        s->srtt_us = first ? rtt + 1u : (7u * s->srtt_us + rtt) / 8u + 1u;
        s->timing = false;
    }
    if (s->srtt_us != 0) {
        uint32_t wait = s->srtt_us + 4u * s->rttvar_us;
        s->wait_us = wait < WAIT_LEAST_US  ? WAIT_LEAST_US
                     : wait < WAIT_MOST_US ? wait
                                           : WAIT_MOST_US;
    }
    s->due_us = now + s->wait_us;
}

bool ec_sender_report(ec_sender* s, uint64_t now, const uint8_t* body, size_t length) {
    if (length < EC_BULK_REPORT_BYTES || length > EC_BULK_REPORT_MAX ||
        ec_get_u16(body + AT_TRANSFER) != s->transfer) {
        return false;
    }
    uint16_t seen = ec_get_u16(body + AT_STAMP);
    uint32_t stored = ec_get_u32(body + AT_STORED), limit = ec_get_u32(body + AT_LIMIT);
    if ((int16_t)(seen - s->since) <= 0 || (int16_t)(s->stamp - seen) < 0 || stored > s->length ||
        limit < stored || (stored % EC_BULK_GRAIN != 0 && stored != s->length)) {
        return false;
    }
    if (!s->answered || stored < s->stored) { /* it goes on from there, whatever was sent before */
        s->flight_count = 0;
        s->next = stored;
    }
    s->answered = true;
    s->status = body[AT_STATUS];
    s->stored = stored;
    s->limit = limit < s->length ? limit / EC_BULK_GRAIN * EC_BULK_GRAIN : s->length;
    memset(s->held, 0, sizeof s->held);
    memcpy(s->held, body + EC_BULK_REPORT_BYTES, length - EC_BULK_REPORT_BYTES);
    s->next = s->next < stored ? stored : s->next;
    settle(s, seen);
    sample(s, now, seen);
    return true;
}

static void stamp(ec_sender* s, uint64_t now, ec_send* send) {
    s->stamp++;
    if (!s->timing) {
        s->timing = true;
        s->timed_stamp = s->stamp;
        s->timed_us = now;
    }
    ec_put_u16(send->head + AT_TRANSFER, s->transfer);
    ec_put_u16(send->head + AT_STAMP, s->stamp);
}

static void fill_fragment(ec_sender* s, uint64_t now, const ec_flight* flight, ec_send* send) {
    stamp(s, now, send);
    ec_put_u32(send->head + AT_OFFSET, flight->offset);
    send->kind = EC_SEND_FRAGMENT;
    send->offset = flight->offset;
    send->length = flight->length;
    send->head_bytes = EC_BULK_HEAD_BYTES;
}

/* The lowest lost fragment; its tail stays behind, still lost, when it is longer than the line now
 * bears. */
static bool resend(ec_sender* s, uint64_t now, ec_send* send) {
    ec_flight* first = NULL;
    for (uint8_t i = 0; i < s->flight_count; i++) {
        ec_flight* flight = &s->flights[i];
        if (flight->lost && (first == NULL || flight->offset < first->offset)) {
            first = flight;
        }
    }
    if (first == NULL) {
        return false;
    }
    uint16_t bearable = (uint16_t)(s->fragment / EC_BULK_GRAIN * EC_BULK_GRAIN);
    if (first->length > bearable && s->flight_count < EC_BULK_FLIGHTS) {
        ec_flight* tail = &s->flights[s->flight_count++];
        *tail = *first;
        tail->offset += bearable;
        tail->length = (uint16_t)(first->length - bearable);
        first->length = bearable;
    }
    fill_fragment(s, now, first, send);
    first->stamp = s->stamp;
    first->lost = false;
    s->resent++;
    return true;
}

/* Whether the line has enough to do until the next report. */
static bool is_busy(const ec_sender* s) {
    if (s->byte_ns == 0) {
        return false;
    }
    uint32_t under_way = 0;
    for (uint8_t i = 0; i < s->flight_count; i++) {
        under_way += s->flights[i].lost ? 0 : s->flights[i].length;
    }
    uint64_t round_trip = (uint64_t)s->shortest_us * 1000u / s->byte_ns;
    return under_way >= 2u * s->largest + round_trip;
}

static bool send_new(ec_sender* s, uint64_t now, ec_send* send) {
    while (s->next < s->limit && is_held(s, s->next)) {
        s->next += s->limit - s->next < EC_BULK_GRAIN ? s->limit - s->next : EC_BULK_GRAIN;
    }
    if (s->next >= s->limit || s->flight_count == EC_BULK_FLIGHTS || is_busy(s)) {
        return false;
    }
    uint32_t room = s->limit - s->next, take = s->fragment / EC_BULK_GRAIN * EC_BULK_GRAIN;
    if (take >= room) {
        /* Less than a fragment of credit waits for more, unless nothing else is under way. */
        if (s->limit != s->length && s->flight_count != 0 && take > room) {
            return false;
        }
        take = s->limit == s->length ? room : room / EC_BULK_GRAIN * EC_BULK_GRAIN;
        if (take == 0) {
            return false;
        }
    }
    ec_flight* flight = &s->flights[s->flight_count++];
    flight->offset = s->next;
    flight->length = (uint16_t)take;
    flight->lost = false;
    fill_fragment(s, now, flight, send);
    flight->stamp = s->stamp;
    s->next += take;
    return true;
}

ec_send ec_sender_next(ec_sender* s, uint64_t now) {
    ec_send send;
    memset(&send, 0, sizeof send);
    if (ec_sender_over(s)) {
        return send;
    }
    if (s->answered && s->status == EC_BULK_RECEIVING &&
        (resend(s, now, &send) || send_new(s, now, &send))) {
        return send;
    }
    if (now >= s->due_us) {
        stamp(s, now, &send);
        send.kind = EC_SEND_OFFER;
        send.head_bytes = AT_OFFSET;
        s->due_us = now + s->wait_us;
        s->wait_us = 2u * s->wait_us < WAIT_MOST_US ? 2u * s->wait_us : WAIT_MOST_US;
    }
    return send;
}
