#include "firmware/port/cortexm/boot.h"

/* Survives every reset but the loss of power; sections.ld puts it at the start of RAM. */
static volatile struct {
    uint32_t seed, element, marked, boots;
} kept __attribute__((section(".kept")));

#define ELEMENT 0x4D454C45u
#define MARK 0x424F4F54u /* after power-on RAM holds this with a chance of 1 in 2^32 */

uint32_t ec_boot_id(void) {
    if (kept.marked != MARK) {
        kept.marked = MARK;
        kept.boots = 0;
    }
    kept.boots = kept.boots + 1;
    /* The steps of MurmurHash3's finaliser (Appleby) each have an inverse, so two boots of one seed
     * never share an id. */
    uint32_t id = kept.seed + kept.boots;
    id = (id ^ id >> 16) * 0x85EBCA6Bu;
    id = (id ^ id >> 13) * 0xC2B2AE35u;
    id ^= id >> 16;
    return id != 0 ? id : 1;
}

uint32_t ec_boots(void) {
    return kept.boots;
}

bool ec_board_has_element(void) {
    return kept.element == ELEMENT;
}
