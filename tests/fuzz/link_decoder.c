#include "fuzz/link_targets.h"

typedef struct {
    uint32_t results[3]; /* by ec_decoded */
    uint32_t digest;
} decoded;

static void mix(decoded* seen, const void* data, size_t length) {
    const uint8_t* at = data;
    for (size_t i = 0; i < length; i++) {
        seen->digest = (seen->digest ^ at[i]) * 16777619u;
    }
}

/* What comes out encodes to a frame that decodes to the same. */
static void check_again(const ec_frame* frame) {
    uint8_t wire[EC_WIRE_MAX], buffer[EC_FRAME_MAX];
    size_t length = ec_frame_encode(frame, true, wire, sizeof wire), used;
    check(length > 0, "what was decoded encodes");
    ec_decoder decoder;
    ec_decoder_init(&decoder, buffer, sizeof buffer);
    ec_frame again;
    ec_corrupt reason;
    check(ec_decoder_feed(&decoder, wire, length, &used, &again, &reason) == EC_DECODED_FRAME,
          "an encoded frame decodes");
    check(used == length && again.kind == frame->kind && again.channel == frame->channel &&
              again.sequence == frame->sequence && again.type == frame->type &&
              again.length == frame->length && memcmp(again.body, frame->body, again.length) == 0,
          "to the same frame");
}

static void feed(ec_decoder* decoder, const uint8_t* data, size_t length, decoded* seen) {
    for (size_t at = 0; at < length;) {
        size_t used = 0;
        ec_frame frame;
        ec_corrupt reason;
        ec_decoded what = ec_decoder_feed(decoder, data + at, length - at, &used, &frame, &reason);
        check(used > 0 && used <= length - at, "bytes are used");
        check(what != EC_DECODED_NOTHING || used == length - at, "all of them, without a result");
        at += used;
        seen->results[what]++;
        if (what == EC_DECODED_CORRUPT) {
            check(reason < EC_CORRUPT_REASONS, "a reason is given");
            mix(seen, &reason, sizeof reason);
        } else if (what == EC_DECODED_FRAME) {
            check(frame.body >= decoder->buffer &&
                      frame.body + frame.length <= decoder->buffer + decoder->capacity,
                  "the body lies in the buffer");
            mix(seen, frame.body, frame.length);
            if (decoder->capacity == EC_FRAME_MAX) {
                check_again(&frame);
            }
        }
    }
    uint32_t errors = 0;
    for (size_t i = 0; i < EC_CORRUPT_REASONS; i++) {
        errors += decoder->errors[i];
    }
    check(decoder->frames == seen->results[EC_DECODED_FRAME] &&
              errors == seen->results[EC_DECODED_CORRUPT],
          "counters add up");
}

/* Some bytes as they are, some as the content of a frame, some as a frame with a flipped bit. */
static size_t make_line(bytes* in, uint8_t* line, size_t capacity) {
    size_t length = 0;
    while (bytes_left(in) && length + EC_WIRE_MAX <= capacity) {
        uint8_t how = take_byte(in);
        size_t size;
        uint8_t* block = take_block(in, (size_t)take_byte(in) * (how & 8 ? 8u : 1u), &size);
        size = size < EC_BODY_MAX ? size : EC_BODY_MAX;
        if (how % 4 == 0) {
            memcpy(line + length, block, size);
            length += size;
        } else {
            ec_frame frame = {how, 1, 2, 3, block, (uint16_t)size};
            size_t encoded = ec_frame_encode(&frame, how & 16, line + length, capacity - length);
            if (how % 4 == 3) {
                line[length + take_byte(in) % encoded] ^= (uint8_t)(1u << (how >> 5));
            }
            length += encoded;
        }
        free(block);
    }
    return length;
}

void fuzz_decoder(bytes* in) {
    uint8_t capacity_byte = take_byte(in), step = take_byte(in);
    uint16_t capacity = capacity_byte < 128 ? EC_FRAME_MAX : (uint16_t)(capacity_byte - 120);
    static uint8_t line[16384];
    size_t length = make_line(in, line, sizeof line);
    uint8_t* buffer = malloc(capacity);
    uint8_t* other = malloc(capacity);
    ec_decoder whole, pieces;
    ec_decoder_init(&whole, buffer, capacity);
    ec_decoder_init(&pieces, other, capacity);
    decoded at_once = {{0}, 0}, in_turn = {{0}, 0};
    uint8_t* block = malloc(length);
    if (length > 0) {
        memcpy(block, line, length);
    }
    feed(&whole, block, length, &at_once);
    free(block);
    for (size_t at = 0, n; at < length; at += n) {
        n = 1u + (step * (at + 1u)) % 61u;
        n = n < length - at ? n : length - at;
        block = malloc(n);
        memcpy(block, line + at, n);
        feed(&pieces, block, n, &in_turn);
        free(block);
    }
    check(at_once.digest == in_turn.digest && whole.frames == pieces.frames &&
              memcmp(whole.errors, pieces.errors, sizeof whole.errors) == 0,
          "pieces give what the whole gives");

    ec_frame good = {0, 2, 7, 0x40, NULL, 0}, frame;
    uint8_t wire[EC_WIRE_MAX];
    size_t used, at = 0, encoded = ec_frame_encode(&good, true, wire, sizeof wire);
    ec_corrupt reason;
    ec_decoded what = EC_DECODED_NOTHING;
    while (at < encoded && what != EC_DECODED_FRAME) {
        what = ec_decoder_feed(&pieces, wire + at, encoded - at, &used, &frame, &reason);
        at += used;
    }
    check(what == EC_DECODED_FRAME && frame.sequence == 7 && frame.type == 0x40,
          "after any bytes the next frame decodes");
    free(buffer);
    free(other);
}
