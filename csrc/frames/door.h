#ifndef EC_FRAMES_DOOR_H
#define EC_FRAMES_DOOR_H

/* The Unix socket at which readers find a producer. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

typedef struct {
    int socket;
    dev_t device; /* the socket file, so that no other one is removed */
    ino_t file;
    struct sockaddr_un address;
} ec_door;

/* Returns 0 or an errno; ENAMETOOLONG, EEXIST: the path is something else, EADDRINUSE: another
 * producer is there. The socket that a dead one left behind is replaced. Only this user may knock,
 * with `for_others` anybody. */
int ec_door_open(ec_door* door, const char* path, bool for_others);
void ec_door_close(ec_door* door);

/* The next who knocks: a non-blocking socket and who made it; or -1 with errno. */
int ec_door_accept(const ec_door* door, struct ucred* peer);

/* Connects. Returns 0 or an errno; EAGAIN: not within `timeout_us`. The socket blocks for no longer
 * than that. */
int ec_door_knock(const char* path, uint64_t timeout_us, int* socket);

#endif
