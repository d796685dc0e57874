/* The two halves of a transfer: docs/protocol.md's invariants 7, 10 and 11.
 *
 * The first byte chooses: a sender that hears any reports; a receiver that hears any fragments; or
 * both, with a pipe between them that loses and doubles frames, resets of either side, and a line
 * that heals at the end. Blocks have exactly their size, for AddressSanitizer. */

#include "fuzz/bytes.h"
#include "link/bulk_receiver.h"
#include "link/bulk_sender.h"
#include "link/parts.h"

enum { TRANSFER = 7, SECTOR = 256, PIPE = 48, LENGTH_MAX = 12000 };

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t take_u16(bytes* in) {
    uint32_t low = take_byte(in);
    return low | (uint32_t)take_byte(in) << 8;
}

static uint8_t byte_at(uint32_t offset) {
    return (uint8_t)(offset * 167u + (offset >> 8) * 29u);
}

/* A sender, and the credit it was ever given since its session began. */
typedef struct {
    ec_sender half;
    uint32_t granted;
} sender;

static void sender_hear(sender* s, uint64_t now, const uint8_t* body, size_t length) {
    if (ec_sender_report(&s->half, now, body, length)) {
        check(length >= EC_BULK_REPORT_BYTES, "a report is whole");
        uint32_t limit = ec_get_u32(body + 12);
        s->granted = limit > s->granted ? limit : s->granted;
    }
}

static void sender_restart(sender* s) {
    ec_sender_restart(&s->half);
    s->granted = 0;
}

static ec_send sender_say(sender* s, uint64_t now) {
    ec_send send = ec_sender_next(&s->half, now);
    if (send.kind == EC_SEND_FRAGMENT) {
        uint32_t end = send.offset + send.length;
        check(send.length > 0 && send.length <= EC_BULK_FRAGMENT_MAX, "a fragment fits a frame");
        check(send.offset < end && end <= s->half.length, "nothing lies beyond the end");
        check(end <= s->granted, "nothing is sent beyond the credit");
        check(send.offset % EC_BULK_GRAIN == 0, "a fragment begins at a grain");
        check(send.length % EC_BULK_GRAIN == 0 || end == s->half.length, "it is whole grains");
        check(ec_get_u32(send.head + 4) == send.offset, "the head says where it belongs");
    }
    check(s->half.flight_count <= EC_BULK_FLIGHTS, "flights have their places");
    check(!ec_sender_over(&s->half) || send.kind == EC_SEND_NOTHING, "what is over is silent");
    return send;
}

static void fuzz_sender(bytes* in) {
    sender s = {.granted = 0};
    uint64_t now = 0;
    ec_sender_init(&s.half, TRANSFER, 1u + take_u16(in), take_u16(in) * 64u);
    while (bytes_left(in)) {
        uint8_t how = take_byte(in);
        size_t length;
        uint8_t* body = take_block(in, how >> 1 & 63, &length);
        if (how & 1 && length >= EC_BULK_REPORT_BYTES) { /* one that may make sense */
            uint32_t stored = ec_get_u16(body + 8) / EC_BULK_GRAIN * EC_BULK_GRAIN;
            ec_put_u16(body, TRANSFER);
            ec_put_u16(body + 2, (uint16_t)(s.half.stamp - body[2] % 4));
            body[4] = body[4] < 200 ? EC_BULK_RECEIVING : body[4];
            ec_put_u32(body + 8, least(stored, s.half.length));
            ec_put_u32(body + 12, stored + ec_get_u16(body + 12));
        }
        sender_hear(&s, now, body, length);
        free(body);
        if (how == 128) {
            sender_restart(&s);
        }
        uint32_t said = 0;
        while (sender_say(&s, now).kind != EC_SEND_NOTHING) {
            check(++said <= 2u * EC_BULK_FLIGHTS + 1u, "one report starts no endless flood");
        }
        check(ec_sender_due(&s.half) > now, "what is due was sent");
        now += take_byte(in) * 1000u;
    }
}

/* A receiver with its window and what it stores; `known` is what first came for each byte. */
typedef struct {
    ec_receiver half;
    uint8_t *window, *flash, *known, *came;
    uint32_t length, outlived; /* what a reset left in the flash */
} receiver;

static void receiver_open(receiver* r, uint32_t capacity, uint32_t length) {
    r->window = malloc(capacity);
    r->flash = malloc(length);
    r->known = malloc(length);
    r->came = calloc(length, 1);
    r->length = length;
    r->outlived = 0;
    ec_receiver_init(&r->half, r->window, capacity);
}

static void receiver_close(receiver* r) {
    free(r->window);
    free(r->flash);
    free(r->known);
    free(r->came);
}

static void receiver_begin(receiver* r, uint32_t stored) {
    ec_receiver_begin(&r->half, TRANSFER, r->length, stored);
    memset(r->came + stored, 0, r->length - stored);
}

