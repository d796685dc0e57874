/* Which secrets csrc/link leaves behind, for tests/link/test_hmac.py: each function runs on a stack
 * of its own, which is searched afterwards, and a session is searched once it has ended. Prints the
 * name of each secret found; without sanitizers, which keep stacks of their own.
 */

#include "link/hkdf.h"
#include "link/parts.h"

#include <stdio.h>
#include <string.h>
#include <ucontext.h>

enum { STACK_BYTES = 1 << 16 };

static uint8_t stack[STACK_BYTES];
static ucontext_t outside, inside;
static const uint8_t secret[EC_KEY_BYTES] = "a secret of 32 bytes, unmistaken";
static uint8_t code[EC_SHA256_BYTES], keys[2 * EC_SHA256_BYTES];
static ec_hmac_key prepared;
static ec_hmac computation;

static void search(const char* name, const void* memory, size_t length, const void* what,
                   size_t what_length) {
    for (size_t at = 0; at + what_length <= length; at++)
        if (memcmp((const uint8_t*)memory + at, what, what_length) == 0) {
            printf("%s\n", name);
            return;
        }
}

static void on_own_stack(void (*function)(void)) {
    memset(stack, 0, sizeof stack);
    getcontext(&inside);
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = sizeof stack;
    inside.uc_link = &outside;
    makecontext(&inside, function, 0);
    swapcontext(&outside, &inside);
}

static void prepare(void) {
    ec_hmac_key_init(&prepared, secret, sizeof secret);
}

static void finish(void) {
    ec_hmac_final(&computation, code);
}

static void derive(void) {
    ec_hkdf(secret, sizeof secret, NULL, 0, NULL, 0, keys, sizeof keys);
}

static void hmac(void) {
    uint8_t inner[EC_SHA256_BYTES], block[64];
    ec_sha256 hash;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)((i < sizeof secret ? secret[i] : 0) ^ 0x36);
    on_own_stack(prepare);
    search("secret, by hmac_key_init", stack, sizeof stack, secret, sizeof secret);
    search("inner block, by hmac_key_init", stack, sizeof stack, block, sizeof block);
    ec_sha256_init(&hash);
    ec_sha256_update(&hash, block, sizeof block);
    ec_sha256_update(&hash, (const uint8_t*)"text", 4);
    ec_sha256_final(&hash, inner);
    ec_hmac_init(&computation, &prepared);
    ec_hmac_update(&computation, (const uint8_t*)"text", 4);
    on_own_stack(finish);
    search("inner code, by hmac_final", stack, sizeof stack, inner, sizeof inner);
    search("state, by hmac_final", &computation, sizeof computation, prepared.outer,
           sizeof prepared.outer);
}

static void hkdf(void) {
    uint8_t extracted[EC_SHA256_BYTES], zeros[EC_SHA256_BYTES] = {0};
    ec_hmac_key key;
    ec_hmac_key_init(&key, zeros, sizeof zeros);
    ec_hmac_init(&computation, &key);
    ec_hmac_update(&computation, secret, sizeof secret);
    ec_hmac_final(&computation, extracted);
    ec_hmac_key_init(&key, extracted, sizeof extracted);
    on_own_stack(derive);
    search("extracted secret, by hkdf", stack, sizeof stack, extracted, sizeof extracted);
    search("state of the extracted secret, by hkdf", stack, sizeof stack, &key, sizeof key);
    search("derived keys, by hkdf", stack, sizeof stack, keys, EC_SHA256_BYTES);
}

EC_STORAGE(storage, 2, 64, 64, 64, 0);
static storage rooms[2];
static ec_session sessions[2];
static uint64_t now_us = 1000000;

static void talk(void) {
    for (unsigned turns = 0; turns < 100; turns++) {
        now_us += 10000;
        for (unsigned i = 0; i < 2; i++) {
            uint8_t wire[2048];
            ec_event event;
            size_t length = ec_session_output(&sessions[i], now_us, wire, sizeof wire), at = 0;
            while (at < length) {
                at += ec_session_input(&sessions[1 - i], now_us, wire + at, length - at);
                while (ec_session_event(&sessions[1 - i], now_us, &event)) {
                }
            }
        }
    }
}

static void session(void) {
    static ec_auth auth[2];
    ec_hmac_key used[2];
    for (unsigned i = 0; i < 2; i++) {
        memcpy(auth[i].key, secret, sizeof secret);
        auth[i].required = true;
        ec_config config = {.role = i == 0 ? EC_HOST : EC_DEVICE,
                            .boot_id = 5 + i,
                            .schema = i == 0 ? NULL : &ec_messages,
                            .auth = &auth[i]};
        ec_memory memory = EC_STORAGE_MEMORY(rooms[i]);
        if (!ec_session_init(&sessions[i], &config, &memory, now_us))
            printf("no session\n");
    }
    on_own_stack(talk);
    used[0] = sessions[0].auth.sending;
    used[1] = sessions[0].auth.receiving;
    if (!ec_session_authenticated(&sessions[0]) || !ec_session_authenticated(&sessions[1]))
        printf("no authenticated session\n");
    search("secret, by a session", stack, sizeof stack, secret, sizeof secret);
    for (unsigned i = 0; i < 2; i++) {
        search("keys of a session, on the stack", stack, sizeof stack, used[i].inner,
               sizeof used[i].inner);
        search("secret, in a session", &sessions[i], sizeof sessions[i], secret, sizeof secret);
    }
    for (unsigned i = 0; i < 2; i++) {
        ec_session_reopen(&sessions[i], now_us);
        search("sending key, in a session that ended", &sessions[i], sizeof sessions[i],
               used[i].inner, sizeof used[i].inner);
        search("receiving key, in a session that ended", &sessions[i], sizeof sessions[i],
               used[1 - i].inner, sizeof used[i].inner);
    }
}

int main(void) {
    hmac();
    hkdf();
    session();
    return 0;
}
