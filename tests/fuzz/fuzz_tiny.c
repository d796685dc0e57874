/* The firmware that answers MLPerf Tiny's commands, under any bytes, cut anywhere, on a line that
 * takes its answers in any pieces: they are whole lines, and each command is answered by one
 * m-ready. The first byte seeds where it is cut; the others are what the host says. */

#include "firmware/core/mlperf_tiny.h"
#include "fuzz/bytes.h"

enum { INPUTS = 4, RESULTS = EC_TINY_RESULTS_MAX, STEPS = 5000 };

typedef struct {
    bytes in;
    uint32_t dice;
    uint64_t now_us;
    char line[2 * EC_TEXT_LINE_BYTES];
    size_t length;
    unsigned terminators, ready;
} board;

static uint64_t now_us(void* port) {
    return ((board*)port)->now_us += 100;
}

/* Below `sides`: Lehmer's generator. */
static size_t roll(board* b, size_t sides) {
    b->dice = (uint32_t)((uint64_t)b->dice * 48271u % 2147483647u);
    return b->dice % sides;
}

static size_t receive(void* port, uint8_t* data, size_t capacity) {
    board* b = port;
    size_t length = 0;
    size_t most = roll(b, capacity) + 1;
    for (; length < most && bytes_left(&b->in); length++) {
        data[length] = take_byte(&b->in);
        b->terminators += data[length] == '%';
    }
    return length;
}

static size_t transmit(void* port, const uint8_t* data, size_t length) {
    board* b = port;
    /* Behind the last byte all is taken, so that every answer ends. */
    size_t taken = bytes_left(&b->in) ? roll(b, length + 1) : length;
    for (size_t i = 0; i < taken; i++) {
        char letter = (char)data[i];
        check(letter == '\r' || letter == '\n' || (letter >= ' ' && letter <= '~'), "printable");
        b->line[b->length++] = letter;
        check(b->length < sizeof b->line, "lines end");
        if (letter != '\n')
            continue;
        check(b->length >= 2 && b->line[b->length - 2] == '\r', "CR before LF");
        b->ready += b->length == 9 && memcmp(b->line, "m-ready\r\n", 9) == 0;
        b->length = 0;
    }
    return taken;
}

static void kick_watchdog(void* port) {
    (void)port;
}

/* A model that reads all of its input and writes all of its results. */
static uint8_t seen[INPUTS];

static void load(void* context, const uint8_t* input) {
    (void)context;
    memcpy(seen, input, INPUTS);
}

static void infer(void* context) {
    (void)context;
}

static void results(void* context, int32_t* thousandths) {
    (void)context;
    for (size_t i = 0; i < RESULTS; i++)
        thousandths[i] = (int32_t)((uint32_t)seen[i % INPUTS] << 24 | 0x00FFFFFFu);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ec_tiny_model model = {"fuzz", "ic01", INPUTS, RESULTS, NULL, load, infer, results};
    board b = {{data, size, 0}, 1, 0, {0}, 0, 0, 0};
    b.dice += take_byte(&b.in);
    ec_hal hal;
    memset(&hal, 0, sizeof hal);
    hal.port = &b;
    hal.now_us = now_us;
    hal.receive = receive;
    hal.transmit = transmit;
    hal.kick_watchdog = kick_watchdog;

    ec_tiny* tiny = malloc(sizeof *tiny);
    check(ec_tiny_init(tiny, &hal, &model), "it boots");
    bool waits = false, idle = false;
    /* Some commands ask for more inferences than there is time for. A line that was full is not so
     * twice: then there is nothing more to say. */
    for (unsigned step = 0; step < STEPS && !idle; step++) {
        bool waited = waits;
        waits = ec_tiny_step(tiny) == UINT64_MAX && !bytes_left(&b.in);
        idle = waited && waits;
    }
    check(b.ready <= b.terminators + 1, "no answer without a command");
    if (idle) {
        check(b.ready == b.terminators + 1, "every command is answered");
        check(b.length == 0, "whole lines");
    }
    b.in.at = b.in.size;
    ec_tiny_line_lost(tiny);
    check(ec_tiny_step(tiny) == UINT64_MAX, "nothing is left of a lost line");
    free(tiny);
    return 0;
}
