#ifndef EC_FIRMWARE_CORTEXM_CPU_H
#define EC_FIRMWARE_CORTEXM_CPU_H

/* The core peripherals that every ARMv7-M processor has at the same addresses, and the few
 * instructions C has no words for. ARM DDI 0403, "Armv7-M Architecture Reference Manual", B3. */

#include <stdint.h>

#define EC_REGISTER(address) (*(volatile uint32_t*)(uintptr_t)(address))

#define EC_SYSTICK_CTRL EC_REGISTER(0xE000E010)
#define EC_SYSTICK_LOAD EC_REGISTER(0xE000E014)
#define EC_SYSTICK_VALUE EC_REGISTER(0xE000E018)
#define EC_SYSTICK_ENABLE 1u
#define EC_SYSTICK_CPU_CLOCK 4u
#define EC_SYSTICK_MASK 0xFFFFFFu

/* Lets the interrupt of this number through; below 32. */
static inline void ec_interrupt_enable(unsigned number) {
    EC_REGISTER(0xE000E100) = 1u << number;
}

/* Interrupts wait until ec_interrupts_on; nothing inside may wait for one. */
static inline void ec_interrupts_off(void) {
    __asm__ volatile("cpsid i" ::: "memory");
}

static inline void ec_interrupts_on(void) {
    __asm__ volatile("cpsie i" ::: "memory");
}

/* Sleeps until an interrupt is pending, also while they are off, so that one that comes just before
 * is not slept through. */
static inline void ec_sleep(void) {
    __asm__ volatile("dsb\n\twfi" ::: "memory");
}

/* Enters the program whose vectors these are, as a reset would enter one. */
__attribute__((noreturn)) static inline void ec_enter(const uint32_t* vectors) {
    EC_REGISTER(0xE000ED08) = (uint32_t)(uintptr_t)vectors; /* VTOR */
    __asm__ volatile("dsb\n\tisb\n\tmsr msp, %0\n\tbx %1" ::"r"(vectors[0]), "r"(vectors[1])
                     : "memory");
    __builtin_unreachable();
}

/* Starts the whole chip anew, as its reset pin would: SYSRESETREQ. */
__attribute__((noreturn)) static inline void ec_reset(void) {
    __asm__ volatile("dsb" ::: "memory");
    EC_REGISTER(0xE000ED0C) = 0x05FA0004u;
    for (;;)
        __asm__ volatile("dsb" ::: "memory");
}

#endif
