#include <cstdint>
#include <cstring>
#include <mutex>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "bindings/bind.h"
#include "vision/tracker.h"

namespace py = pybind11;

namespace edgecore {

namespace {

template <class T>
using Contiguous = py::array_t<T, py::array::c_style>;

// One call at a time; threads wait for one another without the GIL.
class SharedTracker {
public:
    SharedTracker(float high_threshold, float low_threshold, std::int64_t lost_ns,
                  int min_sightings, bool class_aware)
        : tracker_({high_threshold, low_threshold, lost_ns, min_sightings, class_aware}) {}

    py::array_t<std::int32_t> update(const Contiguous<float>& xyxy,
                                     const Contiguous<float>& confidence,
                                     const Contiguous<std::int32_t>& class_id, std::int64_t t_ns) {
        const py::ssize_t n = confidence.size();
        py::array_t<std::int32_t> tracker_id(n);
        const Detected detected{xyxy.data(), confidence.data(), class_id.data(),
                                static_cast<std::size_t>(n)};
        std::int32_t* ids = tracker_id.mutable_data();
        {
            py::gil_scoped_release released;
            const std::lock_guard<std::mutex> lock(mutex_);
            tracker_.update(detected, t_ns, ids);
        }
        return tracker_id;
    }

    void clear() {
        py::gil_scoped_release released;
        const std::lock_guard<std::mutex> lock(mutex_);
        tracker_.clear();
    }

    // Ids, boxes and whether each is lost, of the confirmed tracks.
    py::tuple tracks() {
        std::vector<Track> confirmed;
        {
            py::gil_scoped_release released;
            const std::lock_guard<std::mutex> lock(mutex_);
            for (const Track& track : tracker_.tracks())
                if (track.id)
                    confirmed.push_back(track);
        }
        const auto n = static_cast<py::ssize_t>(confirmed.size());
        py::array_t<std::int32_t> id(n);
        py::array_t<double> xyxy({n, py::ssize_t{4}});
        py::array_t<bool> lost(n);
        for (py::ssize_t i = 0; i < n; ++i) {
            const Track& track = confirmed[static_cast<std::size_t>(i)];
            const Rect box = track.motion.box();
            id.mutable_at(i) = track.id;
            lost.mutable_at(i) = track.lost;
            xyxy.mutable_at(i, 0) = box.x0;
            xyxy.mutable_at(i, 1) = box.y0;
            xyxy.mutable_at(i, 2) = box.x1;
            xyxy.mutable_at(i, 3) = box.y1;
        }
        return py::make_tuple(id, xyxy, lost);
    }

    // Newest time, next id, and of each track: id, class, time seen, sightings, lost; value,
    // velocity, variance, covariance, variance of velocity of x, y, width and height.
    py::tuple state() {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto n = static_cast<py::ssize_t>(tracker_.tracks().size());
        py::array_t<std::int64_t> whole({n, kWhole});
        py::array_t<double> motion({n, kMotion});
        for (py::ssize_t i = 0; i < n; ++i) {
            const Track& track = tracker_.tracks()[static_cast<std::size_t>(i)];
            std::int64_t* row = whole.mutable_data(i, 0);
            row[0] = track.id;
            row[1] = track.class_id;
            row[2] = track.seen_ns;
            row[3] = track.sightings;
            row[4] = track.lost;
            const BoxMotion::Axes axes = track.motion.axes();
            std::memcpy(motion.mutable_data(i, 0), axes.data(), sizeof axes);
        }
        return py::make_tuple(tracker_.newest_ns(), tracker_.next_id(), whole, motion);
    }

    void restore(std::int64_t newest_ns, std::int32_t next_id,
                 const Contiguous<std::int64_t>& whole, const Contiguous<double>& motion) {
        std::vector<Track> tracks;
        for (py::ssize_t i = 0; i < whole.shape(0); ++i) {
            const std::int64_t* row = whole.data(i, 0);
            BoxMotion::Axes axes;
            std::memcpy(axes.data(), motion.data(i, 0), sizeof axes);
            tracks.push_back({BoxMotion(axes), row[2], static_cast<std::int32_t>(row[0]),
                              static_cast<std::int32_t>(row[1]), static_cast<int>(row[3]),
                              row[4] != 0, false});
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        tracker_.restore(tracks, newest_ns, next_id);
    }

private:
    static constexpr py::ssize_t kWhole = 5, kMotion = 20;
    static_assert(sizeof(BoxMotion::Axes) == kMotion * sizeof(double), "doubles alone");

    std::mutex mutex_;
    Tracker tracker_;
};

py::array_t<std::int32_t> assign(const Contiguous<std::int32_t>& gains) {
    Assignment assignment;
    assignment.start(static_cast<std::size_t>(gains.shape(1)));
    for (py::ssize_t row = 0; row < gains.shape(0); ++row) {
        assignment.next_row();
        for (py::ssize_t column = 0; column < gains.shape(1); ++column)
            if (gains.at(row, column) > 0)
                assignment.add(static_cast<std::size_t>(column), gains.at(row, column));
    }
    assignment.solve();
    py::array_t<std::int32_t> columns(gains.shape(0));
    for (py::ssize_t row = 0; row < gains.shape(0); ++row)
        columns.mutable_at(row) = assignment.column_of(static_cast<std::size_t>(row));
    return columns;
}

} // namespace

void bind_tracking(py::module_& m) {
    py::class_<SharedTracker>(m, "Tracker")
        .def(py::init<float, float, std::int64_t, int, bool>(), py::arg("high_threshold"),
             py::arg("low_threshold"), py::arg("lost_ns"), py::arg("min_sightings"),
             py::arg("class_aware"))
        .def("update", &SharedTracker::update, py::arg("xyxy").noconvert(),
             py::arg("confidence").noconvert(), py::arg("class_id").noconvert(), py::arg("t_ns"))
        .def("clear", &SharedTracker::clear)
        .def("tracks", &SharedTracker::tracks)
        .def("state", &SharedTracker::state)
        .def("restore", &SharedTracker::restore, py::arg("newest_ns"), py::arg("next_id"),
             py::arg("whole").noconvert(), py::arg("motion").noconvert());
    m.def("assign", &assign, py::arg("gains").noconvert(),
          "The column of each row, -1 for none, of the pairing of largest total gain.");
}

} // namespace edgecore
