// The kernels for x86 with AVX-512 F, BW, VL, DQ and VBMI.
#include "vision/target.h"

#if EDGECORE_X86

// GCC 12 warns of the undefined values its own intrinsics begin with.
#    pragma GCC diagnostic ignored "-Wuninitialized"
#    pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#    include <immintrin.h>

#    include "vision/kernel_headers.h"

#    define EDGECORE_ISA avx512

EDGECORE_TARGET_BEGIN("avx2,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")

namespace edgecore::EDGECORE_ISA {

namespace {

#    include "vision/vocabulary/avx512.inc"
#    include "vision/vocabulary/avx512_floats.inc"

} // namespace

#    include "vision/kernels.inc"

} // namespace edgecore::EDGECORE_ISA

EDGECORE_TARGET_END

#endif
