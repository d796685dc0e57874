#ifndef EC_FIRMWARE_HOST_BOARD_H
#define EC_FIRMWARE_HOST_BOARD_H

/* A board that exists in memory only: a clock that its owner turns, a line of two byte queues,
 * lamps one can read, and a vehicle that drives the scenario. The simulator process and the
 * virtual-time tests both run the firmware on it. */

#include "firmware/port/host/flash.h"

#define EC_QUEUE_BYTES 65536u
#define EC_TRACES 256u

/* First in, first out; bytes that do not fit are the writer's to keep. */
typedef struct {
    uint32_t head, used;
    uint8_t bytes[EC_QUEUE_BYTES];
} ec_queue;

size_t ec_queue_put(ec_queue* queue, const uint8_t* data, size_t length);
size_t ec_queue_take(ec_queue* queue, uint8_t* data, size_t capacity);
/* The longest run of bytes that lies in one piece, without taking it. */
size_t ec_queue_front(const ec_queue* queue, const uint8_t** data);
void ec_queue_drop(ec_queue* queue, size_t length);

typedef struct {
    uint64_t now_us;         /* since boot; the owner moves it forward */
    int64_t scene_us;        /* scene time at boot; the scene stands still before its time zero */
    uint64_t random;         /* state of the sensors' noise */
    uint32_t boot_id, boots; /* boots: since power came on; zeroed by an owner that cuts it */
    bool led, buzzer;
    uint32_t fifo_bytes; /* so many wait in from_device at most, as in a UART; EC_QUEUE_BYTES */
    ec_queue to_device, from_device;
    ec_trace traces[EC_TRACES]; /* newest last; the oldest are forgotten and counted */
    uint32_t trace_head, trace_used, traces_lost;
    uint32_t watchdog_kicks;
    void* owner;         /* for an owner that replaces functions of the HAL */
    ec_flash_sim* flash; /* NULL: this board cannot be updated; its owner sets it */
    ec_flash flash_hal;
    const uint8_t* link_key; /* NULL: it has none; its owner sets it */
    bool reset_wanted;       /* by the firmware; its owner starts it anew */
} ec_board;

/* A board that boots: empty line, clock at 0. Flash, owner, key and the number of boots stay what
 * they were; all zero before the first call. */
void ec_board_init(ec_board* board, uint32_t boot_id, uint64_t seed, int64_t scene_us);

/* What a bootloader does before the firmware begins. */
void ec_board_boot(ec_board* board);

/* The HAL of this board; valid as long as the board is. */
ec_hal ec_board_hal(ec_board* board);

/* The oldest trace not yet taken; false when there is none. */
bool ec_board_take_trace(ec_board* board, ec_trace* trace);

/* A short name for traces and reports: "boot", "safe", "alert", ... */
const char* ec_trace_name(ec_trace_kind kind);

#endif
