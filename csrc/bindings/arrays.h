// Between NumPy arrays and the plain pointers of the kernels.
#ifndef EDGECORE_BINDINGS_ARRAYS_H
#define EDGECORE_BINDINGS_ARRAYS_H

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <vector>

#include "vision/frame.h"

namespace edgecore {

// Without py::array::forcecast, and bound with .noconvert(): a wrong dtype is a TypeError.
template <typename T>
using Array = pybind11::array_t<T, 0>;

// A view of 2-D or 3-D planes whose rows are contiguous; the arrays must outlive it.
inline FrameView frame_view(const std::vector<Array<uint8_t>>& planes) {
    FrameView view{};
    view.planes = static_cast<int>(planes.size());
    for (size_t i = 0; i < planes.size() && i < kMaxPlanes; ++i) {
        const Array<uint8_t>& plane = planes[i];
        const int64_t channels = plane.ndim() > 2 ? plane.shape(2) : 1;
        view.plane[i] = {plane.data(), plane.strides(0), plane.shape(0), plane.shape(1) * channels};
    }
    return view;
}

} // namespace edgecore

#endif
