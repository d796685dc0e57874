#include "fuzz/link_targets.h"

/* One turn of an undisturbed line. */
static void turn(end* from, end* to, uint64_t now) {
    size_t length;
    uint8_t* block = end_say(from, now, 1024, &length);
    end_hear(to, now, block, length);
    free(block);
}

/* A session with a peer that has the key, and is then seen no more; returns the time. */
static uint64_t meet(end* self, ec_role role) {
    end* peer = malloc(sizeof *peer);
    uint64_t now = 0;
    end_open(peer, role == EC_HOST ? EC_DEVICE : EC_HOST, 2, true);
    while (!ec_session_authenticated(&self->session)) {
        check(now < 5000000u, "a session opens");
        now += 10000u;
        turn(peer, self, now);
        turn(self, peer, now);
    }
    end_close(peer);
    free(peer);
    return now;
}

/* What the peer that has the key would end this frame with. */
static void seal(const end* self, ec_frame* frame, uint8_t* body) {
    const ec_auth_state* auth = &self->session.auth;
    uint8_t code[EC_SHA256_BYTES], head[12];
    uint64_t counter = auth->received + 1u;
    ec_hmac hmac;
    for (size_t i = 0; i < 8; i++) {
        head[i] = (uint8_t)(counter >> 8 * i);
    }
    memcpy(head + 8, (uint8_t[]){frame->kind, frame->channel, frame->sequence, frame->type}, 4);
    memcpy(body, frame->body, frame->length);
    ec_hmac_init(&hmac, &auth->receiving);
    ec_hmac_update(&hmac, head, sizeof head);
    ec_hmac_update(&hmac, body, frame->length);
    ec_hmac_final(&hmac, code);
    memcpy(body + frame->length, head, 4);
    memcpy(body + frame->length + 4, code, EC_TAG_BYTES);
    frame->body = body;
    frame->length = (uint16_t)(frame->length + EC_TRAILER_BYTES);
}

void fuzz_session(bytes* in, ec_role role, bool keyed) {
    end* self = malloc(sizeof *self);
    end_open(self, role, (uint8_t)(1u << take_byte(in) % 6u), keyed);
    uint64_t now = keyed ? meet(self, role) : 0;
    while (bytes_left(in)) {
        uint8_t how = take_byte(in);
        size_t length;
        uint8_t* block;
        switch (how % 5) {
        case 0:
            block = take_block(in, take_byte(in), &length);
            end_hear(self, now, block, length);
            free(block);
            break;
        case 1:
        case 2: {
            uint8_t wire[EC_WIRE_MAX], header[3] = {take_byte(in), take_byte(in), take_byte(in)};
            uint8_t sealed[EC_BODY_MAX];
            block = take_block(in, take_byte(in), &length);
            if (length >= 2 && how & 64) { /* of this session */
                memcpy(block, &self->session.session, 2);
            }
            ec_frame frame = {
                header[0] % EC_KINDS, header[1] % (EC_CHANNELS + 1), how, header[2], block,
                (uint16_t)length};
            if (keyed && self->session.auth.active) {
                seal(self, &frame, sealed);
            }
            size_t encoded = ec_frame_encode(&frame, true, wire, sizeof wire);
            free(block);
            end_hear(self, now, wire, encoded);
            break;
        }
        case 3:
            end_act(self, in, now);
            break;
        default:
            now += (uint64_t)take_byte(in) * (how & 128 ? 10000u : 100u);
            end_events(self, now);
            block = end_say(self, now, take_byte(in) * 3u, &length);
            free(block);
            check(ec_session_due(&self->session, now) >= now, "nothing is due in the past");
        }
    }
    check(self->session.decoder.frames >= self->session.stats.ignored, "ignored frames are frames");
    end_close(self);
    free(self);
}

/* Changes a byte of the first frame, whole again to every check but a seal. */
static void forge(end* to, uint64_t now, const uint8_t* block, size_t length, uint8_t how) {
    uint8_t buffer[EC_FRAME_MAX], body[EC_BODY_MAX], wire[EC_WIRE_MAX];
    ec_decoder decoder;
    ec_frame frame;
    ec_corrupt reason;
    size_t used = 0;
    ec_decoder_init(&decoder, buffer, sizeof buffer);
    if (length == 0 ||
        ec_decoder_feed(&decoder, block, length, &used, &frame, &reason) != EC_DECODED_FRAME) {
        return;
    }
    memcpy(body, frame.body, frame.length);
    if (frame.length > 0) {
        body[how % frame.length] ^= 1u;
    }
    frame.body = body;
    frame.channel = frame.length > 0 ? frame.channel : (uint8_t)(frame.channel + 1u);
    end_hear(to, now, wire, ec_frame_encode(&frame, true, wire, sizeof wire));
}

/* Up to `capacity` bytes from one end to the other; `fault` may lose, flip or repeat them, and, of
 * sessions with a key, change them knowingly or send them back. */
static void carry(end* from, end* to, uint64_t now, size_t capacity, uint8_t fault) {
    size_t length;
    uint8_t* block = end_say(from, now, capacity, &length);
    if (fault % 8 == 1 && length > 0) {
        block[(fault >> 3) % length] ^= (uint8_t)(1u << (fault >> 5));
    }
    bool keyed = from->session.config.auth != NULL;
    if (keyed && fault % 8 == 4) {
        forge(to, now, block, length, (uint8_t)(fault >> 3));
    }
    if (fault % 8 != 2) {
        end_hear(to, now, block, length);
    }
    if (keyed && fault % 8 == 5) {
        end_hear(from, now, block, length);
    }
    if (fault % 8 == 3) {
        end_hear(to, now, block, length);
    }
    free(block);
}

static bool settled(const end* host, const end* device) {
    return ec_session_open(&host->session) && host->ended == host->asked &&
           device->ended == device->asked;
}

void fuzz_conversation(bytes* in, bool keyed) {
    end *host = malloc(sizeof *host), *device = malloc(sizeof *device);
    end_open(host, EC_HOST, (uint8_t)(1u << take_byte(in) % 4u), keyed);
    end_open(device, EC_DEVICE, (uint8_t)(1u << take_byte(in) % 4u), keyed);
    host->peer_is_end = device->peer_is_end = true;
    uint64_t now = 0;
    for (uint32_t healing = 0; bytes_left(in) || (healing < 400 && !settled(host, device));) {
        uint8_t how = 0xFE; /* a clean line, 20 ms a turn */
        if (bytes_left(in)) {
            how = take_byte(in);
        } else {
            healing++;
        }
        if (how % 4 == 3) {
            end_act(how & 4 ? device : host, in, now);
            continue;
        }
        now += how >= 0xE0 ? 20000u : (uint64_t)(how >> 2) * 50u;
        end_events(host, now);
        end_events(device, now);
        size_t capacity = healing > 0 ? 1024u : 8u + (size_t)take_byte(in) * 4u;
        carry(host, device, now, capacity, healing > 0 ? 0 : take_byte(in));
        carry(device, host, now, capacity, healing > 0 ? 0 : take_byte(in));
    }
    check(ec_session_open(&host->session), "a healed line opens");
    const end* side[] = {host, device};
    for (size_t i = 0; i < 2; i++) {
        check(side[i]->ended == side[i]->asked, "every request ends");
        for (size_t token = 0; token < side[i]->asked; token++) {
            uint16_t executions = side[1 - i]->executions[token];
            check(executions <= 1, "a request is executed once at most");
            check(!side[i]->done[token] || executions == 1, "done means executed");
        }
    }
    end_close(host);
    end_close(device);
    free(host);
    free(device);
}
