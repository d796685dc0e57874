#ifndef EC_FIRMWARE_HOST_FLASH_H
#define EC_FIRMWARE_HOST_FLASH_H

/* NOR flash in memory, that can lose power in any write: the unit or sector in hand is left with
 * any mixture of old and new bits, and nothing works until the power is back. */

#include "firmware/hal.h"

typedef struct {
    uint8_t* bytes; /* sectors * sector_bytes, the owner's; may be a file's pages */
    uint32_t sector_bytes, unit_bytes, sectors;
    uint64_t writes;  /* units programmed and sectors erased so far */
    uint64_t cut_at;  /* the power fails in this write, counted from 1; 0: in none */
    uint64_t random;  /* state of what a torn write leaves */
    uint64_t misuses; /* writes that no flash allows: twice to a unit, across an edge */
    bool off;

    /* Checks signatures; NULL: it cannot. */
    ec_signature (*verify)(void* verifier, const uint8_t* message, size_t length,
                           const uint8_t* signature);
    void* verifier;
} ec_flash_sim;

/* Each answers false, and changes nothing, while the power is off or when the address is wrong. */
bool ec_flash_sim_read(const ec_flash_sim* flash, uint32_t address, uint8_t* data, size_t length);
bool ec_flash_sim_erase(ec_flash_sim* flash, uint32_t address);
bool ec_flash_sim_program(ec_flash_sim* flash, uint32_t address, const uint8_t* data,
                          size_t length);

#endif
