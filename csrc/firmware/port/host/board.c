#include "firmware/port/host/board.h"

#include "firmware/core/boot.h"
#include "firmware/port/host/build.h"
#include "firmware/port/vehicle/drive.h"

#include <string.h>

static int64_t scene_us(const ec_board* board) {
    return board->scene_us + (int64_t)board->now_us;
}

static uint64_t now_us(void* port) {
    return ((const ec_board*)port)->now_us;
}

static uint32_t boot_id(void* port) {
    return ((const ec_board*)port)->boot_id;
}

static uint32_t boots(void* port) {
    return ((const ec_board*)port)->boots;
}

static size_t receive(void* port, uint8_t* data, size_t capacity) {
    return ec_queue_take(&((ec_board*)port)->to_device, data, capacity);
}

static size_t transmit(void* port, const uint8_t* data, size_t length) {
    ec_board* board = port;
    size_t room = board->fifo_bytes - board->from_device.used;
    return ec_queue_put(&board->from_device, data, length < room ? length : room);
}

static void set_led(void* port, bool on) {
    ((ec_board*)port)->led = on;
}

static void set_buzzer(void* port, bool on) {
    ((ec_board*)port)->buzzer = on;
}

static bool read_imu(void* port, ec_imu_sample* sample) {
    ec_board* board = port;
    ec_drive_imu(scene_us(board), &board->random, sample);
    return true;
}

static bool read_speed(void* port, float* speed_mps) {
    ec_board* board = port;
    *speed_mps = ec_drive_speed_mps(scene_us(board), &board->random);
    return true;
}

static void kick_watchdog(void* port) {
    ((ec_board*)port)->watchdog_kicks++;
}

static void trace(void* port, const ec_trace* entry) {
    ec_board* board = port;
    if (board->trace_used == EC_TRACES) {
        board->trace_head = (board->trace_head + 1) % EC_TRACES;
        board->trace_used--;
        board->traces_lost++;
    }
    board->traces[(board->trace_head + board->trace_used++) % EC_TRACES] = *entry;
}

static bool read_flash(void* port, uint32_t address, uint8_t* data, size_t length) {
    return ec_flash_sim_read(((ec_board*)port)->flash, address, data, length);
}

static bool erase_flash(void* port, uint32_t address) {
    return ec_flash_sim_erase(((ec_board*)port)->flash, address);
}

static bool program_flash(void* port, uint32_t address, const uint8_t* data, size_t length) {
    return ec_flash_sim_program(((ec_board*)port)->flash, address, data, length);
}

static ec_signature verify(void* port, const uint8_t* message, size_t length,
                           const uint8_t* signature) {
    const ec_flash_sim* flash = ((ec_board*)port)->flash;
    return flash->verify(flash->verifier, message, length, signature);
}

static void reset(void* port) {
    ((ec_board*)port)->reset_wanted = true;
}

void ec_board_init(ec_board* board, uint32_t boot, uint64_t seed, int64_t scene_us) {
    ec_flash_sim* flash = board->flash;
    void* owner = board->owner;
    const uint8_t* link_key = board->link_key;
    uint32_t boots = board->boots;
    memset(board, 0, sizeof *board);
    board->flash = flash;
    board->owner = owner;
    board->link_key = link_key;
    if (flash != NULL) {
        ec_flash hal = {flash->sector_bytes,
                        flash->unit_bytes,
                        flash->sectors,
                        read_flash,
                        erase_flash,
                        program_flash,
                        flash->verify != NULL ? verify : NULL,
                        reset};
        board->flash_hal = hal;
    }
    board->boot_id = boot;
    board->boots = boots + 1u;
    board->random = seed;
    board->scene_us = scene_us;
    board->fifo_bytes = EC_QUEUE_BYTES;
}

ec_hal ec_board_hal(ec_board* board) {
    ec_hal hal = {.port = board,
                  .now_us = now_us,
                  .boot_id = boot_id,
                  .boots = boots,
                  .build_id = ec_build_id(),
                  .receive = receive,
                  .transmit = transmit,
                  .set_led = set_led,
                  .set_buzzer = set_buzzer,
                  .read_imu = read_imu,
                  .read_speed = read_speed,
                  .kick_watchdog = kick_watchdog,
                  .trace = trace,
                  .flash = board->flash != NULL ? &board->flash_hal : NULL,
                  .link_key = board->link_key};
    return hal;
}

void ec_board_boot(ec_board* board) {
    if (board->flash != NULL)
        (void)ec_boot_select(&board->flash_hal, board);
}

bool ec_board_take_trace(ec_board* board, ec_trace* entry) {
    if (board->trace_used == 0)
        return false;
    *entry = board->traces[board->trace_head];
    board->trace_head = (board->trace_head + 1) % EC_TRACES;
    board->trace_used--;
    return true;
}
