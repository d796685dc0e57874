#ifndef EC_FIRMWARE_MPS2_ELEMENT_H
#define EC_FIRMWARE_MPS2_ELEMENT_H

/* A part on UART1 that checks signatures, as a secure element does; the processor has no Ed25519.
 * Under QEMU the rig plays it, with the author's public key (firmware_bridge/testing/element.py):
 * for development only, and without it the port takes no image.
 *
 *     to it     a frame of the link (frame.h): message, 60 bytes, signature, 64 bytes
 *     from it   CRC-32C of these 124 bytes u32, then 1: the author's; anything else is no */

#include "firmware/hal.h"

/* Whether the board carries one. */
bool ec_element_present(void);

/* Its interrupt: bytes of an answer came. */
void ec_element_heard(void);

/* As of ec_flash. What gets no answer is asked again every second, as bytes may be lost. */
ec_signature ec_element_verify(void* port, const uint8_t* message, size_t length,
                               const uint8_t* signature);

#endif
