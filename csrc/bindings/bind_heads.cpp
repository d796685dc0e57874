#include <algorithm>
#include <mutex>
#include <optional>
#include <tuple>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "vision/head_decoder.h"

namespace py = pybind11;

namespace edgecore {

namespace {

// A C-contiguous float32, int8 or uint8 array, its scale and its zero point.
using Quantized = std::tuple<py::array, float, std::int32_t>;
using GridShape = std::tuple<std::size_t, std::size_t, float>;

RawTensor raw_tensor(const Quantized& tensor) {
    const auto& [array, scale, zero_point] = tensor;
    const char kind = array.dtype().kind();
    const ElementType type = kind == 'f'   ? ElementType::float32
                             : kind == 'i' ? ElementType::int8
                                           : ElementType::uint8;
    return {array.data(), type, scale, zero_point};
}

Grid grid_of(const GridShape& shape) {
    return {std::get<0>(shape), std::get<1>(shape), std::get<2>(shape)};
}

// What a raw SSD head needs beside its tensors.
struct Anchored {
    AnchoredLayout layout;
    std::vector<AnchorBox> anchors;
};

Anchored make_anchored(const py::array_t<float, py::array::c_style>& anchors, std::size_t classes,
                       std::size_t background, bool sigmoid, const std::vector<float>& coder_scale,
                       bool exponential_size, bool y_first, std::size_t keypoints, float x_scale,
                       float y_scale) {
    const BoxCoder coder{coder_scale.at(0), coder_scale.at(1), coder_scale.at(2), coder_scale.at(3),
                         exponential_size,  y_first,           keypoints};
    Anchored made{{classes,
                   background,
                   sigmoid ? Activation::sigmoid : Activation::none,
                   coder,
                   {x_scale, y_scale}},
                  {}};
    const auto rows = anchors.unchecked<2>();
    for (py::ssize_t i = 0; i < rows.shape(0); ++i)
        made.anchors.push_back({rows(i, 0), rows(i, 1), rows(i, 2), rows(i, 3)});
    return made;
}

Choice make_choice(float score_threshold, float iou_threshold, std::size_t max_results,
                   bool class_agnostic, bool multi_label, const std::vector<std::size_t>& listed,
                   bool allows_listed) {
    Choice choice{{score_threshold, iou_threshold, max_results},
                  class_agnostic,
                  multi_label,
                  {{}, allows_listed}};
    for (const std::size_t id : listed) {
        if (id >= choice.classes.listed.size())
            choice.classes.listed.resize(id + 1);
        choice.classes.listed[id] = 1;
    }
    return choice;
}

// One decode at a time; threads wait for one another without the GIL.
class SharedDecoder {
public:
    py::tuple yolo(const Quantized& tensor, YoloOrder order, std::size_t anchors,
                   std::size_t classes, float x_scale, float y_scale, const Choice& choice) {
        const RawTensor raw = raw_tensor(tensor);
        const YoloLayout layout{order, anchors, classes, {x_scale, y_scale}};
        return run(choice, Suppression::here,
                   [&](Candidates& found) { find_yolo(layout, raw, choice, found); });
    }

    py::tuple yolox(const Quantized& tensor, const std::vector<GridShape>& grids,
                    std::size_t classes, const Choice& choice) {
        const RawTensor raw = raw_tensor(tensor);
        std::vector<Grid> parts;
        for (const GridShape& shape : grids)
            parts.push_back(grid_of(shape));
        return run(choice, Suppression::here,
                   [&](Candidates& found) { find_yolox(parts, classes, raw, choice, found); });
    }

    py::tuple dfl(const std::vector<Quantized>& boxes, const std::vector<Quantized>& scores,
                  const std::vector<GridShape>& grids, std::size_t boxes_step,
                  std::size_t scores_step, std::size_t scores_start, std::size_t bins,
                  std::size_t classes, const Choice& choice) {
        std::vector<DflGrid> parts;
        for (std::size_t i = 0; i < grids.size(); ++i)
            parts.push_back({grid_of(grids[i]), raw_tensor(boxes.at(i)), boxes_step,
                             raw_tensor(scores.at(i)), scores_step, scores_start});
        return run(choice, Suppression::here,
                   [&](Candidates& found) { find_dfl(parts, bins, classes, choice, found); });
    }

    py::tuple end_to_end(const Quantized& tensor, std::size_t rows, float x_scale, float y_scale,
                         const Choice& choice) {
        const RawTensor raw = raw_tensor(tensor);
        return run(choice, Suppression::by_model, [&](Candidates& found) {
            find_end_to_end(raw, rows, {x_scale, y_scale}, choice, found);
        });
    }

    py::tuple ssd(const Quantized& boxes, const Quantized& classes, const Quantized& scores,
                  std::size_t count, float width, float height, const Choice& choice) {
        const SsdTensors tensors{
            raw_tensor(boxes), raw_tensor(classes), raw_tensor(scores), count, {width, height}};
        return run(choice, Suppression::by_model,
                   [&](Candidates& found) { find_ssd(tensors, choice, found); });
    }

    py::tuple anchored(const std::vector<Quantized>& boxes, const std::vector<Quantized>& scores,
                       const std::vector<std::size_t>& counts, const Anchored& head,
                       const Choice& choice) {
        std::vector<AnchoredTensors> parts;
        for (std::size_t i = 0; i < counts.size(); ++i)
            parts.push_back({raw_tensor(boxes.at(i)), raw_tensor(scores.at(i)), counts[i]});
        return run(
            choice, Suppression::here,
            [&](Candidates& found) {
                find_anchored(head.layout, parts, head.anchors, choice, found);
            },
            head.layout.coder.keypoints);
    }

