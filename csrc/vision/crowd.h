// An exact index of boxes by size and place: which of many may overlap one enough.
#ifndef EDGECORE_VISION_CROWD_H
#define EDGECORE_VISION_CROWD_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/boxes.h"

namespace edgecore {

// Boxes of one class. Keeps its memory between uses.
//
// Boxes lie in levels by their longer side, which doubles from one to the next; each level is a
// grid over box centres. If IoU > t then the smaller box is at least t times as wide and as high as
// the larger one, and the intersection at least t times as wide as the wider one, so centres lie
// within (w1 + w2) / 2 - t max(w1, w2) of each other. Levels and cells that this rules out are
// skipped, with a margin far above float32 rounding; all others are tested by the plain formula.
class Crowd {
public:
    void clear();
    // `rank` is what mark() will set for this box.
    void add(const float* box, std::uint32_t rank);
    // To be called once, after the last add.
    void arrange(float iou_threshold);

    // Sets marks[rank] of each box whose IoU with this one is above the threshold.
    void mark(const float* box, std::uint8_t* marks) const;

private:
    static constexpr std::size_t kLevels = 16;
    // Boxes so small or large that areas round badly or overflow: always tested.
    static constexpr std::size_t kOdd = kLevels;
    static constexpr int kOddSize = -100;

    struct Member {
        float box[4];
        double middle_x, middle_y;
        std::uint32_t rank;
        std::uint32_t cell;
        int size; // exponent of the longer side, or kOddSize
    };

    struct Level {
        std::size_t count = 0;
        double most = 0.0;                                 // no longer side is above it
        double least = 0.0;                                // none is below it
        double x = 0.0, y = 0.0, x_end = 0.0, y_end = 0.0; // of the centres
        double cells_a_pixel = 0.0;
        std::size_t columns = 1, rows = 1;
        std::size_t first_cell = 0;
    };

    std::size_t level_of(const Member& member) const;
    void lay_out(Level& level, std::size_t first_cell) const;

    double reach(double own, double most) const;

    float iou_threshold_ = 0.0f;
    double threshold_ = 0.0; // a little below it
    double one_over_threshold_ = 0.0;
    std::vector<Member> members_;
    int largest_size_ = kOddSize;
    Level levels_[kLevels + 1];
    std::size_t used_[kLevels]; // levels that have members
    std::size_t used_count_ = 0;
    std::vector<std::uint32_t> starts_;
    std::vector<float> x0_, y0_, x1_, y1_, area_;
    std::vector<std::uint32_t> rank_;
};

} // namespace edgecore

#endif
