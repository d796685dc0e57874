// Objects followed from frame to frame: who is who among the boxes of a detector. Two-stage
// association after Y. Zhang et al., "ByteTrack: Multi-object tracking by associating every
// detection box" (ECCV 2022). Native because it runs for every frame; the whole definition is in
// docs/numerics.md, "Tracking".
#ifndef EDGECORE_VISION_TRACKER_H
#define EDGECORE_VISION_TRACKER_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/assignment.h"
#include "vision/box_motion.h"
#include "vision/camera_shift.h"

namespace edgecore {

struct TrackerOptions {
    float high_threshold; // detections of this score begin tracks, and meet them first
    float low_threshold;  // of this score they keep tracks that no better one fits
    std::int64_t lost_ns; // so long a track that is not seen is waited for
    int min_sightings;    // of a track until it has an id
    bool class_aware;     // an object never changes its class
};

// The columns of a detector's result, n rows.
struct Detected {
    const float* xyxy;
    const float* confidence;
    const std::int32_t* class_id;
    std::size_t n;
};

struct Track {
    BoxMotion motion;
    std::int64_t seen_ns;
    std::int32_t id; // 0: not confirmed yet
    std::int32_t class_id;
    int sightings; // counted until it is confirmed
    bool lost;     // was not seen in the frame before
    bool sighted;  // is seen in this one
};

// Keeps its memory between frames: once it has seen the largest ones, a frame allocates nothing.
class Tracker {
public:
    static constexpr std::int32_t kUntracked = -1;
    // So many tracks, and detections of high and of low score, are looked at; of more detections
    // those of the highest scores. It bounds the time of a frame.
    static constexpr std::size_t kMost = 512;

    explicit Tracker(const TrackerOptions& options) : options_(options) {}

    // Times are nanoseconds, at least 0. One that lies back by up to lost_ns counts as no time at
    // all, further back is a new scene. Boxes that are not finite or have no area, and scores of
    // NaN, are untracked. Fills n tracker ids, from 1 on, or kUntracked.
    void update(const Detected& detected, std::int64_t t_ns, std::int32_t* tracker_id);

    // Forgets all tracks; ids go on.
    void clear();

    const std::vector<Track>& tracks() const { return tracks_; }
    std::int64_t newest_ns() const { return newest_ns_; }
    std::int32_t next_id() const { return next_id_; }

    // Goes on from where another tracker of the same options was between two frames.
    void restore(const std::vector<Track>& tracks, std::int64_t newest_ns, std::int32_t next_id);

private:
    void predict(std::int64_t t_ns);
    void collect(const Detected& detected);
    void follow_camera();
    // Pairs tracks of pool_ with detections whose overlap exceeds `least`; those of the detections
    // that remain stay in `sights`.
    void associate(std::vector<Sight>& sights, double least, std::int64_t t_ns,
                   std::int32_t* tracker_id);
    void sight(Track& track, const Sight& seen, std::int64_t t_ns, std::int32_t* tracker_id);
    void begin(const Sight& seen, std::int64_t t_ns, std::int32_t* tracker_id);
    void confirm(Track& track);
    template <class Chosen>
    void choose(Chosen chosen);

    TrackerOptions options_;
    std::vector<Track> tracks_;
    std::int64_t newest_ns_ = 0;
    std::int32_t next_id_ = 1;
    std::vector<Sight> high_, low_;   // detections of the frame
    double widest_ = 0.0;             // of them
    std::vector<Sight> expected_;     // tracks of the frame before
    std::vector<std::uint32_t> pool_; // tracks that take part in an association
    std::vector<std::uint8_t> taken_; // detections that found one
    CameraShift shift_;
    Assignment assignment_;
};

} // namespace edgecore

#endif
