#ifndef EC_FRAMES_WELCOME_H
#define EC_FRAMES_WELCOME_H

/* The one message of the protocol: what a producer answers to a reader that connects, with the
 * descriptors. A reader sends nothing, ever. */

#include "frames/stream.h"

typedef enum { EC_WELCOME, EC_NOT_ALLOWED, EC_NO_PLACE } ec_answer;

#define EC_DESCRIPTORS_MAX (2u + EC_SLOTS_MAX)

/* The stream, the reader's page, and one buffer for each slot of a stream of buffers. */
typedef struct {
    uint32_t answer;
    uint32_t count; /* of descriptors */
    int fds[EC_DESCRIPTORS_MAX];
} ec_welcome;

/* Never blocks. Returns 0 or an errno. */
int ec_welcome_send(int socket, const ec_welcome* welcome);

/* Returns 0 or an errno; EPROTO: this is no welcome; EPIPE: hung up; EAGAIN: none in time;
 * EMFILE: no descriptors left for those it carries. The descriptors are the caller's, and none are
 * left over after a failure. */
int ec_welcome_receive(int socket, ec_welcome* welcome);

/* Closes its descriptors. */
void ec_welcome_close(ec_welcome* welcome);

#endif
