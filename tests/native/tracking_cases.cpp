// Random drives through the tracker, which must do the same each time; the digest holds machines
// to one another.
#include <cmath>
#include <cstdio>
#include <vector>

#include "native/cases.h"
#include "native/drive.h"

namespace edgecore {

namespace {

constexpr int kFrames = 12;

struct Followed {
    std::vector<int32_t> ids;
    std::vector<double> boxes; // of all tracks after each frame

    bool operator==(const Followed& other) const {
        return ids == other.ids && boxes == other.boxes;
    }
};

Followed follow(const std::vector<DrivenFrame>& drive, const TrackerOptions& options) {
    Tracker tracker(options);
    Followed out;
    for (const DrivenFrame& frame : drive) {
        std::vector<int32_t> ids(frame.confidence.size());
        tracker.update(frame.detected(), frame.t_ns, ids.data());
        out.ids.insert(out.ids.end(), ids.begin(), ids.end());
        for (const Track& track : tracker.tracks()) {
            const Rect box = track.motion.box();
            out.boxes.insert(out.boxes.end(), {box.x0, box.y0, box.x1, box.y1});
        }
    }
    return out;
}

} // namespace

bool tracking_agrees(Dice& dice, int most_objects, Digest* results) {
    const std::vector<DrivenFrame> drive = make_drive(dice, most_objects, kFrames);
    const TrackerOptions options{dice.among({0.5f, 0.25f, 1.0f}), dice.among({0.0f, 0.1f, 0.25f}),
                                 dice.among({0, 100000000, 1000000000}), dice.between(1, 3),
                                 dice.one_in(2)};
    const Followed first = follow(drive, options);
    if (results) {
        results->add(first.ids);
        results->add(first.boxes);
    }
    bool fine = true;
    for (const double edge : first.boxes)
        fine = fine && std::isfinite(edge);
    if (!fine)
        std::printf("tracks have edges that are not finite\n");
    if (!(follow(drive, options) == first)) {
        fine = false;
        std::printf("tracks differ the second time\n");
    }
    return fine;
}

} // namespace edgecore
