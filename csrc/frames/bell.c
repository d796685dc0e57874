#include "frames/bell.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void ec_bell_wait(_Atomic uint32_t* bell, uint64_t timeout_us) {
    /* What the system call takes on 32-bit machines too, whatever the C library's time_t is. */
    struct {
        long s, ns;
    } timeout = {(long)(timeout_us / 1000000u), (long)(timeout_us % 1000000u * 1000u)};
    syscall(SYS_futex, bell, FUTEX_WAIT, EC_BELL_ASLEEP, &timeout, NULL, 0);
}

uint32_t ec_bell_ring(_Atomic uint32_t* bell) {
    if (atomic_load(bell) == EC_BELL_AWAKE) {
        return EC_BELL_AWAKE;
    }
    uint32_t was = atomic_exchange(bell, EC_BELL_AWAKE);
    if (was == EC_BELL_ASLEEP) {
        syscall(SYS_futex, bell, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    return was;
}
