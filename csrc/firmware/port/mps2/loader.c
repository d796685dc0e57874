#include "firmware/port/mps2/loader.h"

#include "firmware/core/boot.h"
#include "firmware/core/slot.h"
#include "firmware/port/cortexm/cpu.h"

#define RAM 0x20000000u
#define RAM_BYTES 0x00400000u
#define VECTORS_BYTES 64u

/* A stack in RAM, and a Thumb entry inside what was copied. */
static bool is_program(const uint32_t* vectors, uint32_t length) {
    uint32_t stack = vectors[0], entry = vectors[1];
    return length >= VECTORS_BYTES && stack % 8u == 0 && stack > RAM && stack - RAM <= RAM_BYTES &&
           (entry & 1u) != 0 && entry >= EC_MPS2_LOADED && entry - EC_MPS2_LOADED < length;
}

void ec_mps2_load(const ec_flash* flash, uint8_t slot) {
    const uint32_t* vectors = (const uint32_t*)(uintptr_t)EC_MPS2_LOADED;
    ec_manifest manifest;
    if (ec_slot_manifest(flash, NULL, slot, &manifest, NULL) &&
        manifest.length <= EC_MPS2_LOADED_BYTES &&
        flash->read(NULL, ec_slot_image(flash, slot), (uint8_t*)(uintptr_t)EC_MPS2_LOADED,
                    manifest.length) &&
        is_program(vectors, manifest.length))
        ec_enter(vectors);
}
