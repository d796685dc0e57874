// The module edgecore._native: a table of contents, one bind_<concept>.inc each. They are one unit,
// as pybind11's templates cost the compiler more than all that is bound.
#include <pybind11/pybind11.h>

#include "bindings/bind_frame.inc"
#include "bindings/bind_heads.inc"
#include "bindings/bind_isa.inc"
#include "bindings/bind_nms.inc"
#include "bindings/bind_nms_variants.inc"
#include "bindings/bind_preprocess.inc"
#include "bindings/bind_tracking.inc"

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
