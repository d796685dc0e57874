#include "fuzz/link_targets.h"

void fuzz_session(bytes* in, ec_role role) {
    end* self = malloc(sizeof *self);
    end_open(self, role, (uint8_t)(1u << take_byte(in) % 6u));
    uint64_t now = 0;
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
            block = take_block(in, take_byte(in), &length);
            if (length >= 2 && how & 64) { /* of this session */
                memcpy(block, &self->session.session, 2);
            }
            ec_frame frame = {
                header[0] % EC_KINDS, header[1] % (EC_CHANNELS + 1), how, header[2], block,
                (uint16_t)length};
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

/* Up to `capacity` bytes from one end to the other; `fault` may lose, flip or repeat them. */
static void carry(end* from, end* to, uint64_t now, size_t capacity, uint8_t fault) {
    size_t length;
    uint8_t* block = end_say(from, now, capacity, &length);
    if (fault % 8 == 1 && length > 0) {
        block[(fault >> 3) % length] ^= (uint8_t)(1u << (fault >> 5));
    }
    if (fault % 8 != 2) {
        end_hear(to, now, block, length);
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

void fuzz_conversation(bytes* in) {
    end *host = malloc(sizeof *host), *device = malloc(sizeof *device);
    end_open(host, EC_HOST, (uint8_t)(1u << take_byte(in) % 4u));
    end_open(device, EC_DEVICE, (uint8_t)(1u << take_byte(in) % 4u));
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
