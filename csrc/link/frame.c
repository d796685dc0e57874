#include "link/frame.h"

#include "link/crc32c.h"

#include <string.h>

static uint32_t read_u32(const uint8_t* bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

size_t ec_frame_encode(const ec_frame* frame, bool after_idle, uint8_t* out, size_t capacity) {
    size_t content = EC_HEADER_BYTES + (size_t)frame->length + EC_CRC_BYTES;
    size_t start = after_idle ? 1u : 0u;
    if (frame->length > EC_BODY_MAX || capacity < start + EC_COBS_MAX(content) + 1u) {
        return 0;
    }
    uint8_t header[EC_HEADER_BYTES] = {frame->kind, frame->channel, frame->sequence, frame->type};
    uint32_t crc = ec_crc32c(0, header, sizeof header);
    crc = ec_crc32c(crc, frame->body, frame->length);
    uint8_t check[EC_CRC_BYTES] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16),
                                   (uint8_t)(crc >> 24)};
    out[0] = 0; /* unless after idle, the first code byte takes its place */
    ec_cobs_writer writer;
    ec_cobs_begin(&writer, out + start);
    ec_cobs_put(&writer, header, sizeof header);
    ec_cobs_put(&writer, frame->body, frame->length);
    ec_cobs_put(&writer, check, sizeof check);
    size_t end = start + ec_cobs_end(&writer);
    out[end] = 0;
    return end + 1;
}

void ec_decoder_init(ec_decoder* decoder, uint8_t* buffer, uint16_t capacity) {
    memset(decoder, 0, sizeof *decoder);
    decoder->buffer = buffer;
    decoder->capacity = capacity;
}

void ec_decoder_reset(ec_decoder* decoder) {
    decoder->length = 0;
    decoder->cobs.code = 0;
    decoder->cobs.remaining = 0;
    decoder->oversized = false;
}

/* A delimiter came after at least one other byte. */
static ec_decoded finish(ec_decoder* decoder, ec_frame* frame, ec_corrupt* reason) {
    uint16_t length = decoder->length;
    bool cut = decoder->cobs.remaining != 0, oversized = decoder->oversized;
    const uint8_t* bytes = decoder->buffer;
    uint16_t checked = (uint16_t)(length - EC_CRC_BYTES);
    ec_decoder_reset(decoder);
    if (oversized) {
        *reason = EC_CORRUPT_LONG;
    } else if (cut) {
        *reason = EC_CORRUPT_COBS;
    } else if (length < EC_HEADER_BYTES + EC_CRC_BYTES) {
        *reason = EC_CORRUPT_SHORT;
    } else if (ec_crc32c(0, bytes, checked) != read_u32(bytes + checked)) {
        *reason = EC_CORRUPT_CRC;
    } else {
        decoder->frames++;
        memcpy(frame, bytes, EC_HEADER_BYTES);
        frame->body = bytes + EC_HEADER_BYTES;
        frame->length = (uint16_t)(checked - EC_HEADER_BYTES);
        return EC_DECODED_FRAME;
    }
    decoder->errors[*reason]++;
    return EC_DECODED_CORRUPT;
}

#ifdef EC_BYTEWISE

static void take(ec_decoder* decoder, uint8_t byte) {
    ec_cobs_reader* cobs = &decoder->cobs;
    if (decoder->oversized) {
        return;
    }
    if (cobs->remaining == 0) {
        bool zero = cobs->code != 0 && cobs->code != 0xFF;
        cobs->code = byte;
        cobs->remaining = (uint8_t)(byte - 1);
        if (!zero) {
            return;
        }
        byte = 0;
    } else {
        cobs->remaining--;
    }
    if (decoder->length == decoder->capacity) {
        decoder->oversized = true;
    } else {
        decoder->buffer[decoder->length++] = byte;
    }
}

ec_decoded ec_decoder_feed(ec_decoder* decoder, const uint8_t* data, size_t length, size_t* used,
                           ec_frame* frame, ec_corrupt* reason) {
    for (size_t at = 0; at < length; at++) {
        if (data[at] != 0) {
            take(decoder, data[at]);
        } else if (decoder->cobs.code != 0) {
            *used = at + 1;
            return finish(decoder, frame, reason);
        }
    }
    *used = length;
    return EC_DECODED_NOTHING;
}

#else

ec_decoded ec_decoder_feed(ec_decoder* decoder, const uint8_t* data, size_t length, size_t* used,
                           ec_frame* frame, ec_corrupt* reason) {
    size_t at = 0;
    while (at < length) {
        const uint8_t* zero = memchr(data + at, 0, length - at);
        size_t end = zero != NULL ? (size_t)(zero - data) : length;
        while (at < end && !decoder->oversized) {
            size_t room = (size_t)(decoder->capacity - decoder->length);
            size_t take = end - at;
            if (room == 0) { /* a code byte may still come, but nothing that it stands for */
                uint8_t spill;
                decoder->oversized = ec_cobs_read(&decoder->cobs, data + at, 1, &spill) != 0;
                take = 1;
            } else {
                take = take < room ? take : room;
                decoder->length =
                    (uint16_t)(decoder->length + ec_cobs_read(&decoder->cobs, data + at, take,
                                                              decoder->buffer + decoder->length));
            }
            at += take;
        }
        at = end;
        if (zero != NULL) {
            at++;
            if (decoder->cobs.code != 0) {
                *used = at;
                return finish(decoder, frame, reason);
            }
        }
    }
    *used = length;
    return EC_DECODED_NOTHING;
}

#endif
