/* Both sides draw a nonce and prove the key over both; then every frame is sealed: it carries a tag
 * over a counter, which only grows. So what was recorded of another session, sent again, sent back,
 * cut or made up is refused before anything looks at it. */

#include "link/parts.h"

#ifndef EC_NO_AUTH

#    include "link/hello.h"
#    include "link/hkdf.h"

#    include <string.h>

static const uint8_t key_label[15] = {'e', 'd', 'g', 'e', 'c', 'o', 'r', 'e',
                                      ' ', 'l', 'i', 'n', 'k', ' ', '1'};
static const uint8_t nonce_label[16] = {'e', 'd', 'g', 'e', 'c', 'o', 'r', 'e',
                                        ' ', 'n', 'o', 'n', 'c', 'e', ' ', '1'};

typedef struct {
    ec_hmac_key sending, receiving;
} key_pair;

/* Our next nonce: unpredictable for want of the key, and another one for every seed, boot and
 * number. */
static void draw(ec_session* s) {
    uint8_t code[EC_SHA256_BYTES], numbers[9];
    ec_hmac_key key;
    ec_hmac hmac;
    ec_put_u32(numbers, s->config.boot_id);
    ec_put_u32(numbers + 4, ++s->auth.drawn);
    numbers[8] = (uint8_t)s->config.role;
    ec_hmac_key_init(&key, s->config.auth->key, EC_KEY_BYTES);
    ec_hmac_init(&hmac, &key);
    ec_hmac_update(&hmac, nonce_label, sizeof nonce_label);
    ec_hmac_update(&hmac, s->config.auth->seed, EC_KEY_BYTES);
    ec_hmac_update(&hmac, numbers, sizeof numbers);
    ec_hmac_final(&hmac, code);
    memcpy(s->auth.nonce, code, EC_NONCE_BYTES);
    ec_secret_wipe(&key, sizeof key);
}

static void derive(const ec_session* s, const uint8_t* peer_nonce, uint16_t session,
                   uint32_t peer_boot, key_pair* pair) {
    bool host = s->config.role == EC_HOST;
    uint8_t salt[2 * EC_NONCE_BYTES], info[sizeof key_label + 10u], keys[2 * EC_SHA256_BYTES];
    memcpy(salt, host ? s->auth.nonce : peer_nonce, EC_NONCE_BYTES);
    memcpy(salt + EC_NONCE_BYTES, host ? peer_nonce : s->auth.nonce, EC_NONCE_BYTES);
    memcpy(info, key_label, sizeof key_label);
    ec_put_u16(info + sizeof key_label, session);
    ec_put_u32(info + sizeof key_label + 2, host ? s->config.boot_id : peer_boot);
    ec_put_u32(info + sizeof key_label + 6, host ? peer_boot : s->config.boot_id);
    (void)ec_hkdf(s->config.auth->key, EC_KEY_BYTES, salt, sizeof salt, info, sizeof info, keys,
                  sizeof keys);
    ec_hmac_key_init(host ? &pair->sending : &pair->receiving, keys, EC_SHA256_BYTES);
    ec_hmac_key_init(host ? &pair->receiving : &pair->sending, keys + EC_SHA256_BYTES,
                     EC_SHA256_BYTES);
    ec_secret_wipe(keys, sizeof keys);
}

static void compute(const ec_hmac_key* key, uint64_t counter, const ec_frame* frame,
                    uint16_t length, uint8_t code[EC_SHA256_BYTES]) {
    uint8_t head[8 + EC_HEADER_BYTES];
    ec_hmac hmac;
    ec_put_u64(head, counter);
    head[8] = frame->kind;
    head[9] = frame->channel;
    head[10] = frame->sequence;
    head[11] = frame->type;
    ec_hmac_init(&hmac, key);
    ec_hmac_update(&hmac, head, sizeof head);
    ec_hmac_update(&hmac, frame->body, length);
    ec_hmac_final(&hmac, code);
}

static void install(ec_session* s, const key_pair* pair) {
    ec_auth_state* a = &s->auth;
    a->sending = pair->sending;
    a->receiving = pair->receiving;
    a->sent = a->received = 0;
    a->active = true;
    if (s->config.role == EC_DEVICE) {
        memcpy(a->used_nonce, a->nonce, EC_NONCE_BYTES);
        draw(s);
    }
}

