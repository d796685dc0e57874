// Pixel formats: which planes a frame has.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/bind.h"
#include "vision/frame.h"

namespace py = pybind11;

namespace edgecore {

namespace {

std::vector<std::tuple<int, int, int>> plane_shapes(const std::string& format, int width,
                                                    int height) {
    FrameGeometry geometry{PixelFormat::rgb, ColorSpace::bt601_limited, width, height};
    if (!parse(format.c_str(), &geometry.format))
        throw std::invalid_argument("unknown pixel format " + format);
    std::vector<std::tuple<int, int, int>> shapes;
    for (int plane = 0; plane < plane_count(geometry.format); ++plane) {
        const PlaneShape shape = plane_shape(geometry, plane);
        shapes.emplace_back(shape.rows, shape.columns, shape.channels);
    }
    return shapes;
}

} // namespace

void bind_frame(py::module_& m) {
    m.attr("MAX_SIDE") = kMaxSide;
    m.def("plane_shapes", &plane_shapes, py::arg("format"), py::arg("width"), py::arg("height"),
          "Rows, columns and channels of each plane.");
}

} // namespace edgecore
