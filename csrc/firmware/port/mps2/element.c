#include "firmware/port/mps2/element.h"

#include "firmware/port/cortexm/boot.h"
#include "firmware/port/cortexm/cpu.h"
#include "firmware/port/cortexm/machine.h"
#include "link/bulk.h"
#include "link/crc32c.h"
#include "link/frame.h"

#include <string.h>

#define UART1_DATA EC_REGISTER(0x40005000)
#define UART1_STATE EC_REGISTER(0x40005004)
#define UART1_CTRL EC_REGISTER(0x40005008)
#define UART1_DIVIDER EC_REGISTER(0x40005010)
#define UART1_TX_FULL 1u
#define UART1_RX_FULL 2u
#define UART1_ON 3u
#define UART1_DIVISOR 27u /* 921,600 baud */

/* Less than a host waits for a sign of life, and than the watchdog. */
#define PATIENCE_US 900000u
#define ASKED_BYTES (EC_MANIFEST_SIGNED + EC_SIGNATURE_BYTES)
#define ANSWER_BYTES 5u

bool ec_element_present(void) {
    return ec_board_has_element();
}

static bool send(const uint8_t* data, size_t length, uint64_t until_us) {
    for (size_t i = 0; i < length;) {
        if ((UART1_STATE & UART1_TX_FULL) == 0)
            UART1_DATA = data[i++];
        else if (ec_machine_now_us() >= until_us)
            return false;
    }
    return true;
}

static bool receive(uint8_t* data, size_t length, uint64_t until_us) {
    for (size_t i = 0; i < length;) {
        if ((UART1_STATE & UART1_RX_FULL) != 0)
            data[i++] = (uint8_t)UART1_DATA;
        else if (ec_machine_now_us() >= until_us)
            return false;
    }
    return true;
}

bool ec_element_verify(void* port, const uint8_t* message, size_t length,
                       const uint8_t* signature) {
    uint8_t asked[ASKED_BYTES], wire[EC_COBS_MAX(EC_HEADER_BYTES + ASKED_BYTES + EC_CRC_BYTES) + 2];
    uint8_t answer[ANSWER_BYTES];
    uint64_t until_us = ec_machine_now_us() + PATIENCE_US;
    uint32_t about;
    (void)port;
    if (length != EC_MANIFEST_SIGNED)
        return false;
    memcpy(asked, message, EC_MANIFEST_SIGNED);
    memcpy(asked + EC_MANIFEST_SIGNED, signature, EC_SIGNATURE_BYTES);
    ec_frame frame = {.body = asked, .length = sizeof asked};
    size_t bytes = ec_frame_encode(&frame, true, wire, sizeof wire);

    UART1_DIVIDER = UART1_DIVISOR;
    UART1_CTRL = UART1_ON;
    while ((UART1_STATE & UART1_RX_FULL) != 0 && ec_machine_now_us() < until_us)
        (void)UART1_DATA; /* of a question before a reset */
    if (!send(wire, bytes, until_us) || !receive(answer, sizeof answer, until_us))
        return false;
    memcpy(&about, answer, sizeof about);
    return about == ec_crc32c(0, asked, sizeof asked) && answer[sizeof about] == 1;
}
