#include "vision/geometry.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "vision/names.h"

namespace edgecore {

namespace {

constexpr const char* kFitNames[] = {"letterbox", "stretch", "crop"};
constexpr const char* kAnchorNames[] = {"center", "top-left"};

// As Ultralytics' LetterBox: round half to even, and the odd pixel of padding goes right and below.
Placement letterbox(double width, double height, const GeometryOptions& options) noexcept {
    const double ratio = std::min(options.height / height, options.width / width);
    const auto side = [ratio](double from, int limit) {
        return static_cast<int>(std::clamp<long>(std::lrint(from * ratio), 1, limit));
    };
    Placement out{0, 0, side(width, options.width), side(height, options.height)};
    if (options.anchor == Anchor::center) {
        out.left = (options.width - out.width) / 2;
        out.top = (options.height - out.height) / 2;
    }
    return out;
}

// Half of an integer, halves to even.
int half_to_even(int value) noexcept {
    return value / 2 + (value % 4 == 3);
}

// As torchvision's Resize of the shorter side, then CenterCrop: the longer side is rounded down.
Placement crop(int64_t width, int64_t height, const GeometryOptions& options) noexcept {
    Placement out{0, 0, options.width, options.height};
    if (width * options.height > height * options.width)
        out.width = static_cast<int>(width * options.height / height);
    else
        out.height = static_cast<int>(height * options.width / width);
    if (options.anchor == Anchor::center) {
        out.left = -half_to_even(out.width - options.width);
        out.top = -half_to_even(out.height - options.height);
    }
    return out;
}

Axis axis(int64_t from, int64_t to, int offset, int picture, int limit, bool reversed) noexcept {
    const int begin = std::max(0, -offset);
    return {picture, begin, std::min(picture - begin, limit), from, to, reversed};
}

// From pixels of the model input to those of the frame, along one of the frame's sides.
class Way {
public:
    Way(const Axis& axis, int margin, int limit) noexcept
        : first_(axis.reversed ? margin + axis.picture : margin),
          scale_(static_cast<double>(axis.to - axis.from) / kSubpixels / axis.picture),
          from_(static_cast<double>(axis.from) / kSubpixels), limit_(limit),
          reversed_(axis.reversed) {}

    // The ends of a box's side, the lower one first.
    void operator()(float low, float high, float* out_low, float* out_high) const noexcept {
        *out_low = at(reversed_ ? high : low);
        *out_high = at(reversed_ ? low : high);
    }

private:
    float at(double place) const noexcept {
        const double past = reversed_ ? first_ - place : place - first_;
        const double there = past * scale_ + from_;
        return static_cast<float>(there < 0.0 ? 0.0 : there > limit_ ? limit_ : there);
    }

    double first_; // where the region begins in the model input
    double scale_;
    double from_;
    double limit_;
    bool reversed_;
};

} // namespace

bool parse(const char* name, Fit* out) noexcept {
    return find_name(kFitNames, name, out);
}
bool parse(const char* name, Anchor* out) noexcept {
    return find_name(kAnchorNames, name, out);
}

Geometry lay_out(const Region& region, const GeometryOptions& options) noexcept {
    int64_t width = region.x1 - region.x0;
    int64_t height = region.y1 - region.y0;
    Geometry out{};
    out.transposed = options.quarter_turns % 2 != 0;
    if (out.transposed)
        std::swap(width, height);

    out.placement = {0, 0, options.width, options.height};
    if (options.fit == Fit::letterbox)
        out.placement = letterbox(static_cast<double>(width) / kSubpixels,
                                  static_cast<double>(height) / kSubpixels, options);
    else if (options.fit == Fit::crop)
        out.placement = crop(width, height, options);

    // Turned right once, the first output column shows the frame's last row.
    const bool from_right = options.quarter_turns == 1 || options.quarter_turns == 2;
    const bool from_below = options.quarter_turns == 2 || options.quarter_turns == 3;
    const Placement& p = out.placement;
    const bool across = from_right != options.mirror;
    out.columns = axis(region.x0, region.x1, p.left, p.width, options.width, across);
    out.rows = axis(region.y0, region.y1, p.top, p.height, options.height, from_below);
    if (out.transposed) {
        out.columns = axis(region.x0, region.x1, p.top, p.height, options.height, from_below);
        out.rows = axis(region.y0, region.y1, p.left, p.width, options.width, across);
    }
    return out;
}

void unmap_boxes(const Geometry& geometry, const FrameGeometry& frame, const float* boxes,
                 size_t count, float* out) noexcept {
    const Placement& p = geometry.placement;
    const bool turned = geometry.transposed;
    const Way across(geometry.columns, turned ? p.top : p.left, frame.width);
    const Way down(geometry.rows, turned ? p.left : p.top, frame.height);
    for (const float* end = boxes + 4 * count; boxes != end; boxes += 4, out += 4) {
        const float box[4] = {boxes[0], boxes[1], boxes[2], boxes[3]};
        across(box[turned], box[2 + turned], out, out + 2);
        down(box[!turned], box[2 + !turned], out + 1, out + 3);
    }
}

} // namespace edgecore
