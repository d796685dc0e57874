#ifndef EC_FRAMES_CONSUMER_H
#define EC_FRAMES_CONSUMER_H

/* A reader's end of a stream. One thread at a time takes and waits; any may release. What a
 * producer gives is checked before it is used, so a hostile one can show wrong pixels and no more.
 *
 *     take  ->  EAGAIN: wait, or arm and poll ec_consumer_fd, then take again  ->  release
 *
 * Pixels stay mapped until ec_consumer_close, and stay as they are until released, even when the
 * producer is dead. */

#include "frames/reader.h"

typedef struct {
    ec_reader reader;
    int socket;
    uint64_t bytes; /* of the stream */
    bool has_buffers;
    int buffers[EC_SLOTS_MAX];
    const uint8_t* pixels[EC_SLOTS_MAX];
} ec_consumer;

/* Returns 0 or an errno; ENOENT, ECONNREFUSED: no producer there; EACCES: it does not serve this
 * user; EUSERS: it has as many readers as it can have; EAGAIN: no answer within `timeout_us`;
 * EPIPE: it went away; EPROTO: what answered is no producer of this version; EPERM: its memory
 * could be shortened, or is too short. */
int ec_consumer_open(ec_consumer* consumer, const char* path, uint64_t timeout_us);
void ec_consumer_close(ec_consumer* consumer);

/* Returns 0 or an errno; EAGAIN: no newer picture; EPROTO: its description does not fit. */
int ec_consumer_take(ec_consumer* consumer, ec_lease* lease);
void ec_consumer_release(ec_consumer* consumer, uint32_t slot);

/* Sleeps until there is a newer picture. Returns 0, EAGAIN: not within `timeout_us`, or EPIPE: the
 * producer is gone, and so are the pictures it had not yet published. */
int ec_consumer_wait(ec_consumer* consumer, uint64_t timeout_us);

/* For an event loop: ec_consumer_fd becomes readable with the next picture, or when the producer is
 * gone. False: there is a newer picture already. */
bool ec_consumer_arm(ec_consumer* consumer);
int ec_consumer_fd(const ec_consumer* consumer);

/* Takes what made it readable. Returns 0, or EPIPE as ec_consumer_wait does. */
int ec_consumer_drain(ec_consumer* consumer);

#endif
