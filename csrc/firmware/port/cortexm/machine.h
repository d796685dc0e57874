#ifndef EC_FIRMWARE_CORTEXM_MACHINE_H
#define EC_FIRMWARE_CORTEXM_MACHINE_H

/* What one Cortex-M machine adds to the shared port: its clock, UART, lamps and watchdog. A new
 * port writes these functions, its interrupt vectors and a memory.ld. */

#include "firmware/hal.h"
#include "firmware/port/cortexm/fifo.h"

/* The UART's two ends. Interrupts put into the first and take from the second. */
extern ec_fifo ec_uart_received, ec_uart_to_send;

/* Clocks, pins, UART and watchdog; interrupts are on afterwards. */
void ec_machine_init(void);

/* Microseconds since ec_machine_init; never goes back. Called by the main loop only, and more often
 * than the counter behind it wraps: at least once in EC_MACHINE_LOOK_US. */
uint64_t ec_machine_now_us(void);
#define EC_MACHINE_LOOK_US 500000u

/* An interrupt comes so long from now, once, to end a sleep; replaces one asked for before. */
void ec_machine_alarm(uint32_t delay_us);

/* Moves what the UART has received, as far as it fits: clears the interrupt first, so that a byte
 * that comes while it drains raises it again. With interrupts off or from the UART's own. */
void ec_machine_uart_drain(void);

/* Moves what is to be sent, as far as the UART takes it; its interrupt does the rest. Called alike.
 */
void ec_machine_uart_fill(void);

void ec_machine_set_led(bool on);
void ec_machine_set_buzzer(bool on);

/* The loop turns; after a few seconds without, the chip resets. */
void ec_machine_kick_watchdog(void);

/* Chooses the image to boot, as a bootloader does (core/boot.h), and enters it if that is another.
 * Returns the flash, as of ec_hal; NULL from a machine that has none. Called before all else. */
const ec_flash* ec_machine_boot(void);

/* As ec_hal's; false from a machine that has no such sensor. */
bool ec_machine_read_imu(ec_imu_sample* sample);
bool ec_machine_read_speed(float* speed_mps);

#endif
