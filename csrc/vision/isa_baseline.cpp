// The kernels in portable C++, for what every machine of the architecture has.
#include "vision/kernel_headers.h"

#define EDGECORE_ISA baseline

namespace edgecore::EDGECORE_ISA {

namespace {

#include "vision/vocabulary/baseline.inc"
#include "vision/vocabulary/baseline_floats.inc"

} // namespace

#include "vision/kernels.inc"

} // namespace edgecore::EDGECORE_ISA
