#ifndef EC_FIRMWARE_CORTEXM_BOOT_H
#define EC_FIRMWARE_CORTEXM_BOOT_H

#include <stdbool.h>
#include <stdint.h>

/* The id of this boot: the number of resets since power came on, mixed with a seed that lies in the
 * first word of RAM when it did. QEMU's `loader` device puts one there; a chip without it has what
 * its RAM happens to hold. Never 0. Call once a boot. */
uint32_t ec_boot_id(void);

/* Boots since power came on, this one included, once ec_boot_id was called. */
uint32_t ec_boots(void);

/* Whether a part that checks signatures is wired to this board: as the second word of RAM says, a
 * strap that the same loader sets. */
bool ec_board_has_element(void);

#endif
