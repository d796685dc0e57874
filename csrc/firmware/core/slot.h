#ifndef EC_FIRMWARE_SLOT_H
#define EC_FIRMWARE_SLOT_H

/* One of the two places for an image. The first sector holds the manifest and a mark for each
 * sector of the image that is whole, so that a transfer goes on after a reset where it was.
 *
 *     [ manifest, CRC | mark mark mark ...    ][ image ...          ][ ...          ]
 *       128 bytes       a unit for each sector   sector 0              sector 1
 */

#include "firmware/hal.h"
#include "link/bulk.h"

/* Where things lie in the flash; all answers are 0 for a slot that does not exist. */
uint32_t ec_slot_image(const ec_flash* flash, uint8_t slot);
uint32_t ec_slot_capacity(const ec_flash* flash);

/* The manifest of what the slot holds, in served form too if `bytes` is not NULL. False when there
 * is none. */
bool ec_slot_manifest(const ec_flash* flash, void* port, uint8_t slot, ec_manifest* manifest,
                      uint8_t* bytes);

/* Bytes of the image that are surely there: whole sectors, or all. */
uint32_t ec_slot_stored(const ec_flash* flash, void* port, uint8_t slot, uint32_t length);

/* Opens a slot for an image, in two steps: erase, which also forgets what was there, then label. */
bool ec_slot_erase(const ec_flash* flash, void* port, uint8_t slot);
bool ec_slot_label(const ec_flash* flash, void* port, uint8_t slot,
                   const uint8_t manifest[EC_MANIFEST_BYTES]);

/* Marks the sector of the image as whole. */
bool ec_slot_mark(const ec_flash* flash, void* port, uint8_t slot, uint32_t sector);

/* Whether the image is what its manifest says; takes as long as its digest. */
bool ec_slot_intact(const ec_flash* flash, void* port, uint8_t slot, const ec_manifest* manifest);

#endif
