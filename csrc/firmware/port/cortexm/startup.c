/* From reset to main: the processor's own vectors, and memory as C expects it. */

#include "firmware/port/cortexm/cpu.h"

#include <stddef.h>

typedef void (*handler)(void);

/* From the linker script, whole words each. */
extern uint32_t ec_data_start[], ec_data_end[], ec_bss_start[], ec_bss_end[];
extern const uint32_t ec_data_image[];

int main(void);

void ec_start(void);

void ec_start(void) {
    const uint32_t* image = ec_data_image;
    for (uint32_t* to = ec_data_start; to < ec_data_end; to++)
        *to = *image++;
    for (uint32_t* to = ec_bss_start; to < ec_bss_end; to++)
        *to = 0;
    (void)main();
    ec_reset();
}

/* Every fault ends in a reset: state that made one possible is not to be trusted any further, and
 * the host sees from the boot id that it happened. */
static void fault(void) {
    ec_reset();
}

/* Vectors 1 to 15; the linker script puts the stack's end before them, and each port's interrupts
 * behind. SysTick needs no handler: no port lets it interrupt. */
__attribute__((section(".vectors.processor"), used)) static const handler vectors[15] = {
    ec_start, fault, fault, fault, fault, fault, NULL,  NULL,
    NULL,     NULL,  fault, fault, NULL,  fault, fault,
};
