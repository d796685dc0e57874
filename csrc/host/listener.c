#include "host/listener.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int ec_listener_open(ec_listener* listener) {
    listener->rung = false;
    listener->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (listener->bell_fd < 0) {
        return errno;
    }
    listener->fd = epoll_create1(EPOLL_CLOEXEC);
    if (listener->fd < 0 || !ec_listener_add(listener, listener->bell_fd)) {
        int number = errno;
        ec_listener_close(listener);
        return number;
    }
    return 0;
}

void ec_listener_close(ec_listener* listener) {
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    close(listener->bell_fd);
}

void ec_listener_ring(ec_listener* listener) {
    uint64_t one = 1;
    if (!listener->rung) {
        ssize_t written = write(listener->bell_fd, &one, sizeof one);
        (void)written;
        listener->rung = true;
    }
}

void ec_listener_silence(ec_listener* listener) {
    uint64_t count;
    if (listener->rung) {
        ssize_t got = read(listener->bell_fd, &count, sizeof count);
        (void)got;
        listener->rung = false;
    }
}

bool ec_listener_add(ec_listener* listener, int line_fd) {
    struct epoll_event wanted = {.events = EPOLLIN};
    return epoll_ctl(listener->fd, EPOLL_CTL_ADD, line_fd, &wanted) == 0;
}

void ec_listener_remove(ec_listener* listener, int line_fd) {
    epoll_ctl(listener->fd, EPOLL_CTL_DEL, line_fd, NULL);
}
