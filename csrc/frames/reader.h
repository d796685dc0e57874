#ifndef EC_FRAMES_READER_H
#define EC_FRAMES_READER_H

/* A reader's half of the protocol: atomics on shared memory, and no system calls. One thread at a
 * time takes; any may release. */

#include "frames/stream.h"

typedef struct {
    const ec_stream* stream;
    ec_page* page;
    uint64_t slot_bytes; /* what the header said when it was checked: it may lie later */
    uint32_t slots;
    uint64_t seen; /* sequence of the last picture taken; 0: none */
} ec_reader;

/* One picture, which stays as it is until it is released. */
typedef struct {
    ec_picture picture;
    uint64_t sequence;
    uint32_t slot;
} ec_lease;

/* Why there is no lease. */
typedef enum {
    EC_TAKEN,
    EC_NOTHING_NEW,
    EC_UNFIT, /* its description does not fit the slot: this producer is not to be believed */
} ec_taken;

/* `buffers` is as in ec_stream. False: this is not the header of such a stream, or one that does
 * not fit into `bytes`. */
bool ec_reader_init(ec_reader* reader, const ec_stream* stream, uint64_t bytes, uint32_t buffers,
                    ec_page* page);

/* Leases the newest picture, if it is newer than the last one. */
ec_taken ec_reader_take(ec_reader* reader, ec_lease* lease);

/* Whether there is a picture to take, newer than `seen`. */
bool ec_reader_has_news(const ec_reader* reader);

void ec_reader_release(ec_reader* reader, uint32_t slot);

/* Bit s: slot s is leased. */
uint64_t ec_reader_held(const ec_reader* reader);

#endif
