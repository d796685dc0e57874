// What kernels may include: headers come before a target region opens, never inside it.
#ifndef EDGECORE_VISION_KERNEL_HEADERS_H
#define EDGECORE_VISION_KERNEL_HEADERS_H

#include <cstddef>
#include <cstdint>
#include <limits>

#include "vision/boxes.h"
#include "vision/dispatch.h"
#include "vision/frame.h"
#include "vision/half.h"
#include "vision/mosaic.h"
#include "vision/nms.h"
#include "vision/preprocess_tables.h"
#include "vision/target.h"

#endif
