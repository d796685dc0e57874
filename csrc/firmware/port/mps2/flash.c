#include "firmware/port/mps2/flash.h"

#define PSRAM ((volatile uint8_t*)(uintptr_t)0x21000000u)
#define FLASH_BYTES (EC_MPS2_FLASH_SECTOR * EC_MPS2_FLASH_SECTORS)

static bool lies_inside(uint32_t address, size_t length) {
    return address <= FLASH_BYTES && length <= FLASH_BYTES - address;
}

bool ec_mps2_flash_read(void* port, uint32_t address, uint8_t* data, size_t length) {
    (void)port;
    if (!lies_inside(address, length))
        return false;
    for (size_t i = 0; i < length; i++)
        data[i] = PSRAM[address + i];
    return true;
}

bool ec_mps2_flash_erase(void* port, uint32_t address) {
    (void)port;
    if (address % EC_MPS2_FLASH_SECTOR != 0 || !lies_inside(address, EC_MPS2_FLASH_SECTOR))
        return false;
    for (size_t i = 0; i < EC_MPS2_FLASH_SECTOR; i++)
        PSRAM[address + i] = 0xFF;
    return true;
}

/* As flash does it: bits only become zero. */
bool ec_mps2_flash_program(void* port, uint32_t address, const uint8_t* data, size_t length) {
    (void)port;
    if ((address | length) % EC_MPS2_FLASH_UNIT != 0 || !lies_inside(address, length))
        return false;
    for (size_t i = 0; i < length; i++)
        PSRAM[address + i] = PSRAM[address + i] & data[i];
    return true;
}
