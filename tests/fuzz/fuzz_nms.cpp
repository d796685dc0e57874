// Boxes, scores and classes from the fuzzer: every instruction set keeps what the plain definition
// keeps.
#include "fuzz/fuzz_vision.h"

EDGECORE_FUZZ(edgecore::suppression_agrees(dice, 800))
