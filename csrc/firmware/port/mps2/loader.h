#ifndef EC_FIRMWARE_MPS2_LOADER_H
#define EC_FIRMWARE_MPS2_LOADER_H

/* Runs the image of a slot: copies it into code memory at EC_MPS2_LOADED and enters it there, so
 * one image fits both slots (memory_loaded.ld). The program that does so is the one that the board
 * came with; it stays below, and runs itself when a slot holds no program for this board. */

#include "firmware/hal.h"

#define EC_MPS2_LOADED 0x00200000u
#define EC_MPS2_LOADED_BYTES 0x00200000u

/* Does not return if the slot holds a program. EC_SLOT_NONE holds none. */
void ec_mps2_load(const ec_flash* flash, uint8_t slot);

#endif
