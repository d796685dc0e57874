// Boxes that a head has found, before the selection between them.
#ifndef EDGECORE_VISION_CANDIDATES_H
#define EDGECORE_VISION_CANDIDATES_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/nms.h"

namespace edgecore {

struct Corners {
    float x0, y0, x1, y1;
};

// Half the sides to each side of the centre; a negative side counts as 0.
inline Corners around(float x, float y, float width, float height) noexcept {
    const float half_width = (width < 0.0f ? 0.0f : width) * 0.5f;
    const float half_height = (height < 0.0f ? 0.0f : height) * 0.5f;
    return {x - half_width, y - half_height, x + half_width, y + half_height};
}

// The same corners; x1 not left of x0, y1 not above y0.
inline Corners ordered(float x0, float y0, float x1, float y1) noexcept {
    return {x0, y0, x1 < x0 ? x0 : x1, y1 < y0 ? y0 : y1};
}

// Columns of one length; keypoints have a fixed number of values a row, which may be 0.
struct Candidates {
    std::vector<Corners> boxes;
    std::vector<float> scores;
    std::vector<std::int64_t> class_id;
    std::vector<float> keypoints;

    void clear() {
        boxes.clear();
        scores.clear();
        class_id.clear();
        keypoints.clear();
    }

    // Leaves out a box with a coordinate that is not finite, and says so.
    bool add(const Corners& box, float score, std::int64_t class_of_box) {
        if (!(std::isfinite(box.x0) && std::isfinite(box.y0) && std::isfinite(box.x1) &&
              std::isfinite(box.y1)))
            return false;
        boxes.push_back(box);
        scores.push_back(score);
        class_id.push_back(class_of_box);
        return true;
    }
};

// Which classes there are for a caller: those listed and no others, or all but those listed.
struct ClassFilter {
    std::vector<std::uint8_t> listed; // 1 where the class of this id is
    bool allows_listed = false;

    bool allows_all() const { return listed.empty() && !allows_listed; }
    bool allows(std::int64_t class_id) const {
        const auto id = static_cast<std::uint64_t>(class_id);
        return (id < listed.size() && listed[id]) == allows_listed;
    }
};

struct Choice {
    Selection selection;
    bool class_agnostic = false; // boxes of all classes suppress each other
    bool multi_label = false;    // a candidate for each class that reaches, not for the best alone
    ClassFilter classes;
};

} // namespace edgecore

#endif
