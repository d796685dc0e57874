#ifndef EC_FIRMWARE_HOST_UART_H
#define EC_FIRMWARE_HOST_UART_H

/* What two ends of a serial line at different speeds make of each other's bytes. A pty carries any
 * byte at any speed; its two ends share one setting, the client's, which tells what a UART would
 * have seen. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int fd;         /* the pty's master; -1: not a serial line */
    uint32_t speed; /* of the device: 0, as the client's, until it was ever set */
    uint32_t first; /* the client's when the device first set its own */
} ec_uart;

/* 0: back to the first speed. */
void ec_uart_set_speed(ec_uart* uart, uint32_t baud);

/* Spoils the bytes if the client's speed is another one. */
void ec_uart_spoil(const ec_uart* uart, uint8_t* data, size_t length);

#endif
