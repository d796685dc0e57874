#ifndef EC_FIRMWARE_HOST_BUILD_H
#define EC_FIRMWARE_HOST_BUILD_H

#include <stdint.h>

/* Build id of the program or shared library that this is linked into, 4 bytes and more, as the
 * linker's --build-id left it there; NULL: it left none. */
const uint8_t* ec_build_id(void);

#endif
