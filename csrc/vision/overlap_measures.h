// How much two boxes overlap, one pair at a time, in the order of operations that docs/numerics.md
// gives.
#ifndef EDGECORE_VISION_OVERLAP_MEASURES_H
#define EDGECORE_VISION_OVERLAP_MEASURES_H

namespace edgecore {

// Boxes are x0, y0, x1, y1. NaN where both are without area.
inline float iou_of(const float* kept, const float* box) noexcept {
    const float right = kept[2] < box[2] ? kept[2] : box[2];
    const float left = kept[0] > box[0] ? kept[0] : box[0];
    const float bottom = kept[3] < box[3] ? kept[3] : box[3];
    const float top = kept[1] > box[1] ? kept[1] : box[1];
    const float width = right - left > 0.0f ? right - left : 0.0f;
    const float height = bottom - top > 0.0f ? bottom - top : 0.0f;
    const float inter = width * height;
    const float kept_area = (kept[2] - kept[0]) * (kept[3] - kept[1]);
    const float area = (box[2] - box[0]) * (box[3] - box[1]);
    return inter / (kept_area + area - inter);
}

// IoU less the squared distance of the centres over the squared diagonal of the smallest box around
// both. Zheng et al. 2020, "Distance-IoU Loss", section 3.3.
inline float diou_of(const float* kept, const float* box) noexcept {
    const float across = (kept[0] + kept[2]) * 0.5f - (box[0] + box[2]) * 0.5f;
    const float down = (kept[1] + kept[3]) * 0.5f - (box[1] + box[3]) * 0.5f;
    const float width =
        (kept[2] > box[2] ? kept[2] : box[2]) - (kept[0] < box[0] ? kept[0] : box[0]);
    const float height =
        (kept[3] > box[3] ? kept[3] : box[3]) - (kept[1] < box[1] ? kept[1] : box[1]);
    const float distance = across * across + down * down;
    const float diagonal = width * width + height * height;
    return iou_of(kept, box) - distance / diagonal;
}

// A box with its middle, its sides and a turn, ready for many comparisons.
struct RotatedBox {
    double x, y, half_width, half_height, cosine, sine, area, radius;

    // x, y, width, height, and the turn in radians from the x axis towards the y axis.
    explicit RotatedBox(const float* box) noexcept;
};

// The area of both together over that of either, in float64: `box` is brought into the kept one's
// frame and cut at its four sides. NaN where both are without area.
double iou_of(const RotatedBox& kept, const RotatedBox& box) noexcept;

} // namespace edgecore

#endif