void ec_auth_begin(ec_session* s) {
    uint16_t most = EC_PAYLOAD_MAX - EC_TRAILER_BYTES;
    if (s->config.auth != NULL) {
        s->memory.slot_bytes = s->memory.slot_bytes < most ? s->memory.slot_bytes : most;
        draw(s);
    }
}

void ec_auth_end(ec_session* s) {
    ec_secret_wipe(&s->auth.sending, sizeof s->auth.sending);
    ec_secret_wipe(&s->auth.receiving, sizeof s->auth.receiving);
    s->auth.active = false;
}

void ec_auth_knock(ec_session* s) {
    s->auth.peer_known = s->auth.presented = s->auth.told = false;
    if (s->config.auth != NULL) {
        draw(s);
    }
}

/* Where the nonce of a HELLO begins: after two texts. */
static uint16_t after_texts(const ec_frame* frame) {
    uint16_t at = AT_TEXT;
    for (unsigned texts = 2; texts > 0 && at < frame->length; at++) {
        texts -= frame->body[at] == 0;
    }
    return at;
}

/* Where the proof begins; 0: there is none. */
static uint16_t proof_at(const ec_frame* frame) {
    uint16_t at = (uint16_t)(after_texts(frame) + EC_NONCE_BYTES);
    bool flagged = (frame->body[AT_FLAGS] & EC_HELLO_PROVEN) != 0;
    return flagged && at + EC_PROOF_BYTES <= frame->length ? at : 0;
}

static bool proven(const ec_frame* frame, uint16_t at, const ec_hmac_key* key) {
    uint8_t code[EC_SHA256_BYTES];
    compute(key, 0, frame, at, code);
    return ec_secret_equal(code, frame->body + at, EC_PROOF_BYTES);
}

/* The peer's proof over a nonce of ours that was not used before; the session's keys follow. */
static bool proven_anew(ec_session* s, const ec_frame* frame, uint16_t at) {
    key_pair pair;
    derive(s, frame->body + at - EC_NONCE_BYTES, ec_get_u16(frame->body + AT_SESSION),
           ec_get_u32(frame->body + AT_BOOT), &pair);
    bool good = proven(frame, at, &pair.receiving);
    if (good) {
        install(s, &pair);
    } else {
        s->decoder.errors[EC_CORRUPT_AUTH]++;
    }
    ec_secret_wipe(&pair, sizeof pair);
    return good;
}

static bool versions_meet(const ec_frame* frame) {
    return frame->body[AT_PROTOCOL_MIN] <= EC_PROTOCOL_MAX &&
           frame->body[AT_PROTOCOL_MAX] >= EC_PROTOCOL_MIN;
}

static ec_verdict judge_host(ec_session* s, uint64_t now, const ec_frame* frame) {
    ec_auth_state* a = &s->auth;
    uint16_t session = ec_get_u16(frame->body + AT_SESSION), at = proof_at(frame);
    a->refused = false;
    if (at != 0 && session != 0 && versions_meet(frame)) {
        if (a->active && session == s->session && proven(frame, at, &a->receiving)) {
            return EC_VERDICT_REPEATED;
        }
        a->refused = !proven_anew(s, frame, at);
        return a->refused ? EC_VERDICT_REJECTED : EC_VERDICT_FRESH;
    }
    bool quiet = now - s->heard_us >= (uint64_t)s->config.silence_ms * 1000u;
    bool free = !a->active || quiet;
    return free && (!s->config.auth->required || !versions_meet(frame)) ? EC_VERDICT_PLAIN
                                                                        : EC_VERDICT_REJECTED;
}

static void tell(ec_session* s) {
    if (!s->auth.told) {
        s->auth.told = true;
        s->pending |= EC_PENDING_UNAUTHENTICATED;
    }
}

