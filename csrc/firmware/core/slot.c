#include "firmware/core/slot.h"

#include "link/crc32c.h"

#include <string.h>

#define RECORD_SECTORS 2u
#define LABEL_BYTES 128u /* manifest, CRC-32C; a multiple of every unit */
#define UNIT_MAX 32u
#define PIECE_BYTES 256u

static uint32_t slot_sectors(const ec_flash* flash) {
    return (flash->sectors - RECORD_SECTORS) / 2u;
}

static uint32_t slot_address(const ec_flash* flash, uint8_t slot) {
    return (RECORD_SECTORS + slot * slot_sectors(flash)) * flash->sector_bytes;
}

uint32_t ec_slot_image(const ec_flash* flash, uint8_t slot) {
    return slot > 1 ? 0 : slot_address(flash, slot) + flash->sector_bytes;
}

uint32_t ec_slot_capacity(const ec_flash* flash) {
    uint32_t sectors = slot_sectors(flash) - 1u;
    uint32_t marks = (flash->sector_bytes - LABEL_BYTES) / flash->unit_bytes;
    return (sectors < marks ? sectors : marks) * flash->sector_bytes;
}

bool ec_slot_manifest(const ec_flash* flash, void* port, uint8_t slot, ec_manifest* manifest,
                      uint8_t* bytes) {
    uint8_t label[LABEL_BYTES];
    uint32_t crc;
    if (slot > 1 || !flash->read(port, slot_address(flash, slot), label, sizeof label))
        return false;
    memcpy(&crc, label + EC_MANIFEST_BYTES, sizeof crc);
    if (ec_crc32c(0, label, EC_MANIFEST_BYTES) != crc || !ec_manifest_read(manifest, label) ||
        manifest->length > ec_slot_capacity(flash))
        return false;
    if (bytes != NULL)
        memcpy(bytes, label, EC_MANIFEST_BYTES);
    return true;
}

/* A mark is begun only when its sector is whole, so anything but erased counts. */
static bool is_marked(const ec_flash* flash, void* port, uint8_t slot, uint32_t sector) {
    uint8_t unit[UNIT_MAX];
    uint32_t address = slot_address(flash, slot) + LABEL_BYTES + sector * flash->unit_bytes;
    if (!flash->read(port, address, unit, flash->unit_bytes))
        return false;
    for (uint32_t i = 0; i < flash->unit_bytes; i++)
        if (unit[i] != 0xFF)
            return true;
    return false;
}

uint32_t ec_slot_stored(const ec_flash* flash, void* port, uint8_t slot, uint32_t length) {
    uint32_t sector = 0, stored = 0;
    while (stored < length && is_marked(flash, port, slot, sector)) {
        sector++;
        stored = length - stored < flash->sector_bytes ? length : stored + flash->sector_bytes;
    }
    return stored;
}

bool ec_slot_erase(const ec_flash* flash, void* port, uint8_t slot) {
    return slot <= 1 && flash->erase(port, slot_address(flash, slot));
}

bool ec_slot_label(const ec_flash* flash, void* port, uint8_t slot,
                   const uint8_t manifest[EC_MANIFEST_BYTES]) {
    uint8_t label[LABEL_BYTES];
    uint32_t crc = ec_crc32c(0, manifest, EC_MANIFEST_BYTES);
    memcpy(label, manifest, EC_MANIFEST_BYTES);
    memcpy(label + EC_MANIFEST_BYTES, &crc, sizeof crc);
    return slot <= 1 && flash->program(port, slot_address(flash, slot), label, sizeof label);
}

bool ec_slot_mark(const ec_flash* flash, void* port, uint8_t slot, uint32_t sector) {
    uint8_t unit[UNIT_MAX] = {0};
    uint32_t address = slot_address(flash, slot) + LABEL_BYTES + sector * flash->unit_bytes;
    return slot <= 1 && (is_marked(flash, port, slot, sector) ||
                         flash->program(port, address, unit, flash->unit_bytes));
}

bool ec_slot_intact(const ec_flash* flash, void* port, uint8_t slot, const ec_manifest* manifest) {
    uint8_t piece[PIECE_BYTES], digest[EC_SHA256_BYTES];
    ec_sha256 hash;
    ec_sha256_init(&hash);
    for (uint32_t at = 0; at < manifest->length; at += PIECE_BYTES) {
        uint32_t left = manifest->length - at, length = left < PIECE_BYTES ? left : PIECE_BYTES;
        if (!flash->read(port, ec_slot_image(flash, slot) + at, piece, length))
            return false;
        ec_sha256_update(&hash, piece, length);
    }
    ec_sha256_final(&hash, digest);
    return memcmp(digest, manifest->digest, sizeof digest) == 0;
}
