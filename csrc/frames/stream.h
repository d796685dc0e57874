#ifndef EC_FRAMES_STREAM_H
#define EC_FRAMES_STREAM_H

/* The memory that a producer of pictures shares with its readers; docs/ring.md has the protocol.
 *
 *     stream: one memfd, which readers map read-only         page: a memfd for each reader
 *     +--------+---------------------+--------+--------+     +--------+------+
 *     | header | 64 x sequence,      | slot 0 | slot 1 |     | leases | bell |
 *     | newest |      description    | pixels | pixels |     +--------+------+
 *     +--------+---------------------+--------+--------+     written by the reader
 *     written by the producer alone
 *
 * The pixels of a stream of buffers lie in descriptors of their own instead, one for each slot. */

#include "frames/picture.h"

#include <stdatomic.h>
#include <stddef.h>

#define EC_STREAM_MAGIC 0x52464345u /* "ECFR" */
#define EC_STREAM_VERSION 1u
#define EC_SLOTS_MAX 64u /* as many as a lease word has bits */
#define EC_READERS_MAX 64u
#define EC_SLOT_ALIGNMENT 4096u

/* `newest` holds a sequence number and, in the low bits, its slot. */
#define EC_SLOT_BITS 6u
#define EC_NEWEST(sequence, slot) ((sequence) << EC_SLOT_BITS | (slot))

typedef struct {
    _Alignas(64) _Atomic uint64_t sequence; /* of the picture in it; 0: none, or being written */
    ec_picture picture;
} ec_stream_slot;

typedef struct {
    uint32_t magic, version;
    uint32_t slots;      /* 2 .. EC_SLOTS_MAX */
    uint32_t buffers;    /* 1: the pixels lie in descriptors; 0: behind this header */
    uint64_t slot_bytes; /* pixels that a slot has room for */
    _Alignas(64) _Atomic uint64_t newest; /* 0: nothing was published yet */
    _Atomic uint64_t dropped;             /* pictures that found no slot */
    ec_stream_slot slot[EC_SLOTS_MAX];
} ec_stream;

/* Whatever stands in it harms none but the reader whose page it is. */
typedef struct {
    _Atomic uint64_t leases; /* bit s: slot s is being read */
    _Atomic uint32_t bell;   /* see bell.h */
} ec_page;

/* Processes must agree on every byte, and none may hold a lock that another one waits for. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "atomics without locks");
_Static_assert(sizeof(ec_picture_plane) == 24 && sizeof(ec_picture) == 120, "no gaps");
_Static_assert(sizeof(ec_stream_slot) == 128 && offsetof(ec_stream, slot) == 128, "no surprise");

#define EC_STREAM_PIXELS 12288u /* where slot 0 begins */
_Static_assert(sizeof(ec_stream) <= EC_STREAM_PIXELS, "the header ends before the pixels");

/* Bytes from slot to slot, and of the whole stream. */
static inline uint64_t ec_stream_step(uint64_t slot_bytes) {
    return (slot_bytes + EC_SLOT_ALIGNMENT - 1) / EC_SLOT_ALIGNMENT * EC_SLOT_ALIGNMENT;
}

static inline uint64_t ec_stream_bytes(uint32_t slots, uint64_t slot_bytes, uint32_t buffers) {
    return EC_STREAM_PIXELS + (buffers ? 0 : slots * ec_stream_step(slot_bytes));
}

/* 64 slots of this are still counted in 63 bits. */
#define EC_SLOT_BYTES_MAX (UINT64_C(1) << 40)

#endif
