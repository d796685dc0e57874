#ifndef EC_LINK_BULK_H
#define EC_LINK_BULK_H

/* The transfer of one long byte string over EC_CHANNEL_BULK, in DATA frames of three types. All of
 * them may be lost, doubled or said again: an offer names the whole state wanted, a fragment says
 * where it belongs, and a report is the receiver's whole state. docs/protocol.md tells the story;
 * bulk_sender.h and bulk_receiver.h are the two halves. */

#include "link/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EC_BULK_OFFER = 0xF1,    /* transfer u16, stamp u16, manifest */
    EC_BULK_FRAGMENT = 0xF2, /* transfer u16, stamp u16, offset u32, bytes */
    EC_BULK_REPORT = 0xF3    /* transfer u16, stamp u16, status u8, 0, 0, 0, stored u32, limit u32,
                                bit per grain that is held beyond `stored` */
};

#define EC_BULK_OFFER_BYTES (4u + EC_MANIFEST_BYTES)
#define EC_BULK_HEAD_BYTES 8u
#define EC_BULK_REPORT_BYTES 16u

/* Fragments begin at multiples of a grain and are whole grains, but for the last one. A multiple of
 * every flash's unit of programming, so that what is held can be stored as it lies. */
#define EC_BULK_GRAIN 32u
/* No receiver grants more bytes beyond what it has stored. */
#define EC_BULK_WINDOW_MAX 4096u
#define EC_BULK_MAP_BYTES (EC_BULK_WINDOW_MAX / EC_BULK_GRAIN / 8u)
#define EC_BULK_REPORT_MAX (EC_BULK_REPORT_BYTES + EC_BULK_MAP_BYTES)
/* Largest payload of a fragment: whole grains in a frame's body. */
#define EC_BULK_FRAGMENT_MAX 480u

/* Status of a report. From EC_BULK_REFUSED on the transfer is over, for the reason named. */
typedef enum {
    EC_BULK_RECEIVING,
    EC_BULK_VERIFYING, /* all of it is stored and its digest is being taken */
    EC_BULK_DONE,      /* all of it is stored, and it is what the manifest says */
    EC_BULK_ACTIVE,    /* it runs already: there is nothing to send */
    EC_BULK_REFUSED = 16,
    EC_BULK_BAD_MANIFEST = EC_BULK_REFUSED,
    EC_BULK_UNKNOWN_NAME,  /* nothing of this name is taken here */
    EC_BULK_TOO_LONG,      /* there is no room for so much */
    EC_BULK_ROLLBACK,      /* its version is below the floor */
    EC_BULK_BAD_SIGNATURE, /* not signed by who may */
    EC_BULK_NO_VERIFIER,   /* this port cannot check signatures, so it takes nothing */
    EC_BULK_NO_STORAGE,    /* this port has nowhere to keep it */
    EC_BULK_UNCONFIRMED,   /* an image activated before is not confirmed yet: its fall-back stays */
    EC_BULK_BAD_DIGEST,    /* stored, but not what the manifest says */
    EC_BULK_STORAGE_FAILED /* the storage did not do what it was told */
} ec_bulk_status;

/* What is transferred, as its author vouches for it. The first EC_MANIFEST_SIGNED bytes of its
 * served form are what the signature signs. */
#define EC_MANIFEST_MAGIC 0x314D4345u /* "ECM1" */
#define EC_MANIFEST_NAME 16u
#define EC_MANIFEST_SIGNED 60u
#define EC_SIGNATURE_BYTES 64u
#define EC_MANIFEST_BYTES (EC_MANIFEST_SIGNED + EC_SIGNATURE_BYTES)

typedef struct {
    uint32_t version; /* grows with every release */
    uint32_t length;
    char name[EC_MANIFEST_NAME]; /* zero-padded; not ended by a zero when full */
    uint8_t digest[EC_SHA256_BYTES];
    uint8_t signature[EC_SIGNATURE_BYTES]; /* Ed25519 (RFC 8032) */
} ec_manifest;

/* Served form: magic u32, version u32, length u32, name, digest, signature. False when the magic is
 * another or the length is 0. */
bool ec_manifest_read(ec_manifest* manifest, const uint8_t bytes[EC_MANIFEST_BYTES]);

bool ec_manifest_named(const ec_manifest* manifest, const char* name);

#endif
