#include "link/bulk_receiver.h"

#include "link/parts.h"

#include <string.h>

enum { AT_TRANSFER = 0, AT_STAMP = 2, AT_OFFSET = 4, AT_STATUS = 4, AT_STORED = 8, AT_LIMIT = 12 };

static uint32_t grain_of(const ec_receiver* r, uint32_t offset) {
    return offset % r->capacity / EC_BULK_GRAIN;
}

static bool is_held(const ec_receiver* r, uint32_t offset) {
    uint32_t grain = grain_of(r, offset);
    return (r->held[grain / 8u] >> grain % 8u & 1u) != 0;
}

static void set_held(ec_receiver* r, uint32_t offset, bool held) {
    uint32_t grain = grain_of(r, offset);
    uint8_t bit = (uint8_t)(1u << grain % 8u);
    r->held[grain / 8u] = (uint8_t)(held ? r->held[grain / 8u] | bit : r->held[grain / 8u] & ~bit);
}

/* Where the credit ends. */
static uint32_t limit_of(const ec_receiver* r) {
    return r->length - r->stored < r->capacity ? r->length : r->stored + r->capacity;
}

void ec_receiver_init(ec_receiver* r, uint8_t* buffer, uint32_t capacity) {
    memset(r, 0, sizeof *r);
    r->buffer = buffer;
    r->capacity = capacity;
}

void ec_receiver_begin(ec_receiver* r, uint16_t transfer, uint32_t length, uint32_t stored) {
    r->transfer = transfer;
    r->length = length;
    r->stored = stored;
    memset(r->held, 0, sizeof r->held);
}

void ec_receiver_saw(ec_receiver* r, uint16_t stamp) {
    r->stamp = stamp;
}

bool ec_receiver_fragment(ec_receiver* r, const uint8_t* body, size_t length) {
    if (length <= EC_BULK_HEAD_BYTES || ec_get_u16(body + AT_TRANSFER) != r->transfer) {
        return false;
    }
    r->stamp = ec_get_u16(body + AT_STAMP);
    uint32_t offset = ec_get_u32(body + AT_OFFSET), limit = limit_of(r);
    uint32_t count = (uint32_t)(length - EC_BULK_HEAD_BYTES);
    if (offset % EC_BULK_GRAIN != 0 || offset > limit || count > limit - offset ||
        (count % EC_BULK_GRAIN != 0 && offset + count != r->length)) {
        return false;
    }
    for (uint32_t at = 0; at < count; at += EC_BULK_GRAIN) {
        if (offset + at >= r->stored && !is_held(r, offset + at)) {
            uint32_t piece = count - at < EC_BULK_GRAIN ? count - at : EC_BULK_GRAIN;
            memcpy(r->buffer + (offset + at) % r->capacity, body + EC_BULK_HEAD_BYTES + at, piece);
            set_held(r, offset + at, true);
        }
    }
    return true;
}

size_t ec_receiver_ready(const ec_receiver* r, const uint8_t** data) {
    uint32_t end = r->stored, limit = limit_of(r), start = r->stored % r->capacity;
    uint32_t wrap =
        limit - r->stored < r->capacity - start ? limit : r->stored + r->capacity - start;
    while (end < wrap && is_held(r, end)) {
        end += wrap - end < EC_BULK_GRAIN ? wrap - end : EC_BULK_GRAIN;
    }
    *data = r->buffer + start;
    return end - r->stored;
}

void ec_receiver_stored(ec_receiver* r, size_t length) {
    for (uint32_t at = 0; at < length; at += EC_BULK_GRAIN) {
        set_held(r, r->stored + at, false);
    }
    r->stored += (uint32_t)length;
}

bool ec_receiver_complete(const ec_receiver* r) {
    return r->length != 0 && r->stored == r->length;
}

size_t ec_receiver_report(const ec_receiver* r, uint8_t status, uint8_t* out) {
    memset(out, 0, EC_BULK_REPORT_MAX);
    ec_put_u16(out + AT_TRANSFER, r->transfer);
    ec_put_u16(out + AT_STAMP, r->stamp);
    out[AT_STATUS] = status;
    ec_put_u32(out + AT_STORED, r->stored);
    ec_put_u32(out + AT_LIMIT, limit_of(r));
    size_t used = 0;
    uint32_t grains = (limit_of(r) - r->stored + EC_BULK_GRAIN - 1u) / EC_BULK_GRAIN;
    for (uint32_t i = 0; i < grains; i++) {
        if (is_held(r, r->stored + i * EC_BULK_GRAIN)) {
            out[EC_BULK_REPORT_BYTES + i / 8u] |= (uint8_t)(1u << i % 8u);
            used = i / 8u + 1u;
        }
    }
    return EC_BULK_REPORT_BYTES + used;
}
