// The module edgecore._native: a table of contents. One bind_<concept>.cpp each.
#include <pybind11/pybind11.h>

#include "bindings/bind.h"

PYBIND11_MODULE(_native, m) {
    m.doc() = "Vision kernels of edgecore. Private; see edgecore.";
    edgecore::bind_frame(m);
    edgecore::bind_heads(m);
    edgecore::bind_isa(m);
    edgecore::bind_nms(m);
    edgecore::bind_nms_variants(m);
    edgecore::bind_preprocess(m);
    edgecore::bind_tracking(m);
}
