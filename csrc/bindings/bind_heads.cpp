#include <algorithm>
#include <mutex>
#include <tuple>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "vision/heads.h"

namespace py = pybind11;

namespace edgecore {

namespace {

// A C-contiguous float32, int8 or uint8 array, its scale and its zero point.
using Quantized = std::tuple<py::array, float, std::int32_t>;

RawTensor raw_tensor(const Quantized& tensor) {
    const auto& [array, scale, zero_point] = tensor;
    const char kind = array.dtype().kind();
    const ElementType type = kind == 'f'   ? ElementType::float32
                             : kind == 'i' ? ElementType::int8
                                           : ElementType::uint8;
    return {array.data(), type, scale, zero_point};
}

// One decode at a time; threads wait for one another without the GIL.
class SharedDecoder {
public:
    py::tuple yolo(const Quantized& tensor, YoloOrder order, std::size_t anchors,
                   std::size_t classes, float x_scale, float y_scale, float score_threshold,
                   float iou_threshold, std::size_t max_results) {
        const RawTensor raw = raw_tensor(tensor);
        const YoloLayout layout{order, anchors, classes, x_scale, y_scale};
        return run([&] {
            decoder_.decode_yolo(layout, raw, {score_threshold, iou_threshold, max_results});
        });
    }

    py::tuple ssd(const Quantized& boxes, const Quantized& classes, const Quantized& scores,
                  std::size_t count, float width, float height, float score_threshold,
                  std::size_t max_results) {
        const SsdTensors tensors{
            raw_tensor(boxes), raw_tensor(classes), raw_tensor(scores), count, width, height};
        return run([&] { decoder_.decode_ssd(tensors, {score_threshold, 0.0f, max_results}); });
    }

private:
    template <class Decode>
    py::tuple run(Decode decode) {
        py::array_t<float> xyxy;
        py::array_t<float> confidence;
        py::array_t<std::int32_t> class_id;
        std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
        {
            py::gil_scoped_release released;
            lock.lock();
            decode();
        }
        const auto n = static_cast<py::ssize_t>(decoder_.kept().size());
        xyxy.resize({n, py::ssize_t{4}});
        confidence.resize({n});
        class_id.resize({n});
        float* box = xyxy.mutable_data();
        for (py::ssize_t i = 0; i < n; ++i) {
            const std::size_t row = decoder_.kept()[static_cast<std::size_t>(i)];
            const Candidates& found = decoder_.candidates();
            box = std::copy_n(found.boxes.data() + 4 * row, 4, box);
            confidence.mutable_data()[i] = found.scores[row];
            class_id.mutable_data()[i] = static_cast<std::int32_t>(found.class_id[row]);
        }
        return py::make_tuple(xyxy, confidence, class_id, decoder_.truncated());
    }

    std::mutex mutex_;
    HeadDecoder decoder_;
};

} // namespace

void bind_heads(py::module_& m) {
    py::enum_<YoloOrder>(m, "YoloOrder")
        .value("class_major", YoloOrder::class_major)
        .value("anchor_major", YoloOrder::anchor_major)
        .value("anchor_major_objectness", YoloOrder::anchor_major_objectness);
    py::class_<SharedDecoder>(m, "HeadDecoder")
        .def(py::init<>())
        .def("yolo", &SharedDecoder::yolo, py::arg("tensor"), py::arg("order"), py::arg("anchors"),
             py::arg("classes"), py::arg("x_scale"), py::arg("y_scale"), py::arg("score_threshold"),
             py::arg("iou_threshold"), py::arg("max_results"))
        .def("ssd", &SharedDecoder::ssd, py::arg("boxes"), py::arg("classes"), py::arg("scores"),
             py::arg("count"), py::arg("width"), py::arg("height"), py::arg("score_threshold"),
             py::arg("max_results"));
}

} // namespace edgecore
