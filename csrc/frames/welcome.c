#include "frames/welcome.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    uint32_t magic, version, answer, count;
} message;

typedef union {
    struct cmsghdr header; /* aligns */
    char bytes[CMSG_SPACE(sizeof(int) * EC_DESCRIPTORS_MAX)];
} ancillary;

int ec_welcome_send(int socket, const ec_welcome* welcome) {
    message sent = {EC_STREAM_MAGIC, EC_STREAM_VERSION, welcome->answer, welcome->count};
    struct iovec bytes = {&sent, sizeof sent};
    struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};
    ancillary carried = {.bytes = {0}};
    if (welcome->count != 0) {
        size_t size = sizeof(int) * welcome->count;
        header.msg_control = carried.bytes;
        header.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr* control = CMSG_FIRSTHDR(&header);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(control), welcome->fds, size);
    }
    return sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

static void collect(struct msghdr* header, ec_welcome* welcome) {
    for (struct cmsghdr* control = CMSG_FIRSTHDR(header); control != NULL;
         control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS) {
            size_t size = control->cmsg_len - CMSG_LEN(0);
            size_t room = sizeof welcome->fds - sizeof(int) * welcome->count;
            size = size < room ? size : room; /* the kernel gave no more than there was room for */
            memcpy(welcome->fds + welcome->count, CMSG_DATA(control), size);
            welcome->count += (uint32_t)(size / sizeof(int));
        }
    }
}

int ec_welcome_receive(int socket, ec_welcome* welcome) {
    message got;
    struct iovec bytes = {&got, sizeof got};
    ancillary carried;
    struct msghdr header = {.msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = carried.bytes,
                            .msg_controllen = sizeof carried.bytes};
    ssize_t length = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    if (length < 0) {
        return errno == ECONNRESET ? EPIPE : errno;
    }
    welcome->count = 0;
    collect(&header, welcome);
    if ((header.msg_flags & MSG_CTRUNC) != 0) {
        ec_welcome_close(welcome);
        return EMFILE;
    }
    if (length != sizeof got || (header.msg_flags & MSG_TRUNC) != 0 ||
        got.magic != EC_STREAM_MAGIC || got.version != EC_STREAM_VERSION ||
        got.count != welcome->count || got.answer > EC_NO_PLACE ||
        (got.answer == EC_WELCOME && got.count < 2)) {
        ec_welcome_close(welcome);
        return length == 0 ? EPIPE : EPROTO;
    }
    welcome->answer = got.answer;
    return 0;
}

void ec_welcome_close(ec_welcome* welcome) {
    for (uint32_t i = 0; i < welcome->count; i++) {
        close(welcome->fds[i]);
    }
    welcome->count = 0;
}