    py::tuple cells(const Quantized& tensor, std::size_t rows, std::size_t columns,
                    std::size_t classes, float x_scale, float y_scale, bool joined,
                    const Choice& choice) {
        const RawTensor raw = raw_tensor(tensor);
        const CellLayout layout{rows, columns, classes, {x_scale, y_scale}, joined};
        return run(choice, Suppression::by_model,
                   [&](Candidates& found) { joiner_.find(layout, raw, choice, found); });
    }

    py::tuple peaks(const Quantized& heatmap, const Quantized& offset, const Quantized& size,
                    std::size_t rows, std::size_t columns, std::size_t classes, float x_scale,
                    float y_scale, bool sigmoid, bool y_first, const Choice& choice) {
        const HeatmapTensors tensors{raw_tensor(heatmap), raw_tensor(offset), raw_tensor(size)};
        const HeatmapLayout layout{rows,
                                   columns,
                                   classes,
                                   {x_scale, y_scale},
                                   sigmoid ? Activation::sigmoid : Activation::none,
                                   y_first};
        return run(choice, Suppression::by_model,
                   [&](Candidates& found) { find_peaks(layout, tensors, choice, found); });
    }

private:
    // Boxes, confidence, class ids, keypoints or None, and whether the bound left any out.
    template <class Find>
    py::tuple run(const Choice& choice, Suppression suppression, Find find,
                  std::size_t keypoints = 0) {
        std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
        {
            py::gil_scoped_release released;
            lock.lock();
            decoder_.decode(choice, suppression, find);
        }
        const Candidates& found = decoder_.candidates();
        const auto n = static_cast<py::ssize_t>(decoder_.kept().size());
        py::array_t<float> xyxy({n, py::ssize_t{4}});
        py::array_t<float> confidence(n);
        py::array_t<std::int32_t> class_id(n);
        py::object points = py::none();
        float* box = xyxy.mutable_data();
        float* score = confidence.mutable_data();
        std::int32_t* number = class_id.mutable_data();
        for (const std::uint32_t row : decoder_.kept()) {
            box = std::copy_n(&found.boxes[row].x0, 4, box);
            *score++ = found.scores[row];
            *number++ = static_cast<std::int32_t>(found.class_id[row]);
        }
        if (keypoints) {
            py::array_t<float> columns({n, static_cast<py::ssize_t>(keypoints), py::ssize_t{2}});
            float* point = columns.mutable_data();
            for (const std::uint32_t row : decoder_.kept())
                point =
                    std::copy_n(found.keypoints.data() + row * 2 * keypoints, 2 * keypoints, point);
            points = columns;
        }
        return py::make_tuple(xyxy, confidence, class_id, points, decoder_.truncated());
    }

    std::mutex mutex_;
    HeadDecoder decoder_;
    CellJoiner joiner_;
};

} // namespace

void bind_heads(py::module_& m) {
    py::enum_<YoloOrder>(m, "YoloOrder")
        .value("class_major", YoloOrder::class_major)
        .value("anchor_major", YoloOrder::anchor_major)
        .value("anchor_major_objectness", YoloOrder::anchor_major_objectness);
    py::class_<Choice>(m, "Choice")
        .def(py::init(&make_choice), py::arg("score_threshold"), py::arg("iou_threshold"),
             py::arg("max_results"), py::arg("class_agnostic"), py::arg("multi_label"),
             py::arg("listed"), py::arg("allows_listed"));
    py::class_<Anchored>(m, "Anchored")
        .def(py::init(&make_anchored), py::arg("anchors").noconvert(), py::arg("classes"),
             py::arg("background"), py::arg("sigmoid"), py::arg("coder_scale"),
             py::arg("exponential_size"), py::arg("y_first"), py::arg("keypoints"),
             py::arg("x_scale"), py::arg("y_scale"));
    py::class_<SharedDecoder>(m, "HeadDecoder")
        .def(py::init<>())
        .def("yolo", &SharedDecoder::yolo, py::arg("tensor"), py::arg("order"), py::arg("anchors"),
             py::arg("classes"), py::arg("x_scale"), py::arg("y_scale"), py::arg("choice"))
        .def("yolox", &SharedDecoder::yolox, py::arg("tensor"), py::arg("grids"),
             py::arg("classes"), py::arg("choice"))
        .def("dfl", &SharedDecoder::dfl, py::arg("boxes"), py::arg("scores"), py::arg("grids"),
             py::arg("boxes_step"), py::arg("scores_step"), py::arg("scores_start"),
             py::arg("bins"), py::arg("classes"), py::arg("choice"))
        .def("end_to_end", &SharedDecoder::end_to_end, py::arg("tensor"), py::arg("rows"),
             py::arg("x_scale"), py::arg("y_scale"), py::arg("choice"))
        .def("ssd", &SharedDecoder::ssd, py::arg("boxes"), py::arg("classes"), py::arg("scores"),
             py::arg("count"), py::arg("width"), py::arg("height"), py::arg("choice"))
        .def("anchored", &SharedDecoder::anchored, py::arg("boxes"), py::arg("scores"),
             py::arg("counts"), py::arg("head"), py::arg("choice"))
        .def("cells", &SharedDecoder::cells, py::arg("tensor"), py::arg("rows"), py::arg("columns"),
             py::arg("classes"), py::arg("x_scale"), py::arg("y_scale"), py::arg("joined"),
             py::arg("choice"))
        .def("peaks", &SharedDecoder::peaks, py::arg("heatmap"), py::arg("offset"), py::arg("size"),
             py::arg("rows"), py::arg("columns"), py::arg("classes"), py::arg("x_scale"),
             py::arg("y_scale"), py::arg("sigmoid"), py::arg("y_first"), py::arg("choice"));
}

} // namespace edgecore
