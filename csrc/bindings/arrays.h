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
inline FrameView frame_view(const pybind11::tuple& planes) {
    FrameView view{};
    for (const pybind11::handle item : planes) {
        if (!pybind11::isinstance<Array<uint8_t>>(item))
            throw pybind11::type_error("planes must be uint8 arrays");
        const auto plane = pybind11::reinterpret_borrow<pybind11::array>(item);
        const int64_t channels = plane.ndim() > 2 ? plane.shape(2) : 1;
        if (view.planes < kMaxPlanes && plane.ndim() >= 2)
            view.plane[view.planes] = {static_cast<const uint8_t*>(plane.data()), plane.strides(0),
                                       plane.shape(0), plane.shape(1) * channels};
        ++view.planes;
    }
    return view;
}

// Whether an object is a writable, aligned, C-contiguous array of this type, of `count` tensors of
// these sides; a lone one needs no 1 before them.
inline bool is_tensor(const pybind11::object& object, int type, const int (&sides)[3],
                      pybind11::ssize_t count = 1) {
    using pybind11::detail::npy_api;
    if (!pybind11::isinstance<pybind11::array>(object))
        return false;
    const auto array = pybind11::reinterpret_borrow<pybind11::array>(object);
    constexpr int wanted = npy_api::NPY_ARRAY_C_CONTIGUOUS_ | npy_api::NPY_ARRAY_ALIGNED_ |
                           npy_api::NPY_ARRAY_WRITEABLE_;
    if ((array.flags() & wanted) != wanted || array.dtype().num() != type)
        return false;
    const auto extra = array.ndim() - 3;
    if (extra == 0 ? count != 1 : extra != 1 || array.shape(0) != count)
        return false;
    for (int i = 0; i < 3; ++i)
        if (array.shape(i + extra) != sides[i])
            return false;
    return true;
}

} // namespace edgecore

#endif
