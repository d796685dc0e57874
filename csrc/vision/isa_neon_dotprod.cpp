// The kernels for 64-bit ARM with NEON, compiled for processors with dot products of bytes. No word
// of the vocabulary is one: weights have more than 7 bits, and sums of areas lie in 16; so what
// differs from NEON alone is what the compiler makes of it.
#include "vision/target.h"

#if EDGECORE_ARM64

#    include <arm_neon.h>

#    include "vision/kernel_headers.h"

#    define EDGECORE_ISA neon_dotprod

EDGECORE_TARGET_BEGIN(EDGECORE_NEON_DOTPROD)

namespace edgecore::EDGECORE_ISA {

namespace {

#    include "vision/vocabulary/neon.inc"
#    include "vision/vocabulary/neon_floats.inc"

} // namespace

#    include "vision/kernels.inc"

} // namespace edgecore::EDGECORE_ISA

EDGECORE_TARGET_END

#endif
