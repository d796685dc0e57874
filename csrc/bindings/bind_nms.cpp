#include <algorithm>
#include <optional>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/bind.h"
#include "vision/dispatch.h"
#include "vision/nms.h"

namespace py = pybind11;

namespace edgecore {

namespace {

using Floats = Array<float>;
using Integers = Array<std::int64_t>;

// Sizes are the caller's to check.
py::object nms(const Floats& boxes, const Floats& scores, const std::optional<Integers>& class_id,
               float score_threshold, float iou_threshold, std::size_t max_results) {
    const std::int64_t* classes = class_id ? class_id->data() : nullptr;
    const auto n = static_cast<std::size_t>(scores.size());
    thread_local GreedyNms greedy; // keeps its memory from one call to the next
    bool usable = false;
    {
        py::gil_scoped_release released;
        usable = active_kernels().first_invalid_box(boxes.data(), n) == n;
        if (usable)
            greedy.run(boxes.data(), scores.data(), classes, n,
                       {score_threshold, iou_threshold, max_results});
    }
    if (!usable)
        return py::none();
    py::array_t<std::int64_t> kept(static_cast<py::ssize_t>(greedy.kept().size()));
    std::copy(greedy.kept().begin(), greedy.kept().end(), kept.mutable_data());
    return kept;
}

} // namespace

void bind_nms(py::module_& m) {
    m.def("nms", &nms, py::arg("boxes").noconvert(), py::arg("scores").noconvert(),
          py::arg("class_id").noconvert().none(true), py::arg("score_threshold"),
          py::arg("iou_threshold"), py::arg("max_results"),
          "Indices of the kept boxes, or None where a box is none.");
    m.def(
        "first_invalid_box",
        [](const Floats& boxes) {
            return active_kernels().first_invalid_box(boxes.data(),
                                                      static_cast<std::size_t>(boxes.size()) / 4);
        },
        py::arg("boxes").noconvert());
}

} // namespace edgecore
