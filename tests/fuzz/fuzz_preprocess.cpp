// Geometry, options, strides and pixels from the fuzzer: every instruction set gives one tensor.
#include "fuzz/fuzz_vision.h"

EDGECORE_FUZZ(edgecore::preprocessing_agrees(dice, {72, 48, 40}))
