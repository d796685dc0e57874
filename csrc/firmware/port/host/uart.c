#include "firmware/port/host/uart.h"

#include <termios.h>

static uint32_t speed_of_client(const ec_uart* uart) {
    static const struct {
        speed_t code;
        uint32_t baud;
    } speeds[] = {{B9600, 9600},       {B19200, 19200},     {B38400, 38400},
                  {B57600, 57600},     {B115200, 115200},   {B230400, 230400},
                  {B460800, 460800},   {B921600, 921600},   {B1000000, 1000000},
                  {B1500000, 1500000}, {B2000000, 2000000}, {B3000000, 3000000},
                  {B4000000, 4000000}};
    struct termios settings;
    if (tcgetattr(uart->fd, &settings) == 0) {
        for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
            if (speeds[i].code == cfgetospeed(&settings))
                return speeds[i].baud;
        }
    }
    return 0;
}

void ec_uart_set_speed(ec_uart* uart, uint32_t baud) {
    if (uart->fd < 0)
        return;
    if (uart->first == 0)
        uart->first = speed_of_client(uart);
    uart->speed = baud != 0 ? baud : uart->first;
}

void ec_uart_spoil(const ec_uart* uart, uint8_t* data, size_t length) {
    if (uart->speed == 0 || uart->speed == speed_of_client(uart))
        return;
    for (size_t i = 0; i < length; i++)
        data[i] ^= 0x55u;
}
