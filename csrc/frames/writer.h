#ifndef EC_FRAMES_WRITER_H
#define EC_FRAMES_WRITER_H

/* The producer's half of the protocol: atomics on shared memory, and no system calls. One thread at
 * a time. */

#include "frames/stream.h"

#define EC_NO_SLOT (-1)

typedef struct {
    ec_stream* stream;
    ec_page* pages[EC_READERS_MAX]; /* of each reader; NULL: none there */
    uint64_t claimed;               /* bit s: slot s is being written */
    uint64_t sequence;              /* of the last picture, published or dropped */
    bool hidden; /* since it was last cleared, a picture could not be seen for a moment */
} ec_writer;

/* Makes memory of ec_stream_bytes, all zero, a stream. */
void ec_writer_init(ec_writer* writer, ec_stream* stream, uint32_t slots, uint64_t slot_bytes,
                    uint32_t buffers);

/* A slot to write into: an empty one, or that of the oldest picture nobody reads. EC_NO_SLOT: each
 * is leased or claimed; a picture is then dropped, and takes its sequence number with it. */
int ec_writer_claim(ec_writer* writer);

/* Makes a claimed slot the newest picture. False: it was not claimed, or the description does not
 * fit; nothing has changed then. */
bool ec_writer_publish(ec_writer* writer, int slot, const ec_picture* picture);

/* Gives a claimed slot back, empty. */
void ec_writer_abandon(ec_writer* writer, int slot);

/* Bit s: some reader holds slot s. */
uint64_t ec_writer_leased(const ec_writer* writer);

#endif
