/* The C of csrc/link by itself, for tests/link/test_core.py: reads commands on stdin, one a line,
 * and prints what the C makes of them. newlib's printf knows no %zu.
 *
 *     layout            every struct of messages.inc: name size, then field offset size
 *     table             the served table
 *     decode STEP HEX   frames and reasons of these bytes, fed STEP at a time
 *     encode HEX        four bytes of header and a body as one frame, after idle and not
 *     record TYPE HEX   the whole record made of these bytes, or that they are refused
 *     execute TYPE HEX  the status of this command where only type 1 is registered
 *     named NAME HEX    whether these bytes are a manifest, and of this name
 */

#include "link/bulk.h"
#include "link/command.h"
#include "link/crc32c.h"
#include "link/frame.h"
#include "link/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t bytes[8192];

static size_t parse(const char* hex) {
    size_t length = 0;
    unsigned byte;
    while (length < sizeof bytes && sscanf(hex + 2 * length, "%2x", &byte) == 1) {
        bytes[length++] = (uint8_t)byte;
    }
    return length;
}

static void layout(void) {
#define EC_MESSAGE(name, NAME, text, channel, type)                                                \
    printf("%s %u\n", text, (unsigned)sizeof(ec_##name));
#define EC_FIELD(name, type, field, unit, scale, low, high)                                        \
    printf(" %s %u %u\n", #field, (unsigned)offsetof(ec_##name, field),                            \
           (unsigned)sizeof(((ec_##name*)0)->field));
#define EC_ARRAY(name, type, field, count, unit) EC_FIELD(name, type, field, unit, 1, 0, 0)
#define EC_MESSAGE_END(name)
#include EC_MESSAGES_INC
#undef EC_MESSAGE
#undef EC_FIELD
#undef EC_ARRAY
#undef EC_MESSAGE_END
    uint8_t served[4096];
    size_t length = ec_schema_read(&ec_messages, 0, served, sizeof served);
    printf("served %u %08lx %08lx\n", (unsigned)length, (unsigned long)ec_schema_hash(&ec_messages),
           (unsigned long)ec_crc32c(0, served, length));
}

static void table(void) {
    size_t length = ec_schema_read(&ec_messages, 0, bytes, sizeof bytes);
    for (size_t i = 0; i < length; i++) {
        printf("%02x", bytes[i]);
    }
    printf("\n");
}

static void decode(size_t step, size_t length) {
    static const char* const reasons[] = {"cobs", "short", "long", "crc"};
    uint8_t* buffer = malloc(EC_FRAME_MAX); /* exactly, so that a sanitizer sees one byte more */
    ec_decoder decoder;
    ec_decoder_init(&decoder, buffer, EC_FRAME_MAX);
    for (size_t at = 0; at < length;) {
        size_t piece = length - at < step ? length - at : step, used = 0;
        uint8_t* fed = malloc(piece);
        memcpy(fed, bytes + at, piece);
        ec_frame frame;
        ec_corrupt reason;
        ec_decoded what = ec_decoder_feed(&decoder, fed, piece, &used, &frame, &reason);
        free(fed);
        at += used;
        if (what == EC_DECODED_CORRUPT) {
            printf("%s\n", reasons[reason]);
        } else if (what == EC_DECODED_FRAME) {
            printf("%u %u %u %u ", frame.kind, frame.channel, frame.sequence, frame.type);
            for (size_t i = 0; i < frame.length; i++) {
                printf("%02x", frame.body[i]);
            }
            printf("\n");
        }
    }
    free(buffer);
}

static void encode(size_t length) {
    ec_frame frame = {bytes[0], bytes[1], bytes[2], bytes[3], bytes + 4, (uint16_t)(length - 4)};
    for (int after_idle = 1; after_idle >= 0; after_idle--) {
        static uint8_t wire[EC_WIRE_MAX];
        size_t written = ec_frame_encode(&frame, after_idle != 0, wire, sizeof wire);
        for (size_t i = 0; i < written; i++) {
            printf("%02x", wire[i]);
        }
        printf("\n");
    }
}

static void record(uint8_t type, size_t length) {
    const ec_message_info* message = ec_schema_find(&ec_messages, type);
    uint8_t* body = malloc(length > 0 ? length : 1); /* exactly, for the sanitizer again */
    uint8_t* whole = malloc(message->size);
    memcpy(body, bytes, length);
    if (ec_record_read(message, whole, body, length)) {
        for (size_t i = 0; i < message->size; i++) {
            printf("%02x", whole[i]);
        }
        printf("\n");
    } else {
        printf("refused\n");
    }
    free(whole);
    free(body);
}

static uint8_t sound(void* context, uint64_t now_us, const void* whole) {
    (void)context, (void)now_us, (void)whole;
    return EC_STATUS_DONE;
}

static void execute(uint8_t type, size_t length) {
    ec_command* commands = malloc(sizeof *commands); /* exactly one */
    commands[0].type = 1;
    commands[0].execute = sound;
    printf("%u\n", ec_command_execute(commands, 1, NULL, 0, type, bytes, length));
    free(commands);
}

static void named(const char* name) {
    ec_manifest manifest;
    bool good = ec_manifest_read(&manifest, bytes);
    printf("%s\n", !good ? "no manifest" : ec_manifest_named(&manifest, name) ? "yes" : "no");
}

int main(void) {
    static char line[2 * sizeof bytes + 64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strncmp(line, "layout", 6) == 0) {
            layout();
        } else if (strncmp(line, "table", 5) == 0) {
            table();
        } else if (strncmp(line, "decode ", 7) == 0) {
            char* hex = NULL;
            size_t step = strtoul(line + 7, &hex, 10);
            decode(step, parse(hex + 1));
        } else if (strncmp(line, "encode ", 7) == 0) {
            encode(parse(line + 7));
        } else if (strncmp(line, "record ", 7) == 0) {
            char* hex = NULL;
            uint8_t type = (uint8_t)strtoul(line + 7, &hex, 10);
            record(type, parse(hex + 1));
        } else if (strncmp(line, "execute ", 8) == 0) {
            char* hex = NULL;
            uint8_t type = (uint8_t)strtoul(line + 8, &hex, 10);
            execute(type, parse(hex + 1));
        } else if (strncmp(line, "named ", 6) == 0) {
            char* name = strtok(line + 6, " ");
            parse(name + strlen(name) + 1);
            named(name);
        }
        printf("end\n");
    }
    return 0;
}
