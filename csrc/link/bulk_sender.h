#ifndef EC_LINK_BULK_SENDER_H
#define EC_LINK_BULK_SENDER_H

/* The sending half of a transfer: says which bytes go next, within the receiver's credit, and
 * learns from its reports what is lost. It holds no bytes; its owner reads them where they are
 * kept.
 *
 * Frames of one session arrive in the order in which they were sent, or not at all. So each carries
 * a stamp, a report names the last one seen, and what was sent before it and is not held is lost.
 * Nothing is sent again for another reason; when no report comes in time, the offer asks for one.
 *
 * On a line of known pace no more is under way than two fragments and what the shortest round trip
 * carries: enough to keep it busy, and so little that a lost fragment's next try comes soon.
 *
 * A fragment's length follows the line: a quarter less for a loss, EC_BULK_GROWTH more for an
 * arrival. With h bytes of overhead a frame and bit errors at rate e the best length is
 * sqrt(h / 8e), and these two steps balance at sqrt(4 EC_BULK_GROWTH / 8e). */

#include "link/bulk.h"

#define EC_BULK_LONGEST_NS 50000000u
/* A quarter of the overhead: delimiter, COBS, header, CRC, head of the fragment. */
#define EC_BULK_GROWTH 5u
#define EC_BULK_FRAGMENT_MIN (2u * EC_BULK_GRAIN)
/* Enough for a whole window of the shortest. */
#define EC_BULK_FLIGHTS (EC_BULK_WINDOW_MAX / EC_BULK_FRAGMENT_MIN)

typedef struct {
    uint32_t offset;
    uint16_t length, stamp;
    bool lost;
} ec_flight;

typedef struct {
    uint32_t length, next; /* all of it; the first byte never sent since the last restart */
    uint32_t stored, limit;
    uint16_t transfer, stamp;   /* stamp: of the last frame sent */
    uint16_t since;             /* the same at the last restart: no older report counts */
    uint16_t fragment, largest; /* length of the next fragment, and its bound */
    uint8_t status, flight_count;
    bool answered; /* a report has come since the last restart */
    bool timing;   /* timed_stamp is out, to measure a round trip */
    uint16_t timed_stamp;
    uint64_t timed_us, due_us; /* due_us: when to ask again */
    uint32_t srtt_us, rttvar_us, wait_us, shortest_us;
    uint32_t byte_ns;                /* of a byte on the line; 0: not known */
    uint32_t resent;                 /* fragments */
    uint8_t held[EC_BULK_MAP_BYTES]; /* of the last report */
    ec_flight flights[EC_BULK_FLIGHTS];
} ec_sender;

typedef enum {
    EC_SEND_NOTHING, /* before ec_sender_due, or until a report comes */
    EC_SEND_OFFER,   /* head, then the manifest, as EC_BULK_OFFER */
    EC_SEND_FRAGMENT /* head, then `length` bytes from `offset`, as EC_BULK_FRAGMENT */
} ec_send_kind;

typedef struct {
    ec_send_kind kind;
    uint32_t offset;
    uint16_t length, head_bytes;
    uint8_t head[EC_BULK_HEAD_BYTES];
} ec_send;

/* `transfer` differs from those of other senders lately. `byte_ns` is the time of a byte on the
 * line, 0 when it is not known: no fragment takes longer than EC_BULK_LONGEST_NS there, but for the
 * shortest. */
void ec_sender_init(ec_sender* sender, uint16_t transfer, uint32_t length, uint32_t byte_ns);

/* A session began: nothing of the last one is under way, and the receiver may have been reset. */
void ec_sender_restart(ec_sender* sender);

/* Takes the body of an EC_BULK_REPORT; false when it is of another transfer or makes no sense. */
bool ec_sender_report(ec_sender* sender, uint64_t now_us, const uint8_t* body, size_t length);

/* What to send now. It counts as sent. */
ec_send ec_sender_next(ec_sender* sender, uint64_t now_us);

/* When ec_sender_next has something again if no report comes; UINT64_MAX once it is over. */
uint64_t ec_sender_due(const ec_sender* sender);

/* Whether the last report ends the transfer: done, active or refused. */
bool ec_sender_over(const ec_sender* sender);

#endif
