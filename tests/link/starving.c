/* A device that is kept from running just before it reads its line, for
 * tests/link/test_starved_device.py: what it reads came meanwhile. Prints, of each exchange of
 * stamps, when the PING came and the device's t2; us of the one clock that both ends have. */

#include "firmware/core/firmware.h"
#include "firmware/port/host/board.h"

#include <stdio.h>

enum { STARVED_US = 50000, EXCHANGES = 3, TURNS_MAX = 100 };

static uint64_t clock_us, came_us;
static ec_board board;
static ec_firmware firmware;
static ec_session host;

EC_STORAGE(storage, 8, 64, 0, 0, 0);
static storage memory;

static uint64_t now_us(void* port) {
    (void)port;
    return clock_us;
}

static size_t receive(void* port, uint8_t* data, size_t capacity) {
    clock_us += STARVED_US;
    size_t length = ec_board_hal(port).receive(port, data, capacity);
    if (length > 0)
        came_us = clock_us;
    return length;
}

/* Everything goes over at once; returns whether the answer to a ping came. */
static bool turn(void) {
    uint8_t bytes[1024];
    ec_event event;
    bool answered = false;
    size_t length = ec_session_output(&host, clock_us, bytes, sizeof bytes);
    ec_queue_put(&board.to_device, bytes, length);
    ec_firmware_step(&firmware);
    length = ec_queue_take(&board.from_device, bytes, sizeof bytes);
    for (size_t at = 0; at < length;) {
        at += ec_session_input(&host, clock_us, bytes + at, length - at);
        while (ec_session_event(&host, clock_us, &event))
            if (event.kind == EC_EVENT_PONG) {
                printf("%llu %llu\n", (unsigned long long)came_us, (unsigned long long)event.t2);
                answered = true;
            }
    }
    return answered;
}

int main(void) {
    ec_memory given = EC_STORAGE_MEMORY(memory);
    ec_config config = {.role = EC_HOST, .boot_id = 1, .schema = &ec_messages};
    ec_board_init(&board, 2, 0, 0);
    ec_hal hal = ec_board_hal(&board);
    hal.now_us = now_us;
    hal.receive = receive;
    if (!ec_firmware_init(&firmware, &hal) || !ec_session_init(&host, &config, &given, clock_us))
        return 1;
    for (int exchange = 0, turns = 0; exchange < EXCHANGES; turns++) {
        if (turns == TURNS_MAX)
            return 2;
        exchange += turn();
        if (ec_session_open(&host))
            ec_session_ping(&host, 32);
    }
    return 0;
}
