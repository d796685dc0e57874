/* The link under any bytes, cut anywhere: docs/protocol.md's invariants 1 to 4 and 7.
 *
 * The first byte chooses: the decoder alone; a host or a device alone, fed with raw bytes and with
 * frames that pass every check; or both, on a line that loses, damages and repeats. Its upper half
 * gives the sessions a key (invariant 14): the lone side begins in a session with an honest
 * peer, whose seals it goes on to see; on the line, somebody without the key makes frames up. */

#include "fuzz/bytes.h"
#include "fuzz/link_targets.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    bytes in = {data, size, 0};
    uint8_t first = take_byte(&in), target = first % 5;
    bool keyed = first >= 128;
    if (target < 2) {
        fuzz_decoder(&in);
    } else if (target < 4) {
        fuzz_session(&in, target == 2 ? EC_HOST : EC_DEVICE, keyed);
    } else {
        fuzz_conversation(&in, keyed);
    }
    return 0;
}
