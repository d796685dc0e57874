/* The link under any bytes, cut anywhere: docs/protocol.md's invariants 1 to 4 and 7.
 *
 * The first byte chooses: the decoder alone; a host or a device alone, fed with raw bytes and with
 * frames that pass every check; or both, on a line that loses, damages and repeats. */

#include "fuzz/bytes.h"
#include "fuzz/link_targets.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    bytes in = {data, size, 0};
    uint8_t target = take_byte(&in) % 5;
    if (target < 2) {
        fuzz_decoder(&in);
    } else if (target < 4) {
        fuzz_session(&in, target == 2 ? EC_HOST : EC_DEVICE);
    } else {
        fuzz_conversation(&in);
    }
    return 0;
}