static void receiver_hear(receiver* r, const uint8_t* body, size_t length) {
    uint32_t credit = least(r->half.stored + r->half.capacity, r->half.length);
    if (ec_receiver_fragment(&r->half, body, length)) {
        uint32_t offset = ec_get_u32(body + 4);
        check(length > EC_BULK_HEAD_BYTES && ec_get_u16(body) == TRANSFER, "it is a fragment");
        check(offset + (length - EC_BULK_HEAD_BYTES) <= credit, "no more is kept than granted");
        for (uint32_t at = 0; at < length - EC_BULK_HEAD_BYTES; at++) {
            if (offset + at >= r->half.stored && !r->came[offset + at]) {
                r->came[offset + at] = 1;
                r->known[offset + at] = body[EC_BULK_HEAD_BYTES + at];
            }
        }
    }
}

/* Stores what is ready, `most` grains of it at once. */
static void receiver_store(receiver* r, uint32_t most) {
    const uint8_t* data;
    uint32_t ready = (uint32_t)ec_receiver_ready(&r->half, &data), at = r->half.stored;
    check(ready <= r->length - at, "nothing is stored beyond the manifest's length");
    check(ready == 0 || r->came[at + ready - 1], "what is ready has come");
    check(at + ready == r->length || ready == 0 || data + ready == r->window + r->half.capacity ||
              !r->came[at + ready],
          "all that lies in one piece is ready");
    ready = least(ready, most * EC_BULK_GRAIN);
    memcpy(r->flash + at, data, ready);
    check(memcmp(r->flash + at, r->known + at, ready) == 0, "what is stored is what came");
    ec_receiver_stored(&r->half, ready);
    check(ec_receiver_complete(&r->half) == (at + ready == r->length), "complete is all of it");
}

static size_t receiver_report(const receiver* r, uint8_t status, uint8_t* body) {
    size_t length = ec_receiver_report(&r->half, status, body);
    uint32_t stored = ec_get_u32(body + 8), limit = ec_get_u32(body + 12);
    check(length >= EC_BULK_REPORT_BYTES && length <= EC_BULK_REPORT_MAX, "a report has room");
    check(stored <= limit && limit <= r->half.length, "the credit ends with the image");
    check(limit - stored <= r->half.capacity, "the credit is a window");
    for (uint32_t i = 0; i < (length - EC_BULK_REPORT_BYTES) * 8u; i++) {
        bool held = (body[EC_BULK_REPORT_BYTES + i / 8u] >> i % 8u & 1u) != 0;
        uint32_t at = stored + i * EC_BULK_GRAIN;
        check(held == (at < limit && r->came[at]), "a report says what is held");
    }
    return length;
}

static uint32_t take_capacity(bytes* in) {
    return 8u * EC_BULK_GRAIN * (1u + take_byte(in) % 16u);
}

static void fuzz_receiver(bytes* in) {
    receiver r;
    uint32_t capacity = take_capacity(in), length = 1u + take_u16(in) % LENGTH_MAX;
    receiver_open(&r, capacity, length);
    receiver_begin(&r, 0);
    while (bytes_left(in)) {
        uint8_t how = take_byte(in), report[EC_BULK_REPORT_MAX];
        size_t count;
        if (how & 1) { /* one that may make sense, of many bytes made of a few */
            uint8_t body[EC_BULK_HEAD_BYTES + EC_BULK_FRAGMENT_MAX];
            uint32_t ahead = take_byte(in) % 160u * EC_BULK_GRAIN, stored = r.half.stored;
            uint32_t offset = stored / EC_BULK_GRAIN * EC_BULK_GRAIN + ahead;
            count = least(take_byte(in) * 2u, sizeof body - EC_BULK_HEAD_BYTES);
            count = how & 2 && offset < length ? least((uint32_t)count, length - offset)
                                               : count / EC_BULK_GRAIN * EC_BULK_GRAIN;
            ec_put_u16(body, TRANSFER);
            ec_put_u16(body + 2, how);
            ec_put_u32(body + 4, how & 4 ? offset - 64u : offset);
            memset(body + EC_BULK_HEAD_BYTES, how, count);
            receiver_hear(&r, body, EC_BULK_HEAD_BYTES + count);
        } else {
            uint8_t* body = take_block(in, take_byte(in), &count);
            receiver_hear(&r, body, count);
            free(body);
        }
        if (how & 8) {
            receiver_store(&r, 1u + (how >> 4));
        }
        receiver_report(&r, EC_BULK_RECEIVING, report);
    }
    receiver_close(&r);
}

/* Frames of one direction, first in, first out; those of a full pipe are lost. */
typedef struct {
    uint32_t first, count;
    uint16_t length[PIPE];
    uint8_t body[PIPE][EC_BULK_HEAD_BYTES + EC_BULK_FRAGMENT_MAX];
} pipe;

