#include "frames/door.h"

#include "frames/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static int address_of(const char* path, struct sockaddr_un* address) {
    size_t length = strlen(path);
    if (length == 0) {
        return ENOENT;
    }
    if (length >= sizeof address->sun_path) {
        return ENAMETOOLONG;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, length);
    return 0;
}

static int socket_of_ours(int flags) {
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
}

/* A socket file that nobody listens behind is what a killed producer leaves. */
static int remove_abandoned(const struct sockaddr_un* address) {
    struct stat status;
    if (lstat(address->sun_path, &status) != 0) {
        return errno == ENOENT ? 0 : errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return EEXIST;
    }
    int probe = socket_of_ours(SOCK_NONBLOCK);
    if (probe < 0) {
        return errno;
    }
    int refused = connect(probe, (const struct sockaddr*)address, sizeof *address) != 0 ? errno : 0;
    close(probe);
    if (refused != ECONNREFUSED) {
        return EADDRINUSE;
    }
    return unlink(address->sun_path) == 0 || errno == ENOENT ? 0 : errno;
}

static int listen_at(ec_door* door, bool for_others) {
    struct stat status;
    const char* path = door->address.sun_path;
    if (bind(door->socket, (const struct sockaddr*)&door->address, sizeof door->address) != 0) {
        return errno;
    }
    if (chmod(path, for_others ? 0666 : 0600) != 0 || stat(path, &status) != 0 ||
        listen(door->socket, (int)EC_READERS_MAX) != 0) {
        int number = errno;
        unlink(path);
        return number;
    }
    door->device = status.st_dev;
    door->file = status.st_ino;
    return 0;
}

int ec_door_open(ec_door* door, const char* path, bool for_others) {
    int number = address_of(path, &door->address);
    if (number == 0) {
        number = remove_abandoned(&door->address);
    }
    if (number != 0) {
        return number;
    }
    door->socket = socket_of_ours(SOCK_NONBLOCK);
    if (door->socket < 0) {
        return errno;
    }
    number = listen_at(door, for_others);
    if (number != 0) {
        close(door->socket);
    }
    return number;
}

void ec_door_close(ec_door* door) {
    struct stat status;
    if (lstat(door->address.sun_path, &status) == 0 && status.st_dev == door->device &&
        status.st_ino == door->file) {
        unlink(door->address.sun_path);
    }
    close(door->socket);
}

int ec_door_accept(const ec_door* door, struct ucred* peer) {
    socklen_t size = sizeof *peer;
    int socket = accept4(door->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket >= 0 && getsockopt(socket, SOL_SOCKET, SO_PEERCRED, peer, &size) != 0) {
        int number = errno;
        close(socket);
        errno = number;
        return -1;
    }
    return socket;
}

int ec_door_knock(const char* path, uint64_t timeout_us, int* connected) {
    struct sockaddr_un address;
    struct timeval limit = {(time_t)(timeout_us / 1000000u),
                            (suseconds_t)(timeout_us % 1000000u + 1)};
    int number = address_of(path, &address);
    if (number != 0) {
        return number;
    }
    int made = socket_of_ours(0);
    if (made < 0) {
        return errno;
    }
    if (setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        connect(made, (const struct sockaddr*)&address, sizeof address) != 0) {
        number = errno;
        close(made);
        return number;
    }
    *connected = made;
    return 0;
}
