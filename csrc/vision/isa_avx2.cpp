// The kernels for x86 with AVX2 and F16C.
#include "vision/target.h"

#if EDGECORE_X86

#    include <immintrin.h>

#    include "vision/kernel_headers.h"

#    define EDGECORE_ISA avx2

EDGECORE_TARGET_BEGIN("avx2,f16c")

namespace edgecore::EDGECORE_ISA {

namespace {

#    include "vision/vocabulary/avx2.inc"
#    include "vision/vocabulary/avx2_floats.inc"

} // namespace

#    include "vision/kernels.inc"

} // namespace edgecore::EDGECORE_ISA

EDGECORE_TARGET_END

#endif