/* A device's nonce: the next HELLO proves our key over it. */
static void note(ec_session* s, uint64_t now, const ec_frame* frame) {
    ec_auth_state* a = &s->auth;
    const uint8_t* nonce = frame->body + after_texts(frame);
    uint32_t boot = ec_get_u32(frame->body + AT_BOOT);
    bool same = a->peer_known && a->claimed_boot == boot &&
                ec_secret_equal(a->peer_nonce, nonce, EC_NONCE_BYTES);
    if (!same) {
        memcpy(a->peer_nonce, nonce, EC_NONCE_BYTES);
        a->claimed_boot = boot;
        a->peer_known = true;
        a->presented = false;
        s->hello_due_us = now;
    } else if (a->presented && (frame->body[AT_FLAGS] & EC_HELLO_REFUSED) != 0 &&
               ec_get_u16(frame->body + AT_SESSION) == s->session) {
        tell(s);
    }
}

static ec_verdict judge_device(ec_session* s, uint64_t now, const ec_frame* frame) {
    uint8_t flags = frame->body[AT_FLAGS];
    uint16_t at = proof_at(frame);
    if (at != 0 && (flags & EC_HELLO_ACCEPT) != 0 &&
        ec_get_u16(frame->body + AT_SESSION) == s->session &&
        ec_get_u32(frame->body + AT_PEER_BOOT) == s->config.boot_id && versions_meet(frame)) {
        return proven_anew(s, frame, at) ? EC_VERDICT_FRESH : EC_VERDICT_REJECTED;
    }
    if ((flags & EC_HELLO_KEYED) != 0 &&
        after_texts(frame) + EC_NONCE_BYTES <= (unsigned)frame->length) {
        note(s, now, frame);
        return EC_VERDICT_NOTED;
    }
    if (!s->config.auth->required) {
        return EC_VERDICT_PLAIN;
    }
    tell(s);
    return EC_VERDICT_NOTED;
}

ec_verdict ec_auth_judge(ec_session* s, uint64_t now, const ec_frame* frame) {
    if (s->config.auth == NULL) {
        if (!s->open && s->config.role == EC_HOST &&
            (frame->body[AT_FLAGS] & EC_HELLO_REQUIRED) != 0) {
            tell(s);
        }
        return EC_VERDICT_PLAIN;
    }
    if (s->config.role == EC_DEVICE) {
        return judge_host(s, now, frame);
    }
    if (s->auth.active) { /* what is not sealed ends no session: silence does */
        return EC_VERDICT_REJECTED;
    }
    return s->open ? EC_VERDICT_PLAIN : judge_device(s, now, frame);
}

bool ec_auth_meet(ec_session* s, ec_verdict verdict, const ec_frame* frame) {
    ec_auth_state* a = &s->auth;
    bool authenticated = verdict == EC_VERDICT_FRESH, before = a->known;
    if (s->config.auth == NULL || verdict == EC_VERDICT_REPEATED) {
        return false;
    }
    if (!authenticated) {
        ec_auth_end(s);
    }
    a->known = authenticated;
    return before != authenticated ||
           (authenticated && (a->forgot || (frame->body[AT_FLAGS] & EC_HELLO_FORGOT) != 0));
}

uint16_t ec_auth_introduce(ec_session* s, uint16_t length) {
    ec_auth_state* a = &s->auth;
    uint8_t *body = s->body, code[EC_SHA256_BYTES];
    bool host = s->config.role == EC_HOST, accepts = (s->hello_flags & EC_HELLO_ACCEPT) != 0;
    bool proves = host ? a->peer_known : accepts && a->active;
    if (s->config.auth == NULL) {
        return length;
    }
    unsigned flags = EC_HELLO_KEYED | (s->config.auth->required ? EC_HELLO_REQUIRED : 0u) |
                     (proves ? EC_HELLO_PROVEN : 0u);
    key_pair pair = {a->sending, a->receiving};
    if (host && proves) {
        bool stranger = a->claimed_boot != s->known_boot || !a->known;
        flags |= stranger ? EC_HELLO_FORGOT : 0u;
        ec_put_u32(body + AT_PEER_BOOT, a->claimed_boot);
        /* Whoever forgot resolves all that was sent: what comes next is all that comes. */
        ec_put_u16(body + AT_FIRST_REQUEST, s->out_next);
        derive(s, a->peer_nonce, s->hello_session, a->claimed_boot, &pair);
        a->presented = true;
    } else if (!host) {
        flags |= proves && a->forgot ? EC_HELLO_FORGOT : 0u;
        flags |= !proves && a->refused ? EC_HELLO_REFUSED : 0u;
    }
    body[AT_FLAGS] = (uint8_t)(body[AT_FLAGS] | flags);
    memcpy(body + length, !host && proves ? a->used_nonce : a->nonce, EC_NONCE_BYTES);
    length = (uint16_t)(length + EC_NONCE_BYTES);
    if (proves) {
        ec_frame frame = {EC_KIND_HELLO, 0, 0, 0, body, length};
        compute(&pair.sending, 0, &frame, length, code);
        memcpy(body + length, code, EC_PROOF_BYTES);
        length = (uint16_t)(length + EC_PROOF_BYTES);
    }
    ec_secret_wipe(&pair, sizeof pair);
    return length;
}