static uint8_t* pipe_put(pipe* p, size_t length) {
    uint32_t at = (p->first + p->count) % PIPE;
    p->count += p->count < PIPE;
    p->length[at] = (uint16_t)length;
    return p->body[at];
}

static size_t pipe_take(pipe* p, uint8_t fault, const uint8_t** body) {
    size_t length = p->length[p->first];
    *body = p->body[p->first];
    if (fault % 4 != 1) { /* else it stays, and comes twice */
        p->first = (p->first + 1) % PIPE;
        p->count--;
    }
    return fault % 4 == 2 ? 0 : length;
}

static uint8_t status_of(const receiver* r) {
    for (uint32_t at = 0; ec_receiver_complete(&r->half) && at < r->length; at++) {
        check(r->flash[at] == byte_at(at), "done is all bytes as they are");
    }
    return ec_receiver_complete(&r->half) ? EC_BULK_DONE : EC_BULK_RECEIVING;
}

static void device_hear(receiver* r, const uint8_t* body, size_t length, pipe* up) {
    if (length == 4) { /* an offer, less its manifest */
        if (r->half.transfer != TRANSFER) {
            receiver_begin(r, r->outlived);
        }
        ec_receiver_saw(&r->half, ec_get_u16(body + 2));
    } else if (length > 4) {
        receiver_hear(r, body, length);
    }
    uint8_t report[EC_BULK_REPORT_MAX];
    if (r->half.transfer == TRANSFER) {
        length = receiver_report(r, status_of(r), report);
        memcpy(pipe_put(up, length), report, length);
    }
}

static void host_say(sender* s, uint64_t now, uint32_t most, pipe* down) {
    for (uint32_t said = 0; said < most; said++) {
        ec_send send = sender_say(s, now);
        if (send.kind == EC_SEND_NOTHING) {
            return;
        }
        uint8_t* body = pipe_put(down, send.head_bytes + (size_t)send.length);
        memcpy(body, send.head, send.head_bytes);
        for (uint32_t at = 0; at < send.length; at++) {
            body[send.head_bytes + at] = byte_at(send.offset + at);
        }
    }
}

/* A new session, after a reset of the device too if it says so: whole sectors outlive that. */
static void reconnect(sender* s, receiver* r, pipe* down, bool reset) {
    sender_restart(s);
    down->count = 0;
    if (reset && r->half.transfer == TRANSFER) {
        uint32_t stored = r->half.stored;
        ec_receiver_init(&r->half, r->window, r->half.capacity);
        r->outlived = stored == r->length ? stored : stored / SECTOR * SECTOR;
    }
}

static void fuzz_both(bytes* in) {
    receiver r;
    sender s = {.granted = 0};
    pipe *down = calloc(1, sizeof *down), *up = calloc(1, sizeof *up);
    uint32_t capacity = take_capacity(in), length = 1u + take_u16(in) % LENGTH_MAX;
    uint64_t now = 0;
    receiver_open(&r, capacity, length);
    ec_sender_init(&s.half, TRANSFER, length, take_byte(in) * 1024u);
    for (uint32_t healing = 0; bytes_left(in) || (healing < 4000 && !ec_sender_over(&s.half));) {
        uint8_t how = take_byte(in), down_fault = take_byte(in), up_fault = take_byte(in);
        healing += !bytes_left(in);
        if (how >= 0xF0) {
            reconnect(&s, &r, down, how & 1);
        }
        now += healing > 0 ? 20000u : how * 200u;
        host_say(&s, now, healing > 0 ? 8 : how % 8u, down);
        for (uint32_t n = 0; n < 4 && down->count > 0; n++) {
            const uint8_t* body;
            size_t count = pipe_take(down, (uint8_t)(down_fault >> 2 * n), &body);
            device_hear(&r, body, count, up);
        }
        if (r.half.transfer == TRANSFER) {
            receiver_store(&r, healing > 0 ? 128u : 1u + how % 16u);
        }
        for (uint32_t n = 0; n < 4 && up->count > 0; n++) {
            const uint8_t* body;
            size_t count = pipe_take(up, (uint8_t)(up_fault >> 2 * n), &body);
            sender_hear(&s, now, body, count);
        }
    }
    check(s.half.status == EC_BULK_DONE && ec_sender_over(&s.half), "a healed line carries all");
    check(status_of(&r) == EC_BULK_DONE, "done is said of what is done");
    receiver_close(&r);
    free(down);
    free(up);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    bytes in = {data, size, 0};
    uint8_t target = take_byte(&in) % 4;
    if (target == 0) {
        fuzz_sender(&in);
    } else if (target == 1) {
        fuzz_receiver(&in);
    } else {
        fuzz_both(&in);
    }
    return 0;
}
