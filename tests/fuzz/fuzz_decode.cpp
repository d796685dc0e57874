// Heads, tensors and thresholds from the fuzzer, and the kernels below them on the same bytes.
#include "fuzz/fuzz_vision.h"

EDGECORE_FUZZ(dice.one_in(4) ? edgecore::kernels_agree(dice, large ? 100 : 20)
                             : edgecore::heads_agree(dice, large ? 24 : 8))
