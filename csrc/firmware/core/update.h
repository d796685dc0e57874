#ifndef EC_FIRMWARE_UPDATE_H
#define EC_FIRMWARE_UPDATE_H

/* The device's side of an update: takes the image "firmware" into the slot that does not run, and
 * obeys the requests that activate and confirm it. Each step does at most one operation on the
 * flash, and none waits for a verdict on a signature, so that commands are executed in between. */

#include "firmware/core/boot.h"
#include "firmware/core/slot.h"
#include "link/bulk_receiver.h"
#include "link/log.h"
#include "link/session.h"

/* Window of a transfer: a multiple of 256, at most EC_BULK_WINDOW_MAX. */
#ifndef EC_UPDATE_WINDOW
#    define EC_UPDATE_WINDOW 4096u
#endif
#define EC_UPDATE_NAME "firmware"

/* Requests on EC_CHANNEL_BULK. */
enum {
    EC_UPDATE_STATE = 0xF5, /* answer: see EC_UPDATE_STATE_BYTES */
    EC_UPDATE_ACTIVATE =
        0xF6,                /* transfer u16: boot what it brought; the device resets soon after */
    EC_UPDATE_CONFIRM = 0xF7 /* version u32: the image on trial stays */
};

/* Boot state u8, running slot u8, 1 if signatures can be checked u8, 0, version that runs u32,
 * floor u32, room for an image u32, digest of what runs (zeros for EC_SLOT_NONE). */
#define EC_UPDATE_STATE_BYTES 48u

typedef enum {
    EC_UPDATE_IDLE,
    EC_UPDATE_JUDGING, /* whether the signature is good is not known yet */
    EC_UPDATE_ERASING,
    EC_UPDATE_LABELLING,
    EC_UPDATE_STORING,
    EC_UPDATE_HASHING,
    EC_UPDATE_STORED,
    EC_UPDATE_ENDED /* refused, failed, or there already */
} ec_update_phase;

typedef struct {
    const ec_hal* hal;
    ec_logger* log;
    ec_boot boot;
    ec_manifest manifest;
    ec_receiver receiver;
    ec_sha256 hash;
    uint64_t reset_us;         /* when to start anew; UINT64_MAX: not wanted */
    uint64_t offered_us;       /* when the image was offered that is judged */
    uint32_t hashed, reported; /* bytes: of the digest so far; stored when last reported */
    uint8_t phase, status, slot;
    bool sector_open; /* the sector of the next byte is erased */
    bool report_due;
    uint8_t offered[EC_MANIFEST_BYTES];
    uint8_t window[EC_UPDATE_WINDOW];
} ec_update;

/* `hal` and `log` outlive it. After ec_boot_select has done its work. */
void ec_update_init(ec_update* update, const ec_hal* hal, ec_logger* log, uint64_t now_us);

/* Data of EC_CHANNEL_BULK arrived. */
void ec_update_data(ec_update* update, uint64_t now_us, const ec_event* event);

/* Executes a request of EC_CHANNEL_BULK: returns the status of its RESULT and its answer,
 * answer[0..*length), at most EC_UPDATE_STATE_BYTES. */
uint8_t ec_update_execute(ec_update* update, uint64_t now_us, const ec_event* event,
                          uint8_t* answer, size_t* length);

/* Stores, verifies and reports what is due; returns when it wants to be called again, `now_us` if
 * there is more to do. */
uint64_t ec_update_step(ec_update* update, ec_session* session, uint64_t now_us);

#endif
