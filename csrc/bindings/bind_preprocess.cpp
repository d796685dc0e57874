// Preprocessing plans.
#include <array>
#include <memory>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bind.h"
#include "vision/preprocess.h"

namespace py = pybind11;

namespace edgecore {

namespace {

template <typename Enum>
Enum named(const std::string& name) {
    Enum value{};
    if (!parse(name.c_str(), &value))
        throw std::invalid_argument("unknown name " + name);
    return value;
}

std::unique_ptr<PreprocessPlan>
make_plan(const std::string& format, const std::string& color, int frame_width, int frame_height,
          int width, int height, const std::string& fit, const std::string& anchor,
          const std::string& interpolation, const std::string& chroma, const std::string& channels,
          const std::string& dtype, std::array<double, 3> mean, std::array<double, 3> std,
          double scale, int zero_point, int pad_value) {
    const FrameGeometry frame{named<PixelFormat>(format), named<ColorSpace>(color), frame_width,
                              frame_height};
    PreprocessOptions options{};
    options.width = width;
    options.height = height;
    options.fit = named<Fit>(fit);
    options.anchor = named<Anchor>(anchor);
    options.interpolation = named<Interpolation>(interpolation);
    options.chroma = named<Chroma>(chroma);
    options.channels = named<ChannelOrder>(channels);
    options.type = named<OutputType>(dtype);
    for (int c = 0; c < 3; ++c) {
        options.mean[c] = mean[c];
        options.std[c] = std[c];
    }
    options.scale = scale;
    options.zero_point = zero_point;
    options.pad_value = pad_value;
    return std::make_unique<PreprocessPlan>(frame, options);
}

void run(const PreprocessPlan& plan, const std::vector<Array<uint8_t>>& planes, py::array out) {
    const FrameView frame = frame_view(planes);
    void* const data = out.mutable_data();
    const size_t bytes = out.nbytes();
    Status status;
    {
        py::gil_scoped_release released;
        status = plan.run(frame, data, bytes);
    }
    if (status == Status::wrong_planes)
        throw std::invalid_argument("planes are not those the plan was made for");
    if (status == Status::wrong_output)
        throw std::invalid_argument("output is not of the size the plan was made for");
}

} // namespace

void bind_preprocess(py::module_& m) {
    py::class_<PreprocessPlan>(m, "PreprocessPlan", "Everything but the pixels.")
        .def(py::init(&make_plan), py::kw_only(), py::arg("format"), py::arg("color"),
             py::arg("frame_width"), py::arg("frame_height"), py::arg("width"), py::arg("height"),
             py::arg("fit"), py::arg("anchor"), py::arg("interpolation"), py::arg("chroma"),
             py::arg("channels"), py::arg("dtype"), py::arg("mean"), py::arg("std"),
             py::arg("scale"), py::arg("zero_point"), py::arg("pad_value"))
        .def_property_readonly(
            "placement",
            [](const PreprocessPlan& plan) {
                const Placement& p = plan.placement();
                return std::make_tuple(p.left, p.top, p.width, p.height);
            },
            "Left, top, width and height of the picture in the model input.")
        .def("run", &run, py::arg("planes").noconvert(), py::arg("out").noconvert(),
             "Fill the contiguous array `out` from the planes of a frame.");
}

} // namespace edgecore
