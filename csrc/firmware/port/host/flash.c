#include "firmware/port/host/flash.h"

#include <string.h>

static bool outside(const ec_flash_sim* flash, uint32_t address, size_t length) {
    size_t all = (size_t)flash->sectors * flash->sector_bytes;
    return flash->off || address > all || length > all - address;
}

static uint8_t random_byte(ec_flash_sim* flash) {
    flash->random = flash->random * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(flash->random >> 56);
}

/* Whether the power fails in the write that begins now. */
static bool cut(ec_flash_sim* flash) {
    flash->writes++;
    flash->off = flash->writes == flash->cut_at;
    return flash->off;
}

/* Each bit is its old or its new value; in one of four, all are old, in another all are new. */
static void tear(ec_flash_sim* flash, uint8_t* to, const uint8_t* from, size_t length) {
    unsigned kind = random_byte(flash) % 4u;
    for (size_t i = 0; i < length; i++) {
        uint8_t taken = kind == 0 ? 0 : kind == 1 ? 0xFF : random_byte(flash);
        to[i] = (uint8_t)((to[i] & ~taken) | (from[i] & taken));
    }
}

bool ec_flash_sim_read(const ec_flash_sim* flash, uint32_t address, uint8_t* data, size_t length) {
    if (outside(flash, address, length))
        return false;
    memcpy(data, flash->bytes + address, length);
    return true;
}

bool ec_flash_sim_erase(ec_flash_sim* flash, uint32_t address) {
    if (outside(flash, address, flash->sector_bytes))
        return false;
    if (address % flash->sector_bytes != 0) {
        flash->misuses++;
        return false;
    }
    uint8_t* sector = flash->bytes + address;
    if (cut(flash)) { /* some of it, in pieces */
        static const uint8_t erased[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                           0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                           0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                           0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
        for (uint32_t at = 0; at < flash->sector_bytes; at += sizeof erased)
            tear(flash, sector + at, erased, sizeof erased);
        return false;
    }
    memset(sector, 0xFF, flash->sector_bytes);
    return true;
}

bool ec_flash_sim_program(ec_flash_sim* flash, uint32_t address, const uint8_t* data,
                          size_t length) {
    if (outside(flash, address, length))
        return false;
    if (address % flash->unit_bytes != 0 || length % flash->unit_bytes != 0) {
        flash->misuses++;
        return false;
    }
    for (size_t at = 0; at < length; at += flash->unit_bytes) {
        uint8_t* unit = flash->bytes + address + at;
        for (uint32_t i = 0; i < flash->unit_bytes; i++)
            flash->misuses += unit[i] != 0xFF;
        if (cut(flash)) {
            tear(flash, unit, data + at, flash->unit_bytes);
            return false;
        }
        for (uint32_t i = 0; i < flash->unit_bytes; i++)
            unit[i] &= data[at + i];
    }
    return true;
}
