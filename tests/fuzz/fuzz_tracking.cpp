// Drives from the fuzzer, twice through a tracker: the same ids and boxes, all of them finite.
#include "fuzz/fuzz_vision.h"

EDGECORE_FUZZ(edgecore::tracking_agrees(dice, large ? 40 : 8))
