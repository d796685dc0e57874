#ifndef EC_LINK_HELLO_H
#define EC_LINK_HELLO_H

/* Body of a HELLO, for the files that speak of it: what lies where. Two NUL-ended texts, name and
 * version, follow; after them a nonce (EC_HELLO_KEYED) and a proof (EC_HELLO_PROVEN), see auth.h.
 */

enum {
    AT_PROTOCOL_MIN = 0,
    AT_PROTOCOL_MAX = 1,
    AT_ROLE = 2,
    AT_FLAGS = 3,
    AT_SESSION = 4,
    AT_BODY_MAX = 6,
    AT_BOOT = 8,
    AT_PEER_BOOT = 12,
    AT_SCHEMA_HASH = 16,
    AT_FIRST_REQUEST = 20,
    AT_SLOT_BYTES = 22,
    AT_WINDOW = 24,
    AT_RESERVED = 25,
    AT_TEXT = 26
};

#define EC_HELLO_ACCEPT 1u
#define EC_HELLO_KEYED 2u    /* the sender has a key: a nonce follows the texts */
#define EC_HELLO_PROVEN 4u   /* and has proven it: the proof follows the nonce */
#define EC_HELLO_REQUIRED 8u /* the sender opens no session without */
#define EC_HELLO_REFUSED 16u /* the proof that this answers was wrong */
#define EC_HELLO_FORGOT 32u  /* the sender knows nothing of earlier requests */

#endif
