// Geometry, options, strides and pixels from the fuzzer: every instruction set gives one tensor.
#include "fuzz/fuzz_vision.h"

EDGECORE_FUZZ(edgecore::preprocessing_agrees(dice, large ? edgecore::LargestFrame{72, 48, 40}
                                                         : edgecore::LargestFrame{36, 20, 20}))
