// Pixel formats: which planes a frame has, and where.
#include <algorithm>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bind.h"
#include "vision/frame.h"

namespace py = pybind11;

namespace edgecore {

namespace {

// The planes of a kind of frame, and views of memory that holds them without gaps.
class FrameLayout {
public:
    FrameLayout(const std::string& format, int width, int height) : bytes_(0) {
        FrameGeometry geometry{PixelFormat::rgb, ColorSpace::bt601_limited, width, height};
        if (!parse(format.c_str(), &geometry.format))
            throw std::invalid_argument("unknown pixel format " + format);
        for (int i = 0; i < plane_count(geometry.format); ++i) {
            planes_.push_back({plane_shape(geometry, i), bytes_});
            bytes_ += planes_[i].shape.rows * planes_[i].shape.row_bytes();
        }
    }

    std::vector<std::tuple<int, int, int>> shapes() const {
        std::vector<std::tuple<int, int, int>> out;
        for (const PackedPlane& plane : planes_)
            out.emplace_back(plane.shape.rows, plane.shape.columns, plane.shape.channels);
        return out;
    }

    py::object packed(const py::object& data) const {
        if (!py::isinstance<Array<uint8_t>>(data))
            return py::none();
        const auto array = py::reinterpret_borrow<py::array>(data);
        if (!(array.flags() & py::array::c_style) || array.size() < bytes_ || !holds(array))
            return py::none();
        py::tuple views(planes_.size());
        for (size_t i = 0; i < planes_.size(); ++i)
            views[i] = view(planes_[i], array);
        return views;
    }

private:
    struct PackedPlane {
        PlaneShape shape;
        int64_t begin; // bytes from the first one of the frame
    };

    // Flat, or rows of the first plane's length, or the very shape of the only plane.
    bool holds(const py::array& array) const {
        const PlaneShape& first = planes_[0].shape;
        if (array.ndim() == 1)
            return true;
        if (planes_.size() > 1)
            return array.ndim() == 2 && array.shape(1) == first.row_bytes();
        const py::ssize_t sides[] = {first.rows, first.columns, first.channels};
        return array.ndim() == (first.channels > 1 ? 3 : 2) &&
               std::equal(sides, sides + array.ndim(), array.shape());
    }

    static py::array view(const PackedPlane& plane, const py::array& whole) {
        const PlaneShape& shape = plane.shape;
        const auto* const data = static_cast<const uint8_t*>(whole.data()) + plane.begin;
        if (shape.channels == 1)
            return Array<uint8_t>({shape.rows, shape.columns}, data, whole);
        return Array<uint8_t>({shape.rows, shape.columns, shape.channels}, data, whole);
    }

    std::vector<PackedPlane> planes_;
    int64_t bytes_;
};

} // namespace

void bind_frame(py::module_& m) {
    m.attr("MAX_SIDE") = kMaxSide;
    py::class_<FrameLayout>(m, "FrameLayout", "The planes of frames of one format and size.")
        .def(py::init<const std::string&, int, int>(), py::arg("format"), py::arg("width"),
             py::arg("height"))
        .def_property_readonly("shapes", &FrameLayout::shapes,
                               "Rows, columns and channels of each plane.")
        .def("packed", &FrameLayout::packed, py::arg("data"),
             "Views of the planes in a C-contiguous uint8 array that has them without gaps, flat "
             "or in the frame's own shape; None for anything else.");
}

} // namespace edgecore
