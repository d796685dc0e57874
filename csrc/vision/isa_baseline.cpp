// The kernels in portable C++, for what every machine of the architecture has.
#include <cstddef>
#include <cstdint>

#include "vision/dispatch.h"
#include "vision/frame.h"
#include "vision/preprocess_tables.h"

#define EDGECORE_ISA baseline

namespace edgecore::EDGECORE_ISA {

namespace {

#include "vision/vocabulary/baseline.inc"

#include "vision/preprocess.inc"

} // namespace

extern const Kernels kernels = {"baseline", &preprocess};

} // namespace edgecore::EDGECORE_ISA
