// Between NumPy arrays and the plain pointers of the kernels.
#ifndef EDGECORE_BINDINGS_ARRAYS_H
#define EDGECORE_BINDINGS_ARRAYS_H

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

namespace edgecore {

// Without py::array::forcecast, and bound with .noconvert(): a wrong dtype is a TypeError.
template <typename T>
using Array = pybind11::array_t<T, 0>;

} // namespace edgecore

#endif
