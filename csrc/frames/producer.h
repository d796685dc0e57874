#ifndef EC_FRAMES_PRODUCER_H
#define EC_FRAMES_PRODUCER_H

/* The end of a stream that has the camera. Nothing here blocks, whatever readers do, and no signal
 * is raised. One thread at a time.
 *
 *     for each picture:  slot = claim  ->  write its pixels  ->  publish
 *     when ec_producer_fd is readable:  serve */

#include "frames/door.h"
#include "frames/writer.h"

#define EC_UIDS_MAX 16u

typedef struct {
    const char* path;    /* of the socket */
    uint32_t slots;      /* 2 .. EC_SLOTS_MAX */
    uint64_t slot_bytes; /* 1 .. EC_SLOT_BYTES_MAX */
    const int* buffers;  /* one for each slot, kept open by the caller; or NULL: memory of ours */
    const uid_t* uids;   /* users that may read, beside the producer's own */
    size_t uid_count;    /* at most EC_UIDS_MAX */
} ec_producer_config;

typedef struct {
    ec_writer writer;
    ec_door door;
    int memory_fd, poll_fd;
    int sockets[EC_READERS_MAX]; /* of those that have a page */
    bool has_buffers;
    int buffers[EC_SLOTS_MAX];
    uint8_t* pixels[EC_SLOTS_MAX];
    uid_t uids[EC_UIDS_MAX + 1];
    size_t uid_count;
    bool unheard;     /* someone knocks whom no descriptor was left for */
    uint64_t refused; /* connections */
} ec_producer;

/* Returns 0 or an errno; EINVAL: a number out of range; EPERM: a buffer could be shortened, or is
 * too short; those of ec_door_open. */
int ec_producer_open(ec_producer* producer, const ec_producer_config* config);

/* Hangs up on all readers. Slots keep their memory until ec_producer_free. */
void ec_producer_close(ec_producer* producer);
void ec_producer_free(ec_producer* producer);

/* Readable when ec_producer_serve has something to do; for the caller's own poll. */
int ec_producer_fd(const ec_producer* producer);

/* Welcomes readers that connected; takes the leases of those that are gone, or that sent anything.
 * ec_producer_claim does the same by itself. */
void ec_producer_serve(ec_producer* producer);

/* As those of ec_writer; a slot's pixels are in producer.pixels. */
int ec_producer_claim(ec_producer* producer);
bool ec_producer_publish(ec_producer* producer, int slot, const ec_picture* picture);
void ec_producer_abandon(ec_producer* producer, int slot);

uint32_t ec_producer_readers(const ec_producer* producer);

#endif
