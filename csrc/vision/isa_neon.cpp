// The kernels for ARM with NEON: every 64-bit machine, most 32-bit ones.
#include "vision/target.h"

#if EDGECORE_ARM64 || EDGECORE_ARM32

#    include <arm_neon.h>

#    include "vision/kernel_headers.h"

#    define EDGECORE_ISA neon

EDGECORE_TARGET_BEGIN(EDGECORE_NEON)

namespace edgecore::EDGECORE_ISA {

namespace {

#    include "vision/vocabulary/neon.inc"
#    if EDGECORE_ARM64
#        include "vision/vocabulary/neon_floats.inc"
#    else
#        include "vision/vocabulary/baseline_floats.inc"
#    endif

} // namespace

#    include "vision/kernels.inc"

} // namespace edgecore::EDGECORE_ISA

EDGECORE_TARGET_END

#endif