uint16_t ec_auth_body_max(const ec_session* s) {
    return s->config.auth != NULL ? EC_BODY_MAX - EC_TRAILER_BYTES : EC_BODY_MAX;
}

void ec_auth_seal(ec_session* s, ec_frame* frame) {
    ec_auth_state* a = &s->auth;
    uint8_t code[EC_SHA256_BYTES], *end;
    if (!a->active || frame->kind == EC_KIND_HELLO) {
        return;
    }
    if (frame->length > ec_auth_body_max(s)) { /* the answer to a ping of before this session */
        frame->length = ec_auth_body_max(s);
    }
    a->sent++;
    compute(&a->sending, a->sent, frame, frame->length, code);
    end = s->body + frame->length;
    ec_put_u32(end, (uint32_t)a->sent);
    memcpy(end + 4, code, EC_TAG_BYTES);
    frame->body = s->body;
    frame->length = (uint16_t)(frame->length + EC_TRAILER_BYTES);
}

/* Takes the trailer off; false when it is not what the key makes of a frame later than the last. */
static bool unseal(ec_session* s, ec_frame* frame) {
    ec_auth_state* a = &s->auth;
    uint8_t code[EC_SHA256_BYTES];
    if (frame->length < EC_TRAILER_BYTES) {
        return false;
    }
    uint16_t length = (uint16_t)(frame->length - EC_TRAILER_BYTES);
    const uint8_t* end = frame->body + length;
    uint64_t counter = (a->received & ~(uint64_t)UINT32_MAX) | ec_get_u32(end);
    if (counter <= a->received) { /* the low half began anew, or it is a frame of before */
        counter += (uint64_t)1 << 32;
    }
    compute(&a->receiving, counter, frame, length, code);
    if (!ec_secret_equal(code, end + 4, EC_TAG_BYTES)) {
        return false;
    }
    a->received = counter;
    a->forgot = false; /* the peer has heard of it */
    frame->length = length;
    return true;
}

bool ec_auth_admit(ec_session* s, ec_frame* frame) {
    if (s->config.auth == NULL || frame->kind == EC_KIND_HELLO) {
        return true;
    }
    if (s->auth.active) {
        bool good = unseal(s, frame);
        if (!good) {
            s->decoder.errors[EC_CORRUPT_AUTH]++;
            s->decoder.frames--;
        }
        return good;
    }
    bool wanted = true;
    if (!s->open) {
        wanted = frame->kind != EC_KIND_PING && frame->kind != EC_KIND_PONG &&
                 frame->kind != EC_KIND_DATA;
    } else if (s->config.role == EC_DEVICE) {
        wanted = frame->kind != EC_KIND_HEARTBEAT &&
                 (frame->kind != EC_KIND_DATA || ec_auth_allows(s, frame->type));
    }
    s->stats.ignored += wanted ? 0 : 1;
    return wanted;
}

bool ec_auth_allows(const ec_session* s, uint8_t type) {
    const ec_auth* auth = s->config.auth;
    if (auth == NULL || s->auth.active || s->config.role == EC_HOST) {
        return true;
    }
    for (uint8_t i = 0; i < auth->open_count; i++) {
        if (auth->open_types[i] == type) {
            return true;
        }
    }
    return false;
}

#endif
