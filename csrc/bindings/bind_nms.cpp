#include <algorithm>
#include <cmath>
#include <optional>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "vision/dispatch.h"
#include "vision/nms.h"

namespace py = pybind11;

namespace edgecore {

namespace {

template <class T>
using Contiguous = py::array_t<T, py::array::c_style>;

// None where an argument cannot be used; which one and why is for the caller to find out.
py::object nms(const Contiguous<float>& boxes, const Contiguous<float>& scores,
               const std::optional<Contiguous<std::int64_t>>& class_id, float score_threshold,
               float iou_threshold, std::optional<std::int64_t> max_detections) {
    if (boxes.ndim() != 2 || boxes.shape(1) != 4 || scores.ndim() != 1)
        return py::none();
    const py::ssize_t n = scores.shape(0);
    if (boxes.shape(0) != n || (class_id && (class_id->ndim() != 1 || class_id->shape(0) != n)))
        return py::none();
    if (!(iou_threshold >= 0.0f && iou_threshold <= 1.0f) || std::isnan(score_threshold) ||
        max_detections.value_or(1) < 1)
        return py::none();
    const std::int64_t* classes = class_id ? class_id->data() : nullptr;
    const auto most =
        static_cast<std::size_t>(max_detections.value_or(std::max<std::int64_t>(n, 1)));
    const auto count = static_cast<std::size_t>(n);
    thread_local GreedyNms greedy; // keeps its memory from one call to the next
    bool usable = false;
    {
        py::gil_scoped_release released;
        usable = active_kernels().first_invalid_box(boxes.data(), count) == count;
        if (usable)
            greedy.run(boxes.data(), scores.data(), classes, count,
                       {score_threshold, iou_threshold, most});
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
          py::arg("iou_threshold"), py::arg("max_detections"),
          "Indices of the kept boxes, or None where an argument cannot be used.");
    m.def(
        "first_invalid_box",
        [](const Contiguous<float>& boxes) {
            return active_kernels().first_invalid_box(boxes.data(),
                                                      static_cast<std::size_t>(boxes.size()) / 4);
        },
        py::arg("boxes").noconvert());
}

} // namespace edgecore
