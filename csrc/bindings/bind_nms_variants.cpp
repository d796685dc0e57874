#include <algorithm>
#include <optional>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "vision/nms_variants.h"

namespace py = pybind11;

namespace edgecore {

namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Integers = std::optional<py::array_t<std::int64_t, py::array::c_style>>;

template <class T, class Source>
py::array_t<T> array_of(const std::vector<Source>& values) {
    py::array_t<T> out(static_cast<py::ssize_t>(values.size()));
    std::copy(values.begin(), values.end(), out.mutable_data());
    return out;
}

// Runs a suppression, whose memory each thread keeps, without the GIL. Returns indices, scores, the
// variant's values and whether a bound was hit.
template <class Nms, class... More>
py::tuple select(const Floats& boxes, const Floats& scores, const Integers& class_id,
                 const BoundedSelection& bounds, More... more) {
    thread_local Nms nms;
    const auto n = static_cast<std::size_t>(scores.size());
    const std::int64_t* classes = class_id ? class_id->data() : nullptr;
    const Selected* selected = nullptr;
    {
        py::gil_scoped_release released;
        selected = &nms.run(boxes.data(), scores.data(), classes, n, bounds, more...);
    }
    return py::make_tuple(array_of<std::int64_t>(selected->index), array_of<float>(selected->score),
                          array_of<float>(selected->values), selected->truncated);
}

// The four-argument form of WeightedNms, whose rows may be longer than a box.
struct BlendedNms {
    WeightedNms nms;

    const Selected& run(const float* rows, const float* scores, const std::int64_t* class_id,
                        std::size_t n, const BoundedSelection& bounds, std::size_t width) {
        return nms.run(rows, width, scores, class_id, n, bounds);
    }
};

} // namespace

void bind_nms_variants(py::module_& m) {
    py::class_<BoundedSelection>(m, "BoundedSelection")
        .def(py::init([](float score_threshold, float iou_threshold, std::size_t max_results,
                         std::size_t max_candidates) {
                 return BoundedSelection{{score_threshold, iou_threshold, max_results},
                                         max_candidates};
             }),
             py::arg("score_threshold"), py::arg("iou_threshold"), py::arg("max_results"),
             py::arg("max_candidates"));
    m.def("diou_nms", &select<DistanceNms>, py::arg("boxes").noconvert(),
          py::arg("scores").noconvert(), py::arg("class_id").noconvert().none(true),
          py::arg("bounds"));
    m.def("rotated_nms", &select<RotatedNms>, py::arg("boxes").noconvert(),
          py::arg("scores").noconvert(), py::arg("class_id").noconvert().none(true),
          py::arg("bounds"));
    m.def(
        "soft_nms",
        [](const Floats& boxes, const Floats& scores, const Integers& class_id,
           const BoundedSelection& bounds, bool gaussian, float sigma) {
            return select<SoftNms>(boxes, scores, class_id, bounds, SoftDecay{gaussian, sigma});
        },
        py::arg("boxes").noconvert(), py::arg("scores").noconvert(),
        py::arg("class_id").noconvert().none(true), py::arg("bounds"), py::arg("gaussian"),
        py::arg("sigma"));
    m.def(
        "weighted_nms",
        [](const Floats& rows, const Floats& scores, const Integers& class_id,
           const BoundedSelection& bounds) {
            return select<BlendedNms>(rows, scores, class_id, bounds,
                                      static_cast<std::size_t>(rows.shape(1)));
        },
        py::arg("rows").noconvert(), py::arg("scores").noconvert(),
        py::arg("class_id").noconvert().none(true), py::arg("bounds"));
}

} // namespace edgecore
