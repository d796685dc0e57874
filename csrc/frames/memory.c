#define _FILE_OFFSET_BITS 64 /* on 32-bit machines, too */

#include "frames/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

static int map(int fd, uint64_t bytes, int protection, int flags, void** at) {
    if (bytes > SIZE_MAX) {
        return ENOMEM;
    }
    void* mapped = mmap(NULL, (size_t)bytes, protection, MAP_SHARED | flags, fd, 0);
    if (mapped == MAP_FAILED) {
        return errno;
    }
    *at = mapped;
    return 0;
}

static int fill(int fd, uint64_t bytes, int seals, void** at) {
    /* A page that cannot be had shall fail here, not as a signal at the first write. */
    if (ftruncate(fd, (off_t)bytes) != 0 || fallocate(fd, 0, 0, (off_t)bytes) != 0) {
        return errno;
    }
    int number = map(fd, bytes, PROT_READ | PROT_WRITE, MAP_POPULATE, at);
    if (number == 0 && fcntl(fd, F_ADD_SEALS, seals) != 0) {
        number = errno;
        ec_memory_unmap(*at, bytes);
    }
    return number;
}

int ec_memory_make(const char* name, uint64_t bytes, bool readable_only, int* fd, void** at) {
    int made = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (made < 0) {
        return errno;
    }
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int number = fill(made, bytes, readable_only ? seals | F_SEAL_FUTURE_WRITE : seals, at);
    if (number != 0) {
        close(made);
        return number;
    }
    *fd = made;
    return 0;
}

/* The size of a dma-buf is fixed by its exporter. */
static bool keeps_its_size(int fd) {
    struct statfs system;
    int seals = fcntl(fd, F_GET_SEALS);
    return (seals >= 0 && (seals & F_SEAL_SHRINK) != 0) ||
           (fstatfs(fd, &system) == 0 && system.f_type == DMA_BUF_MAGIC);
}

int ec_memory_map(int fd, uint64_t bytes, bool writable, void** at) {
    if (!keeps_its_size(fd) || ec_memory_size(fd) < bytes) {
        return EPERM;
    }
    /* Not populated: reading a hole makes a page, and a peer may have given many holes. */
    return map(fd, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, 0, at);
}

void ec_memory_unmap(void* at, uint64_t bytes) {
    munmap(at, (size_t)bytes);
}

uint64_t ec_memory_size(int fd) {
    off_t end = lseek(fd, 0, SEEK_END);
    return end < 0 ? 0 : (uint64_t)end;
}

void ec_memory_access(int fd, ec_access access) {
    static const uint64_t flags[] = {
        [EC_BEGIN_READ] = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ,
        [EC_END_READ] = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ,
        [EC_BEGIN_WRITE] = DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE,
        [EC_END_WRITE] = DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE,
    };
    struct dma_buf_sync sync = {.flags = flags[access]};
    while (ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) != 0 && (errno == EINTR || errno == EAGAIN)) {
    }
}
