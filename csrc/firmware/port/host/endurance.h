#ifndef EC_FIRMWARE_HOST_ENDURANCE_H
#define EC_FIRMWARE_HOST_ENDURANCE_H

/* A host's session and the whole firmware over two bad lines in virtual time: the host has
 * `commands` alerts executed, each with an id in its arguments, and the executions are counted by
 * id where they happen, in the device. */

#include "firmware/core/firmware.h"
#include "firmware/port/host/board.h"
#include "firmware/port/host/line.h"
#include "firmware/port/host/witness.h"

/* Ids repeat after so many commands; far more than are ever in flight. */
#define EC_ENDURANCE_IDS (3u * 65535u)
#define EC_NO_INJECTION UINT32_MAX

EC_STORAGE(ec_endurance_storage, 32, 64, 4096, 1024, 0);

typedef struct {
    ec_line_faults to_device, to_host;
    uint32_t commands;
    uint64_t limit_us; /* virtual time after which it gives up */
    /* Faults planted to see that the count finds them: this command is executed once more, is never
     * sent, or a well-formed frame that nobody sent comes along with it. */
    uint32_t inject_double, inject_loss, inject_foreign;
    /* One byte per command each, zeroed by ec_endurance_run; the caller's. */
    uint8_t *executions, *outcomes;
} ec_endurance_options;

typedef struct {
    uint64_t virtual_us;
    uint32_t issued, executed;
    uint32_t lost;        /* issued, never executed */
    uint32_t doubled;     /* executed more than once */
    uint32_t unasked;     /* executions of ids that were not issued */
    uint32_t done;        /* outcomes that said done */
    uint32_t misreported; /* commands without exactly one outcome, or with another than done */
    uint32_t telemetry;   /* data frames the host got */
    uint64_t frames_to_device, frames_to_host; /* accepted */
    uint64_t rejected;                         /* corrupt, and found to be */
    uint64_t foreign;                          /* corrupt, and accepted */
    uint32_t retransmits, duplicates;
    ec_line_counts to_device, to_host;
} ec_endurance_result;

typedef struct {
    ec_endurance_options options;
    ec_endurance_result result;
    uint64_t now_us;
    ec_board board;
    ec_hal hal;
    ec_firmware firmware;
    ec_session host;
    ec_endurance_storage storage;
    ec_line to_device, to_host;
    ec_witness device_ear, host_ear;
    uint64_t alive_us;
    uint32_t resolved;
} ec_endurance;

/* Returns false when a session refuses its configuration; otherwise *result tells. `endurance` is
 * memory only. */
bool ec_endurance_run(ec_endurance* endurance, const ec_endurance_options* options,
                      ec_endurance_result* result);

#endif
