#ifndef EC_LINK_AUTH_H
#define EC_LINK_AUTH_H

/* Authentication of a session by a pre-shared key: what its user gives, and what the session keeps.
 * docs/security.md tells what it protects from; docs/protocol.md, "Authentication", how.
 *
 * EC_NO_AUTH, defined for a port without a key, leaves all of it out of the code and of the
 * session.
 */

#include "link/hmac.h"

#define EC_KEY_BYTES 32u
#define EC_NONCE_BYTES 16u
/* A frame ends with the low half of its counter and a tag. */
#define EC_TAG_BYTES 8u
#define EC_TRAILER_BYTES (4u + EC_TAG_BYTES)
#define EC_PROOF_BYTES 16u

/* Given in ec_config; outlives the session, which keeps no copy of the key. */
typedef struct {
    uint8_t key[EC_KEY_BYTES];
    /* Never the same in two sessions' lives with the same boot id: random bytes, or zeros on a port
     * without entropy, which relies on its boot id then. */
    uint8_t seed[EC_KEY_BYTES];
    /* No session opens with a peer that does not prove the key. */
    bool required;
    /* What a device takes from a host that has not proven it, where not required: requests and data
     * of these types, and nothing else. Any other request ends as EC_STATUS_UNAUTHENTICATED. */
    const uint8_t* open_types;
    uint8_t open_count;
} ec_auth;

/* Its fields are the session's own. */
typedef struct {
    ec_hmac_key sending, receiving; /* of the session, while `active` */
    uint64_t sent, received;        /* counters of the last frames */
    uint8_t
        nonce[EC_NONCE_BYTES]; /* ours: a host's of this knock, a device's for the next session */
    uint8_t used_nonce[EC_NONCE_BYTES]; /* a device's of this session */
    uint8_t peer_nonce[EC_NONCE_BYTES]; /* a host knows it, when `peer_known` */
    uint32_t drawn, claimed_boot;       /* nonces drawn; whose nonce a host knows */
    bool active;                        /* every frame of the session is sealed */
    bool known;                         /* known_boot was authenticated */
    bool forgot;                        /* earlier requests, and the peer may not know it yet */
    bool peer_known, presented, told;
    bool refused; /* the last proof was wrong */
} ec_auth_state;

#endif
