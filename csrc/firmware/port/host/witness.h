#ifndef EC_FIRMWARE_HOST_WITNESS_H
#define EC_FIRMWARE_HOST_WITNESS_H

/* Sees one direction of a line on both ends and says whether a frame came out that never went in.
 * It has decoders of its own, so it sees what the real ones accept, without asking them. */

#include "link/frame.h"

#define EC_WITNESS_FRAMES 4096u

typedef struct {
    ec_decoder sender, receiver;
    uint8_t sender_buffer[EC_FRAME_MAX], receiver_buffer[EC_FRAME_MAX];
    uint64_t recent[EC_WITNESS_FRAMES]; /* hashes of the frames last sent */
    uint32_t next;
    uint64_t sent, accepted, rejected;
    uint64_t foreign; /* accepted, never sent: a corrupted frame that passed */
} ec_witness;

void ec_witness_init(ec_witness* witness);

/* Bytes that go onto the line, before it does anything to them. */
void ec_witness_sent(ec_witness* witness, const uint8_t* data, size_t length);

/* Bytes that come off the line. */
void ec_witness_received(ec_witness* witness, const uint8_t* data, size_t length);

#endif
