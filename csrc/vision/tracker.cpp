#include "vision/tracker.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgecore {

namespace {

// Least overlap of a track with a detection of high score, one of low score, and of an unconfirmed
// track with one of high score.
constexpr double kLeastHigh = 0.1;
constexpr double kLeastLow = 0.3;
constexpr double kLeastUnconfirmed = 0.2;
constexpr double kGainSteps = 16777216.0; // 2^24, of an overlap of 1

bool usable(const float* box, float confidence) {
    return std::isfinite(box[0]) && std::isfinite(box[1]) && std::isfinite(box[2]) &&
           std::isfinite(box[3]) && box[2] > box[0] && box[3] > box[1] && !std::isnan(confidence);
}

// Leaves the kMost of the highest scores, sorted by middle_x.
void arrange(std::vector<Sight>& sights) {
    if (sights.size() > Tracker::kMost) {
        const auto end = sights.begin() + static_cast<std::ptrdiff_t>(Tracker::kMost);
        std::nth_element(sights.begin(), end, sights.end(), [](const Sight& a, const Sight& b) {
            return a.confidence != b.confidence ? a.confidence > b.confidence : a.index < b.index;
        });
        sights.erase(end, sights.end());
    }
    std::sort(sights.begin(), sights.end(), [](const Sight& a, const Sight& b) {
        return a.middle_x != b.middle_x ? a.middle_x < b.middle_x : a.index < b.index;
    });
}

} // namespace

void Tracker::update(const Detected& detected, std::int64_t t_ns, std::int32_t* tracker_id) {
    std::fill_n(tracker_id, detected.n, kUntracked);
    predict(t_ns);
    collect(detected);
    follow_camera();

    choose([](const Track& track) { return track.id != 0; });
    associate(high_, kLeastHigh, t_ns, tracker_id);
    choose([&](const Track& track) { return track.id != 0 && !track.lost && !track.sighted; });
    associate(low_, kLeastLow, t_ns, tracker_id);
    choose([](const Track& track) { return track.id == 0; });
    associate(high_, kLeastUnconfirmed, t_ns, tracker_id);

    tracks_.erase(
        std::remove_if(tracks_.begin(), tracks_.end(),
                       [](const Track& track) { return !track.sighted && track.id == 0; }),
        tracks_.end());
    for (Track& track : tracks_)
        track.lost = !track.sighted;
    for (const Sight& sight : high_)
        begin(sight, t_ns, tracker_id);
}

void Tracker::clear() {
    tracks_.clear();
}

void Tracker::restore(const std::vector<Track>& tracks, std::int64_t newest_ns,
                      std::int32_t next_id) {
    tracks_ = tracks;
    newest_ns_ = newest_ns;
    next_id_ = next_id;
}

void Tracker::predict(std::int64_t t_ns) {
    if (t_ns < newest_ns_ && newest_ns_ - t_ns > options_.lost_ns)
        clear();
    const double dt_s = static_cast<double>(std::max<std::int64_t>(t_ns - newest_ns_, 0)) * 1e-9;
    newest_ns_ = t_ns;
    tracks_.erase(
        std::remove_if(tracks_.begin(), tracks_.end(),
                       [&](const Track& track) { return t_ns - track.seen_ns > options_.lost_ns; }),
        tracks_.end());
    for (Track& track : tracks_) {
        track.sighted = false;
        if (track.lost)
            track.motion.keep_size();
        track.motion.predict(dt_s);
    }
}

void Tracker::collect(const Detected& detected) {
    high_.clear();
    low_.clear();
    for (std::size_t i = 0; i < detected.n; ++i) {
        const float* box = detected.xyxy + 4 * i;
        const float confidence = detected.confidence[i];
        if (!usable(box, confidence) || confidence < options_.low_threshold)
            continue;
        const Rect rect{box[0], box[1], box[2], box[3]};
        std::vector<Sight>& kind = confidence >= options_.high_threshold ? high_ : low_;
        kind.push_back({rect, rect.middle_x(), confidence,
                        options_.class_aware ? detected.class_id[i] : 0,
                        static_cast<std::uint32_t>(i)});
    }
    arrange(high_);
    arrange(low_);
    widest_ = 0.0;
    for (const std::vector<Sight>* kind : {&high_, &low_})
        for (const Sight& sight : *kind)
            widest_ = std::max(widest_, sight.box.width());
}

void Tracker::follow_camera() {
    expected_.clear();
    for (const Track& track : tracks_) {
        if (track.lost)
            continue;
        const Rect box = track.motion.box();
        expected_.push_back({box, box.middle_x(), 0.0f, track.class_id, 0});
    }
    const Shift shift = shift_.find(expected_, high_, widest_);
    if (shift.x != 0.0 || shift.y != 0.0)
        for (Track& track : tracks_)
            track.motion.shift(shift.x, shift.y);
}

template <class Chosen>
void Tracker::choose(Chosen chosen) {
    pool_.clear();
    for (std::size_t i = 0; i < tracks_.size(); ++i)
        if (chosen(tracks_[i]))
            pool_.push_back(static_cast<std::uint32_t>(i));
}

void Tracker::associate(std::vector<Sight>& sights, double least, std::int64_t t_ns,
                        std::int32_t* tracker_id) {
    if (sights.empty() || pool_.empty())
        return;
    assignment_.start(sights.size());
    for (const std::uint32_t number : pool_) {
        assignment_.next_row();
        const Track& track = tracks_[number];
        const Rect box = track.motion.box();
        for (const Sight& sight :
             near_column(sights, box.middle_x(), 0.5 * (box.width() + widest_))) {
            if (sight.class_id != track.class_id)
                continue;
            const double excess = overlap(box, sight.box) - least;
            const double gain = excess * kGainSteps;
            if (gain >= 1.0) // of a restored track it may be no number
                assignment_.add(static_cast<std::size_t>(&sight - sights.data()),
                                static_cast<std::int32_t>(gain));
        }
    }
    assignment_.solve();
    taken_.assign(sights.size(), 0);
    for (std::size_t row = 0; row < pool_.size(); ++row) {
        const std::int32_t column = assignment_.column_of(row);
        if (column == Assignment::kNone)
            continue;
        taken_[static_cast<std::size_t>(column)] = 1;
        sight(tracks_[pool_[row]], sights[static_cast<std::size_t>(column)], t_ns, tracker_id);
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < sights.size(); ++i)
        if (!taken_[i])
            sights[kept++] = sights[i];
    sights.erase(sights.begin() + static_cast<std::ptrdiff_t>(kept), sights.end());
}

void Tracker::sight(Track& track, const Sight& seen, std::int64_t t_ns, std::int32_t* tracker_id) {
    track.motion.correct(seen.box);
    track.seen_ns = t_ns;
    track.sighted = true;
    confirm(track);
    if (track.id)
        tracker_id[seen.index] = track.id;
}

void Tracker::begin(const Sight& seen, std::int64_t t_ns, std::int32_t* tracker_id) {
    if (tracks_.size() >= kMost)
        return;
    tracks_.push_back({BoxMotion(seen.box), t_ns, 0, seen.class_id, 0, false, true});
    confirm(tracks_.back());
    if (tracks_.back().id)
        tracker_id[seen.index] = tracks_.back().id;
}

void Tracker::confirm(Track& track) {
    if (track.id || ++track.sightings < options_.min_sightings)
        return;
    track.id = next_id_;
    next_id_ = next_id_ == std::numeric_limits<std::int32_t>::max() ? 1 : next_id_ + 1;
}

} // namespace edgecore
