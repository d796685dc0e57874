// Preprocessing plans.
#include <array>
#include <memory>
#include <new>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bind.h"
#include "vision/preprocess.h"
#include "vision/preprocess_batch.h"

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
          std::array<int32_t, 4> region, int width, int height, const std::string& fit,
          const std::string& anchor, int quarter_turns, bool mirror,
          const std::string& interpolation, const std::string& chroma, const std::string& channels,
          const std::string& dtype, bool planar, std::array<double, 3> mean,
          std::array<double, 3> std, double scale, int zero_point, int pad_value) {
    const FrameGeometry frame{named<PixelFormat>(format), named<ColorSpace>(color), frame_width,
                              frame_height};
    const PreprocessOptions options{
        {width, height, named<Fit>(fit), named<Anchor>(anchor), quarter_turns, mirror},
        named<Interpolation>(interpolation),
        named<Chroma>(chroma),
        named<ChannelOrder>(channels),
        {named<OutputType>(dtype),
         {mean[0], mean[1], mean[2]},
         {std[0], std[1], std[2]},
         scale,
         zero_point,
         pad_value},
        planar};
    return std::make_unique<PreprocessPlan>(
        frame, Region{region[0], region[1], region[2], region[3]}, options);
}

constexpr int kNumpyHalf = 23; // no C++ type has it

// NumPy's number of a type.
int number_of(OutputType type) {
    switch (type) {
    case OutputType::uint8:
        return py::dtype::num_of<uint8_t>();
    case OutputType::int8:
        return py::dtype::num_of<int8_t>();
    case OutputType::float32:
        return py::dtype::num_of<float>();
    case OutputType::float16:
        return kNumpyHalf;
    }
    return -1;
}

void check_apart(const FrameView& frame, const void* out, size_t bytes) {
    if (overlaps(frame, out, bytes))
        throw std::invalid_argument("out must not overlap the frame's memory");
}

void check(Status status) {
    if (status == Status::wrong_planes)
        throw std::invalid_argument("planes are not those the plan was made for");
    if (status == Status::out_of_memory)
        throw std::bad_alloc();
}

/* `work` writes a tensor that shares no byte with the frame, without the GIL. */
template <typename Work>
void write_apart(const FrameView& frame, const py::object& out, const Work& work) {
    auto array = py::reinterpret_borrow<py::array>(out);
    void* const data = array.mutable_data();
    const size_t bytes = array.nbytes();
    check_apart(frame, data, bytes);
    Status status;
    {
        py::gil_scoped_release released;
        status = work(data, bytes);
    }
    check(status);
}

bool run(const PreprocessPlan& plan, const py::tuple& planes, py::object out, ThreadPool* pool) {
    const PreprocessPlan::Shape shape = plan.shape();
    if (!is_tensor(out, number_of(plan.type()), shape.side))
        return false;
    const FrameView frame = frame_view(planes);
    write_apart(frame, out,
                [&](void* data, size_t bytes) { return plan.run(frame, data, bytes, pool); });
    return true;
}

// None where `boxes` cannot be used.
py::object unmap(const PreprocessPlan& plan, const py::object& boxes) {
    using Floats = py::array_t<float, py::array::c_style>;
    if (!py::isinstance<Array<float>>(boxes))
        return py::none();
    const auto read = Floats::ensure(boxes); // a copy where they lie apart
    if (!read || read.ndim() != 2 || read.shape(1) != 4)
        return py::none();
    py::array_t<float> out({read.shape(0), py::ssize_t{4}});
    plan.unmap(read.data(), static_cast<size_t>(read.shape(0)), out.mutable_data());
    return out;
}

bool run_batch(PreprocessBatch& batch, const py::tuple& planes, const Array<int32_t>& edges,
               py::object out, ThreadPool* pool) {
    if (edges.ndim() != 2 || edges.shape(1) != 4)
        throw std::invalid_argument("regions must have shape (n, 4)");
    const auto count = static_cast<size_t>(edges.shape(0));
    if (!is_tensor(out, number_of(batch.type()), batch.shape().side, edges.shape(0)))
        return false;
    std::vector<Region> regions;
    const auto edge = edges.unchecked<2>();
    for (py::ssize_t i = 0; i < edges.shape(0); ++i)
        regions.push_back({edge(i, 0), edge(i, 1), edge(i, 2), edge(i, 3)});
    const FrameView frame = frame_view(planes);
    write_apart(frame, out, [&](void* data, size_t bytes) {
        return batch.run(frame, regions.data(), count, data, bytes, pool);
    });
    return true;
}

} // namespace

void bind_preprocess(py::module_& m) {
    m.attr("SUBPIXELS") = kSubpixels;
    py::class_<ThreadPool>(m, "ThreadPool", "Threads that share the rows of a tensor.")
        .def(py::init<int>(), py::arg("threads"), "The caller's thread is one of them.");
    py::class_<PreprocessPlan>(m, "PreprocessPlan", "Everything but the pixels.")
        .def(py::init(&make_plan), py::kw_only(), py::arg("format"), py::arg("color"),
             py::arg("frame_width"), py::arg("frame_height"), py::arg("region"), py::arg("width"),
             py::arg("height"), py::arg("fit"), py::arg("anchor"), py::arg("quarter_turns"),
             py::arg("mirror"), py::arg("interpolation"), py::arg("chroma"), py::arg("channels"),
             py::arg("dtype"), py::arg("planar"), py::arg("mean"), py::arg("std"), py::arg("scale"),
             py::arg("zero_point"), py::arg("pad_value"))
        .def("unmap", &unmap, py::arg("boxes"),
             "Boxes of the tensor, float32 (n, 4), as boxes of the frame; None if they are not "
             "such an array.")
        .def("run", &run, py::arg("planes"), py::arg("out"), py::arg("pool").none(true) = nullptr,
             "Fill the array `out` from the planes of a frame; False if it is not such an array.");
    py::class_<PreprocessBatch>(m, "PreprocessBatch", "Plans for many regions of a frame.")
        .def(py::init<const PreprocessPlan&>(), py::arg("plan"), "For its frames and options.")
        .def(
            "run", &run_batch, py::arg("planes"), py::arg("regions").noconvert(), py::arg("out"),
            py::arg("pool").none(true) = nullptr,
            "Fill the array `out` with a tensor of each region, edges in 1 / SUBPIXELS pixels that "
            "lie inside the frame; False if it is not such an array.");
}

} // namespace edgecore
