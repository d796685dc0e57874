// Geometry, options, strides and pixels from the fuzzer: every instruction set gives one tensor.
// To start a thread takes as long as a small case, so threads are for large ones.
#include "fuzz/fuzz_vision.h"

namespace edgecore {

static const LargestFrame small_frame{36, 20, 20, false}, large_frame{72, 48, 40, true};

} // namespace edgecore

EDGECORE_FUZZ(edgecore::preprocessing_agrees(dice,
                                             large ? edgecore::large_frame : edgecore::small_frame))
