// Boxes, scores and classes from the fuzzer: every instruction set keeps what the plain definition
// keeps. Large cases reach the index of crowds.
#include "fuzz/fuzz_vision.h"

EDGECORE_FUZZ(edgecore::suppression_agrees(dice, large ? 800 : 60))
