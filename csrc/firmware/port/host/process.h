#ifndef EC_FIRMWARE_HOST_PROCESS_H
#define EC_FIRMWARE_HOST_PROCESS_H

/* The firmware as a process of its own: a board whose clock is CLOCK_MONOTONIC and whose line is a
 * file descriptor. One client at a time, as on a serial line; others wait until it leaves. */

#include "firmware/core/dense_model.h"
#include "firmware/core/firmware.h"
#include "firmware/port/host/board.h"
#include "firmware/port/host/uart.h"

typedef enum {
    EC_LINE_STREAM,  /* connected; when the other end leaves, the process is over */
    EC_LINE_PTY,     /* a pty's master; clients open and close the other side */
    EC_LINE_LISTENER /* a listening socket; clients connect and leave */
} ec_line_kind;

typedef struct {
    int fd; /* stays the caller's */
    ec_line_kind line;
    int report_fd; /* one line of JSON per trace; lines that do not fit at once are lost */
    bool dies_with_parent;
    uint32_t boot_id; /* not 0 */
    uint64_t seed;
    uint64_t epoch_ns;   /* CLOCK_MONOTONIC at the scenario's time zero; 0: now */
    ec_flash_sim* flash; /* NULL: it cannot be updated */
    const uint8_t* key;  /* of the link, EC_KEY_BYTES; NULL: none */
    /* By how much its clock is ahead of CLOCK_MONOTONIC, another process's to change; where that
     * would make it go back it stands still instead. NULL: not at all. */
    const int64_t* ahead_us;
    bool mlperf_tiny; /* answers MLPerf Tiny's commands, and no link */
} ec_process_options;

typedef struct {
    ec_process_options options;
    ec_board board;
    ec_hal hal;
    ec_firmware firmware;
    ec_dense dense;
    ec_tiny_model model;
    ec_tiny tiny; /* in place of the firmware where the options say so */
    ec_uart uart;
    uint64_t start_us; /* of its clock, at boot */
    int client;        /* -1 while there is none */
    bool lost;         /* the client left, or its line failed */
    bool full;         /* the client's line takes no more for now */
} ec_process;

/* From now on SIGTERM and SIGINT end ec_process_run, also when they come before it. For a process
 * of its own: what handled them, SIGUSR1 and SIGPIPE before is lost. */
void ec_process_catch_signals(void);

/* Runs until SIGTERM or SIGINT, or until a stream ends; returns 0, or an errno of the line. After
 * ec_process_catch_signals. `process` is memory only: it needs no initialisation. */
int ec_process_run(ec_process* process, const ec_process_options* options);

#endif
