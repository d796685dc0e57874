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
#define UART1_CLEAR EC_REGISTER(0x4000500C)
#define UART1_DIVIDER EC_REGISTER(0x40005010)
#define UART1_TX_FULL 1u
#define UART1_RX_FULL 2u
#define UART1_ON 0xBu /* both directions, and an interrupt for what is received */
#define UART1_RX_INTERRUPT 2u
#define UART1_DIVISOR 27u /* 921,600 baud */

/* A question takes 1.5 ms to be sent. */
#define SEND_US 10000u
#define ASK_AGAIN_US 1000000u
#define ASKED_BYTES (EC_MANIFEST_SIGNED + EC_SIGNATURE_BYTES)
#define ANSWER_BYTES 5u

/* The last bytes that came; shared with the interrupt. */
static volatile uint8_t heard[ANSWER_BYTES];

static struct {
    uint8_t bytes[ASKED_BYTES];
    uint32_t crc;
    uint64_t sent_us;
    bool under_way;
} question;

bool ec_element_present(void) {
    return ec_board_has_element();
}

void ec_element_heard(void) {
    UART1_CLEAR = UART1_RX_INTERRUPT;
    for (unsigned i = 1; i < ANSWER_BYTES; i++)
        heard[i - 1] = heard[i];
    heard[ANSWER_BYTES - 1] = (uint8_t)UART1_DATA;
}

static void ask(uint64_t now_us) {
    uint8_t wire[EC_COBS_MAX(EC_HEADER_BYTES + ASKED_BYTES + EC_CRC_BYTES) + 2];
    ec_frame frame = {.body = question.bytes, .length = sizeof question.bytes};
    size_t length = ec_frame_encode(&frame, true, wire, sizeof wire);
    question.sent_us = now_us;
    UART1_DIVIDER = UART1_DIVISOR;
    UART1_CTRL = UART1_ON;
    for (size_t i = 0; i < length;) {
        if ((UART1_STATE & UART1_TX_FULL) == 0)
            UART1_DATA = wire[i++];
        else if (ec_machine_now_us() - now_us >= SEND_US)
            return;
    }
}

/* The verdict, if the last bytes that came are one on this question: answers to others, and what a
 * reset left of one, are not. */
static ec_signature answer(void) {
    uint8_t bytes[ANSWER_BYTES];
    uint32_t about;
    ec_interrupts_off();
    for (unsigned i = 0; i < ANSWER_BYTES; i++)
        bytes[i] = heard[i];
    ec_interrupts_on();
    memcpy(&about, bytes, sizeof about);
    if (about != question.crc)
        return EC_SIGNATURE_LATER;
    return bytes[sizeof about] == 1 ? EC_SIGNATURE_GOOD : EC_SIGNATURE_BAD;
}

ec_signature ec_element_verify(void* port, const uint8_t* message, size_t length,
                               const uint8_t* signature) {
    uint64_t now_us = ec_machine_now_us();
    (void)port;
    if (length != EC_MANIFEST_SIGNED)
        return EC_SIGNATURE_BAD;
    bool same = memcmp(question.bytes, message, EC_MANIFEST_SIGNED) == 0 &&
                memcmp(question.bytes + EC_MANIFEST_SIGNED, signature, EC_SIGNATURE_BYTES) == 0;
    if (!question.under_way || !same) {
        memcpy(question.bytes, message, EC_MANIFEST_SIGNED);
        memcpy(question.bytes + EC_MANIFEST_SIGNED, signature, EC_SIGNATURE_BYTES);
        question.crc = ec_crc32c(0, question.bytes, sizeof question.bytes);
        question.under_way = true;
        ask(now_us);
        return EC_SIGNATURE_LATER;
    }
    ec_signature verdict = answer();
    if (verdict != EC_SIGNATURE_LATER)
        question.under_way = false;
    else if (now_us - question.sent_us >= ASK_AGAIN_US)
        ask(now_us);
    return verdict;
}
