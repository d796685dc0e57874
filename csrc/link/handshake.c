/* HELLO: who are you, which boot, what do you speak. A host knocks until the device accepts its
 * session; the device accepts only a host that already names its boot id, so that both know of a
 * reset before any request is spoken of. */

#include "link/hello.h"
#include "link/parts.h"

#include <string.h>

static uint16_t put_text(uint8_t* body, uint16_t at, const char* text) {
    size_t length = 0;
    while (text != NULL && length < EC_NAME_MAX && text[length] != 0) {
        body[at + length] = (uint8_t)text[length];
        length++;
    }
    body[at + length] = 0;
    return (uint16_t)(at + length + 1);
}

uint16_t ec_handshake_fill(ec_session* s) {
    uint8_t* body = s->body;
    body[AT_PROTOCOL_MIN] = EC_PROTOCOL_MIN;
    body[AT_PROTOCOL_MAX] = EC_PROTOCOL_MAX;
    body[AT_ROLE] = (uint8_t)s->config.role;
    body[AT_FLAGS] = s->hello_flags;
    ec_put_u16(body + AT_SESSION, s->hello_session);
    ec_put_u16(body + AT_BODY_MAX, EC_BODY_MAX);
    ec_put_u32(body + AT_BOOT, s->config.boot_id);
    ec_put_u32(body + AT_PEER_BOOT, s->hello_peer_boot);
    ec_put_u32(body + AT_SCHEMA_HASH,
               s->config.schema != NULL ? ec_schema_hash(s->config.schema) : 0);
    ec_put_u16(body + AT_FIRST_REQUEST, s->out_base);
    ec_put_u16(body + AT_SLOT_BYTES, s->memory.slot_bytes);
    body[AT_WINDOW] = s->memory.window;
    body[AT_RESERVED] = 0;
    uint16_t at = put_text(body, AT_TEXT, s->config.name);
    return ec_auth_introduce(s, put_text(body, at, s->config.version));
}

/* Copies a text that may not be ended; returns where the next one starts. */
static uint16_t get_text(const ec_frame* frame, uint16_t at, char* text) {
    uint16_t length = 0;
    memset(text, 0, EC_NAME_MAX + 1);
    while (at < frame->length && frame->body[at] != 0) {
        if (length < EC_NAME_MAX) {
            text[length++] = (char)frame->body[at];
        }
        at++;
    }
    return (uint16_t)(at + 1);
}

static void remember_peer(ec_session* s, const ec_frame* frame) {
    const uint8_t* body = frame->body;
    ec_peer* peer = &s->peer;
    peer->protocol_min = body[AT_PROTOCOL_MIN];
    peer->protocol_max = body[AT_PROTOCOL_MAX];
    peer->boot_id = ec_get_u32(body + AT_BOOT);
    peer->schema_hash = ec_get_u32(body + AT_SCHEMA_HASH);
    peer->body_max = ec_get_u16(body + AT_BODY_MAX);
    peer->slot_bytes = ec_get_u16(body + AT_SLOT_BYTES);
    peer->window = body[AT_WINDOW];
    peer->keyed = (body[AT_FLAGS] & EC_HELLO_KEYED) != 0;
    get_text(frame, get_text(frame, AT_TEXT, peer->name), peer->version);
}

static void say_hello(ec_session* s, uint16_t session, uint32_t peer_boot, uint8_t flags) {
    s->hello_session = session;
    s->hello_peer_boot = peer_boot;
    s->hello_flags = flags;
    s->pending |= EC_PENDING_HELLO;
}

static void knock(ec_session* s, uint64_t now) {
    s->session = (uint16_t)(s->session + 1u);
    if (s->session == 0) {
        s->session = 1;
    }
    ec_auth_knock(s);
    s->missed = false;
    s->hello_wait_us = EC_KNOCK_FIRST_US;
    s->hello_due_us = now;
}

static void opened(ec_session* s) {
    s->open = true;
    s->missed = false;
    s->stats.opens++;
    s->data_known = 0;
    s->pending |= EC_PENDING_OPEN;
    for (unsigned ring = 0; ring < EC_DATA_CHANNELS; ring++) {
        ec_ring_clear(&s->rings[ring]);
    }
}

void ec_handshake_restart(ec_session* s, uint64_t now) {
    if (s->open && s->config.role == EC_HOST) {
        s->pending |= EC_PENDING_SILENT;
    }
    s->open = false;
    ec_auth_end(s);
    s->pending &= ~(uint32_t)(EC_PENDING_ACK | EC_PENDING_PONG | EC_PENDING_PING);
    if (s->config.role == EC_HOST) {
        knock(s, now);
    } else {
        s->session = 0;
        say_hello(s, 0, 0, 0);
    }
}

