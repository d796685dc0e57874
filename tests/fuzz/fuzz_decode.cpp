// Heads, tensors and thresholds from the fuzzer, and the kernels below them on the same bytes.
#include "fuzz/fuzz_vision.h"

EDGECORE_FUZZ(dice.one_in(4) ? edgecore::kernels_agree(dice) : edgecore::heads_agree(dice, 24))
