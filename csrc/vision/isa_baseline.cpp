// The kernels in portable C++, for what every machine of the architecture has.
#include <cstddef>
#include <cstdint>
#include <limits>

#include "vision/dispatch.h"
#include "vision/frame.h"
#include "vision/nms.h"
#include "vision/preprocess_tables.h"

#define EDGECORE_ISA baseline

namespace edgecore::EDGECORE_ISA {

namespace {

#include "vision/vocabulary/baseline.inc"

#include "vision/overlap.inc"
#include "vision/preprocess.inc"
#include "vision/scan.inc"

} // namespace

extern const Kernels kernels = {
    "baseline",
    &preprocess,
    {&column_maxima<float>, &row_maxima<float>},
    {&column_maxima<int8_t>, &row_maxima<int8_t>},
    {&column_maxima<uint8_t>, &row_maxima<uint8_t>},
    &overlaps,
};

} // namespace edgecore::EDGECORE_ISA
