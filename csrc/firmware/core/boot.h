#ifndef EC_FIRMWARE_BOOT_H
#define EC_FIRMWARE_BOOT_H

/* Which image boots. Two slots, and a record of who is confirmed and who is on trial, in two
 * copies: each change erases and writes the older copy, so that the newer one stands until the
 * change is whole. A bootloader calls ec_boot_select; the firmware calls the others.
 *
 *                  activate            select             confirm
 *     CONFIRMED ------------> PENDING --------> TRIAL ---------------> CONFIRMED, the other slot
 *      REVERTED                  |                |
 *          ^--------------------------------------  select: it never confirmed
 */

#include "firmware/hal.h"
#include "link/bulk.h"

/* The image that the port came with, in no slot. */
#define EC_SLOT_NONE 0xFFu

typedef enum {
    EC_BOOT_CONFIRMED, /* `active` runs */
    EC_BOOT_PENDING,   /* `active` runs; the next boot tries the other slot */
    EC_BOOT_TRIAL,     /* the other slot runs, until it is confirmed or the device boots again */
    EC_BOOT_REVERTED   /* `active` runs again: the other slot was tried and never confirmed */
} ec_boot_state;

typedef struct {
    uint32_t sequence; /* of this record; the higher of two copies counts */
    uint32_t floor;    /* no image of a lower version is taken or tried */
    uint8_t state, active;
} ec_boot;

/* The record as it stands; that of a device without one is CONFIRMED, EC_SLOT_NONE, floor 0. */
void ec_boot_read(const ec_flash* flash, void* port, ec_boot* boot);

/* Makes `boot` the record, whole or not at all. False when the flash failed. */
bool ec_boot_write(const ec_flash* flash, void* port, ec_boot* boot);

/* Chooses what to boot: EC_SLOT_NONE, 0 or 1. Begins a trial, after the digest of the whole image,
 * or ends one. A confirmed image is trusted: nothing writes to its slot. */
uint8_t ec_boot_select(const ec_flash* flash, void* port);

/* The slot that is not `active`, where the next image goes. */
uint8_t ec_boot_other(const ec_boot* boot);

/* The slot that runs. */
uint8_t ec_boot_running(const ec_boot* boot);

#endif