void ec_handshake_stranger(ec_session* s, uint64_t now) {
    s->stats.ignored++;
    if (s->config.role == EC_DEVICE && !s->open && now >= s->hello_due_us) {
        s->hello_due_us = now + EC_KNOCK_FIRST_US;
        say_hello(s, 0, 0, 0);
    }
}

static bool versions_meet(const ec_session* s) {
    return s->peer.protocol_min <= EC_PROTOCOL_MAX && s->peer.protocol_max >= EC_PROTOCOL_MIN;
}

static void accept_host(ec_session* s, uint64_t now, const ec_frame* frame, ec_verdict verdict) {
    uint32_t boot = ec_get_u32(frame->body + AT_BOOT);
    uint16_t session = ec_get_u16(frame->body + AT_SESSION);
    bool knows_us = ec_get_u32(frame->body + AT_PEER_BOOT) == s->config.boot_id;
    if (!versions_meet(s) || !knows_us || session == 0) {
        say_hello(s, session, boot, 0);
        return;
    }
    if (ec_auth_meet(s, verdict, frame) || boot != s->known_boot) {
        ec_reliable_peer_reset(s, ec_get_u16(frame->body + AT_FIRST_REQUEST));
        ec_auth_note_forgot(s);
        s->known_boot = boot;
        s->pending |= EC_PENDING_RESET;
        s->session = 0;
    }
    if (verdict == EC_VERDICT_FRESH || session != s->session || !s->open) {
        s->session = session;
        opened(s);
        ec_reliable_resume(s, now);
    }
    say_hello(s, session, boot, EC_HELLO_ACCEPT);
}

/* A device that proved its key has accepted our session. */
static void take_acceptance(ec_session* s, uint64_t now, const ec_frame* frame) {
    uint32_t boot = ec_get_u32(frame->body + AT_BOOT);
    if (ec_auth_meet(s, EC_VERDICT_FRESH, frame) || boot != s->known_boot) {
        ec_reliable_peer_reset(s, ec_get_u16(frame->body + AT_FIRST_REQUEST));
        s->known_boot = boot;
        s->pending |= EC_PENDING_RESET;
    }
    opened(s);
    ec_reliable_resume(s, now);
}

static void answer_device(ec_session* s, uint64_t now, const ec_frame* frame) {
    uint32_t boot = ec_get_u32(frame->body + AT_BOOT);
    uint16_t session = ec_get_u16(frame->body + AT_SESSION);
    if (s->open) {
        if (boot != s->known_boot || session == 0) {
            ec_handshake_restart(s, now);
        }
        return;
    }
    if (session != s->session) {
        s->hello_due_us = now; /* an announcement: the device is there */
        return;
    }
    if (boot != s->known_boot) {
        ec_reliable_peer_reset(s, ec_get_u16(frame->body + AT_FIRST_REQUEST));
        s->known_boot = boot;
        s->pending |= EC_PENDING_RESET;
        knock(s, now);
    } else if ((frame->body[AT_FLAGS] & EC_HELLO_ACCEPT) != 0 &&
               ec_get_u32(frame->body + AT_PEER_BOOT) == s->config.boot_id) {
        (void)ec_auth_meet(s, EC_VERDICT_PLAIN, frame);
        opened(s);
        ec_reliable_resume(s, now);
    }
}

void ec_handshake_hello(ec_session* s, uint64_t now, const ec_frame* frame) {
    bool from_host = frame->length > AT_ROLE && frame->body[AT_ROLE] == EC_HOST;
    if (frame->length < AT_TEXT || frame->body[AT_ROLE] > EC_DEVICE ||
        from_host == (s->config.role == EC_HOST) || ec_get_u32(frame->body + AT_BOOT) == 0) {
        s->stats.ignored++;
        return;
    }
    ec_verdict verdict = ec_auth_judge(s, now, frame);
    if (verdict == EC_VERDICT_REJECTED) {
        s->stats.ignored++;
        if (s->config.role == EC_DEVICE) {
            say_hello(s, ec_get_u16(frame->body + AT_SESSION), ec_get_u32(frame->body + AT_BOOT),
                      0);
        }
        return;
    }
    remember_peer(s, frame);
    if (!versions_meet(s)) {
        if (!s->incompatible) {
            s->incompatible = true;
            s->pending |= EC_PENDING_INCOMPATIBLE;
        }
        if (s->config.role == EC_HOST) {
            return;
        }
    } else {
        s->incompatible = false;
    }
    if (s->config.role == EC_DEVICE) {
        accept_host(s, now, frame, verdict);
    } else if (verdict == EC_VERDICT_FRESH) {
        take_acceptance(s, now, frame);
    } else if (verdict == EC_VERDICT_PLAIN) {
        answer_device(s, now, frame);
    }
}
