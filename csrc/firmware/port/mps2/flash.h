#ifndef EC_FIRMWARE_MPS2_FLASH_H
#define EC_FIRMWARE_MPS2_FLASH_H

/* The board has no flash: its 16 MB of PSRAM stand for one. QEMU can back them by a file, which
 * outlives it (`qemu:mps2-an386?flash=FILE`), and does each store at once, so killing QEMU is a cut
 * of power between two bytes. */

#include "firmware/hal.h"

/* All but `verify` and `reset`, which are the machine's. */
#define EC_MPS2_FLASH_SECTOR 4096u
#define EC_MPS2_FLASH_UNIT 8u
#define EC_MPS2_FLASH_SECTORS 258u

bool ec_mps2_flash_read(void* port, uint32_t address, uint8_t* data, size_t length);
bool ec_mps2_flash_erase(void* port, uint32_t address);
bool ec_mps2_flash_program(void* port, uint32_t address, const uint8_t* data, size_t length);

#endif
