#ifndef EC_FIRMWARE_CORTEXM_WATCHDOG_H
#define EC_FIRMWARE_CORTEXM_WATCHDOG_H

/* ARM's watchdog (DDI 0479, CMSDK; Luminary's parts have the same one): it counts down, raises an
 * interrupt at zero, counts down once more and resets the chip. */

#include "firmware/port/cortexm/cpu.h"

#define EC_WATCHDOG_UNLOCK 0x1ACCE551u

/* Resets two rounds of `ticks` after the last kick. */
static inline void ec_watchdog_start(uintptr_t base, uint32_t ticks) {
    EC_REGISTER(base + 0xC00) = EC_WATCHDOG_UNLOCK;
    EC_REGISTER(base + 0x00) = ticks;
    EC_REGISTER(base + 0x08) = 3; /* interrupt and reset */
}

/* Any write to the interrupt's register also reloads the counter. */
static inline void ec_watchdog_kick(uintptr_t base) {
    EC_REGISTER(base + 0x0C) = 1;
}

#endif
