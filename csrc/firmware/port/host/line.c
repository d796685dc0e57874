#include "firmware/port/host/line.h"

#include <string.h>

#define LONGEST_RUN 64u

static uint64_t next_random(ec_line* line) { /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = (line->random += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double uniform(ec_line* line) {
    return (double)(next_random(line) >> 11) * 0x1p-53;
}

static size_t below(ec_line* line, size_t limit) {
    return (size_t)(next_random(line) % limit);
}

static double no_error(double bit_error, int bits) {
    double chance = 1.0;
    for (int bit = 0; bit < bits; bit++)
        chance *= 1.0 - bit_error;
    return chance;
}

/* Each bit errs by itself; one draw tells for most bytes that none does. */
static uint8_t through_noise(ec_line* line, uint8_t byte) {
    double bit_error = line->faults.bit_error;
    if (bit_error <= 0.0 || uniform(line) < line->intact_byte)
        return byte;
    bool any = false;
    for (int bit = 0; bit < 8; bit++) {
        double chance = any ? bit_error : bit_error / (1.0 - no_error(bit_error, 8 - bit));
        if (uniform(line) < chance) {
            byte = (uint8_t)(byte ^ 1u << bit);
            line->counts.bits_flipped++;
            any = true;
        }
    }
    return byte;
}

void ec_line_init(ec_line* line, const ec_line_faults* faults) {
    memset(line, 0, sizeof *line);
    line->faults = *faults;
    line->random = faults->seed;
    line->intact_byte = no_error(faults->bit_error, 8);
}

static void put(ec_line* line, ec_burst* burst, const uint8_t* data, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (line->bytes == EC_LINE_BYTES) {
            line->counts.bytes_overrun += length - i;
            return;
        }
        line->data[(line->byte_head + line->bytes++) % EC_LINE_BYTES] =
            through_noise(line, data[i]);
        burst->length++;
    }
}

/* A run of bytes in [0, length): all of it half of the time, else a short one anywhere. */
static void choose_run(ec_line* line, size_t length, size_t* start, size_t* end) {
    *start = 0;
    *end = length;
    if (below(line, 2) == 0)
        return;
    *start = below(line, length);
    *end = *start + 1 + below(line, LONGEST_RUN);
    if (*end > length)
        *end = length;
}

static uint64_t arrival_us(ec_line* line, uint64_t now_us, size_t length) {
    uint64_t leaves_us = now_us > line->free_us ? now_us : line->free_us;
    if (line->faults.bytes_per_s != 0)
        leaves_us += (uint64_t)length * 1000000u / line->faults.bytes_per_s;
    line->free_us = leaves_us;
    uint64_t arrives_us = leaves_us + line->faults.delay_us;
    if (line->faults.jitter_us != 0)
        arrives_us += below(line, (size_t)line->faults.jitter_us + 1);
    if (arrives_us < line->last_us)
        arrives_us = line->last_us;
    line->last_us = arrives_us;
    return arrives_us;
}

void ec_line_send(ec_line* line, uint64_t now_us, const uint8_t* data, size_t length) {
    if (length == 0)
        return;
    line->counts.bytes_in += length;
    if (line->bursts == EC_LINE_BURSTS) {
        line->counts.bytes_overrun += length;
        return;
    }
    ec_burst* burst = &line->burst[(line->burst_head + line->bursts) % EC_LINE_BURSTS];
    burst->arrives_us = arrival_us(line, now_us, length);
    burst->length = 0;

    size_t start, end;
    if (uniform(line) < line->faults.drop) {
        choose_run(line, length, &start, &end);
        put(line, burst, data, start);
        put(line, burst, data + end, length - end);
        line->counts.bytes_dropped += end - start;
    } else if (uniform(line) < line->faults.duplicate) {
        choose_run(line, length, &start, &end);
        put(line, burst, data, end);
        put(line, burst, data + start, length - start);
        line->counts.bytes_repeated += end - start;
    } else {
        put(line, burst, data, length);
    }
    if (burst->length > 0)
        line->bursts++;
}

size_t ec_line_receive(ec_line* line, uint64_t now_us, uint8_t* data, size_t capacity) {
    size_t taken = 0;
    while (line->bursts > 0 && taken < capacity) {
        ec_burst* burst = &line->burst[line->burst_head];
        if (burst->arrives_us > now_us)
            break;
        for (; burst->length > 0 && taken < capacity; burst->length--, line->bytes--) {
            data[taken++] = line->data[line->byte_head];
            line->byte_head = (line->byte_head + 1) % EC_LINE_BYTES;
        }
        if (burst->length == 0) {
            line->burst_head = (line->burst_head + 1) % EC_LINE_BURSTS;
            line->bursts--;
        }
    }
    line->counts.bytes_out += taken;
    return taken;
}

uint64_t ec_line_free_us(const ec_line* line) {
    return line->free_us;
}

uint64_t ec_line_next_us(const ec_line* line) {
    return line->bursts > 0 ? line->burst[line->burst_head].arrives_us : UINT64_MAX;
}
