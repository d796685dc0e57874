// One function per concept of the module; each lives in bind_<concept>.cpp.
#ifndef EDGECORE_BINDINGS_BIND_H
#define EDGECORE_BINDINGS_BIND_H

#include <pybind11/pybind11.h>

namespace edgecore {

void bind_frame(pybind11::module_& m);
void bind_heads(pybind11::module_& m);
void bind_isa(pybind11::module_& m);
void bind_nms(pybind11::module_& m);
void bind_nms_variants(pybind11::module_& m);
void bind_preprocess(pybind11::module_& m);
void bind_tracking(pybind11::module_& m);

} // namespace edgecore

#endif
