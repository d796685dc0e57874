#include "firmware/core/boot.h"

#include "firmware/core/slot.h"
#include "link/crc32c.h"

#include <string.h>

#define RECORD_MAGIC 0x31424345u /* "ECB1" */

/* A whole number of every flash's units. */
typedef struct {
    uint32_t magic, sequence, floor;
    uint8_t state, active, reserved[14];
    uint32_t crc; /* of all before it */
} record;

#define RECORD_BYTES 32u
typedef char assert_record_bytes[sizeof(record) == RECORD_BYTES ? 1 : -1];

static bool read_copy(const ec_flash* flash, void* port, uint32_t copy, ec_boot* boot) {
    record r;
    uint8_t bytes[RECORD_BYTES];
    if (!flash->read(port, copy * flash->sector_bytes, bytes, sizeof bytes))
        return false;
    memcpy(&r, bytes, sizeof r);
    if (r.magic != RECORD_MAGIC || r.crc != ec_crc32c(0, bytes, offsetof(record, crc)) ||
        r.state > EC_BOOT_REVERTED)
        return false;
    boot->sequence = r.sequence;
    boot->floor = r.floor;
    boot->state = r.state;
    boot->active = r.active;
    return true;
}

/* The copy that counts, 0 or 1, or -1. */
static int newest(const ec_flash* flash, void* port, ec_boot* boot) {
    ec_boot copies[2];
    bool good[2] = {read_copy(flash, port, 0, &copies[0]), read_copy(flash, port, 1, &copies[1])};
    if (!good[0] && !good[1])
        return -1;
    int chosen = !good[0] || (good[1] && copies[1].sequence > copies[0].sequence);
    *boot = copies[chosen];
    return chosen;
}

void ec_boot_read(const ec_flash* flash, void* port, ec_boot* boot) {
    memset(boot, 0, sizeof *boot);
    boot->active = EC_SLOT_NONE;
    (void)newest(flash, port, boot);
}

bool ec_boot_write(const ec_flash* flash, void* port, ec_boot* boot) {
    ec_boot stands = {0, 0, EC_BOOT_CONFIRMED, EC_SLOT_NONE};
    uint32_t address = newest(flash, port, &stands) == 0 ? flash->sector_bytes : 0;
    record r;
    uint8_t bytes[RECORD_BYTES];
    boot->sequence = stands.sequence + 1u;
    memset(&r, 0, sizeof r);
    r.magic = RECORD_MAGIC;
    r.sequence = boot->sequence;
    r.floor = boot->floor;
    r.state = boot->state;
    r.active = boot->active;
    memcpy(bytes, &r, sizeof r);
    r.crc = ec_crc32c(0, bytes, offsetof(record, crc));
    memcpy(bytes, &r, sizeof r);
    return flash->erase(port, address) && flash->program(port, address, bytes, sizeof bytes);
}

uint8_t ec_boot_other(const ec_boot* boot) {
    return boot->active == 0 ? 1 : 0;
}

uint8_t ec_boot_running(const ec_boot* boot) {
    return boot->state == EC_BOOT_TRIAL ? ec_boot_other(boot) : boot->active;
}

static bool bootable(const ec_flash* flash, void* port, uint8_t slot, uint32_t floor) {
    ec_manifest manifest;
    return ec_slot_manifest(flash, port, slot, &manifest, NULL) && manifest.version >= floor &&
           ec_slot_intact(flash, port, slot, &manifest);
}

uint8_t ec_boot_select(const ec_flash* flash, void* port) {
    ec_boot boot;
    ec_boot_read(flash, port, &boot);
    if (boot.state == EC_BOOT_PENDING) {
        bool good = bootable(flash, port, ec_boot_other(&boot), boot.floor);
        boot.state = good ? EC_BOOT_TRIAL : EC_BOOT_REVERTED;
        /* A trial that is not on record would never end: rather the image that is known. */
        return ec_boot_write(flash, port, &boot) ? ec_boot_running(&boot) : boot.active;
    }
    if (boot.state == EC_BOOT_TRIAL) {
        boot.state = EC_BOOT_REVERTED;
        (void)ec_boot_write(flash, port, &boot);
    }
    return boot.active;
}
