#include "vision/heads.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "vision/dispatch.h"

namespace edgecore {

namespace {

// What raw elements of type T mean, and the least raw level that reaches a threshold.
template <class T>
struct Raw {
    using Level = int;
    const T* data;
    float scale;
    int zero_point;

    explicit Raw(const RawTensor& tensor)
        : data(static_cast<const T*>(tensor.data)), scale(tensor.scale),
          zero_point(tensor.zero_point) {}
    float real(int level) const { return static_cast<float>(level - zero_point) * scale; }
    float at(std::size_t i) const { return real(data[i]); }
    Level level_of(float threshold) const {
        int level = std::numeric_limits<T>::min();
        while (level <= std::numeric_limits<T>::max() && !(real(level) >= threshold))
            ++level;
        return level;
    }
};

template <>
struct Raw<float> {
    using Level = float;
    const float* data;

    explicit Raw(const RawTensor& tensor) : data(static_cast<const float*>(tensor.data)) {}
    float at(std::size_t i) const { return data[i]; }
    Level level_of(float threshold) const { return threshold; }
};

template <class T>
constexpr T lowest() {
    if constexpr (std::numeric_limits<T>::has_infinity)
        return -std::numeric_limits<T>::infinity();
    else
        return std::numeric_limits<T>::lowest();
}

template <class T>
const Reaching<T>& reaching(const Kernels& kernels) {
    if constexpr (std::is_same_v<T, float>)
        return kernels.reaching_float32;
    else if constexpr (std::is_same_v<T, std::int8_t>)
        return kernels.reaching_int8;
    else
        return kernels.reaching_uint8;
}

// The first of `count` elements `step` apart that is the largest; NaN loses against everything.
template <class T>
std::size_t first_largest(const T* values, std::size_t step, std::size_t count) {
    std::size_t at = 0;
    T best = lowest<T>();
    for (std::size_t i = 0; i < count; ++i)
        if (values[i * step] > best) {
            best = values[i * step];
            at = i;
        }
    return at;
}

Corners from_centre(const YoloLayout& layout, float x, float y, float width, float height) {
    const float centre_x = x * layout.x_scale;
    const float centre_y = y * layout.y_scale;
    const float half_width = (width < 0.0f ? 0.0f : width) * layout.x_scale * 0.5f;
    const float half_height = (height < 0.0f ? 0.0f : height) * layout.y_scale * 0.5f;
    return {centre_x - half_width, centre_y - half_height, centre_x + half_width,
            centre_y + half_height};
}

template <class Use>
void with_type(ElementType type, Use use) {
    switch (type) {
    case ElementType::float32:
        use(float{});
        break;
    case ElementType::int8:
        use(std::int8_t{});
        break;
    case ElementType::uint8:
        use(std::uint8_t{});
        break;
    }
}

float real_at(const RawTensor& tensor, std::size_t i) {
    float value = 0.0f;
    with_type(tensor.type, [&](auto zero) { value = Raw<decltype(zero)>(tensor).at(i); });
    return value;
}

// Anchors a pass of the scanning kernels covers: their scores stay in the nearest cache.
constexpr std::size_t kSpan = 64;

// Calls use(anchor) for every anchor that a bit of the masks of scan(first, count) stands for.
template <class Scan, class Use>
void for_each_reaching(std::size_t anchors, Scan scan, Use use) {
    for (std::size_t start = 0; start < anchors;) {
        // The last span ends with the anchors, so it may repeat a part of the one before.
        const std::size_t count = std::min(kSpan, anchors);
        const std::size_t first = std::min(start, anchors - count);
        std::uint64_t found = scan(first, count) >> (start - first);
        for (; found; found &= found - 1)
            use(start + static_cast<std::size_t>(__builtin_ctzll(found)));
        start = first + count;
    }
}

template <class T>
void scan_class_major(const YoloLayout& layout, const RawTensor& tensor, float score_threshold,
                      Candidates& candidates) {
    const Raw<T> raw(tensor);
    const auto level = raw.level_of(score_threshold);
    if (level > std::numeric_limits<T>::max())
        return;
    const std::size_t stride = layout.anchors;
    const T* scores = raw.data + 4 * stride;
    const auto columns = reaching<T>(active_kernels()).columns;
    for_each_reaching(
        layout.anchors,
        [&](std::size_t first, std::size_t count) {
            return columns(scores + first, stride, layout.classes, count, static_cast<T>(level));
        },
        [&](std::size_t anchor) {
            const std::size_t class_id = first_largest(scores + anchor, stride, layout.classes);
            const Corners box =
                from_centre(layout, raw.at(anchor), raw.at(stride + anchor),
                            raw.at(2 * stride + anchor), raw.at(3 * stride + anchor));
            candidates.add(box, raw.at((4 + class_id) * stride + anchor),
                           static_cast<std::int64_t>(class_id));
        });
}

template <class T>
void scan_anchor_major(const YoloLayout& layout, const RawTensor& tensor, float score_threshold,
                       Candidates& candidates) {
    const Raw<T> raw(tensor);
    const auto level = raw.level_of(score_threshold);
    if (level > std::numeric_limits<T>::max())
        return;
    const std::size_t stride = 4 + layout.classes;
    const auto rows = reaching<T>(active_kernels()).rows;
    for_each_reaching(
        layout.anchors,
        [&](std::size_t first, std::size_t count) {
            return rows(raw.data + first * stride + 4, stride, count, layout.classes,
                        static_cast<T>(level));
        },
        [&](std::size_t anchor) {
            const std::size_t row = anchor * stride;
            const std::size_t class_id = first_largest(raw.data + row + 4, 1, layout.classes);
            const Corners box =
                from_centre(layout, raw.at(row), raw.at(row + 1), raw.at(row + 2), raw.at(row + 3));
            candidates.add(box, raw.at(row + 4 + class_id), static_cast<std::int64_t>(class_id));
        });
}

template <class T>
void scan_objectness(const YoloLayout& layout, const RawTensor& tensor, float score_threshold,
                     Candidates& candidates) {
    const Raw<T> raw(tensor);
    const auto level = raw.level_of(score_threshold);
    const std::size_t stride = 5 + layout.classes;
    for (std::size_t row = 0; row < layout.anchors * stride; row += stride) {
        if (!(raw.data[row + 4] >= level))
            continue;
        const std::size_t class_id = first_largest(raw.data + row + 5, 1, layout.classes);
        const float score = raw.at(row + 4) * raw.at(row + 5 + class_id);
        if (!(score >= score_threshold))
            continue;
        const Corners box =
            from_centre(layout, raw.at(row), raw.at(row + 1), raw.at(row + 2), raw.at(row + 3));
        candidates.add(box, score, static_cast<std::int64_t>(class_id));
    }
}

} // namespace

void Candidates::clear() {
    boxes.clear();
    scores.clear();
    class_id.clear();
}

void Candidates::add(const Corners& box, float score, std::int64_t class_of_box) {
    if (!(std::isfinite(box.x0) && std::isfinite(box.y0) && std::isfinite(box.x1) &&
          std::isfinite(box.y1)))
        return;
    boxes.insert(boxes.end(), {box.x0, box.y0, box.x1, box.y1});
    scores.push_back(score);
    class_id.push_back(class_of_box);
}

void HeadDecoder::select(const Selection& selection) {
    nms_.run(candidates_.boxes.data(), candidates_.scores.data(), candidates_.class_id.data(),
             candidates_.scores.size(), selection);
}

void HeadDecoder::decode_yolo(const YoloLayout& layout, const RawTensor& tensor,
                              const Selection& selection) {
    candidates_.clear();
    with_type(tensor.type, [&](auto zero) {
        using T = decltype(zero);
        switch (layout.order) {
        case YoloOrder::class_major:
            scan_class_major<T>(layout, tensor, selection.score_threshold, candidates_);
            break;
        case YoloOrder::anchor_major:
            scan_anchor_major<T>(layout, tensor, selection.score_threshold, candidates_);
            break;
        case YoloOrder::anchor_major_objectness:
            scan_objectness<T>(layout, tensor, selection.score_threshold, candidates_);
            break;
        }
    });
    select(selection);
}

void HeadDecoder::decode_ssd(const SsdTensors& tensors, const Selection& selection) {
    candidates_.clear();
    for (std::size_t i = 0; i < tensors.count; ++i) {
        const float score = real_at(tensors.scores, i);
        const float class_id = std::nearbyint(real_at(tensors.classes, i));
        if (!(score >= selection.score_threshold) || !(std::fabs(class_id) < 2147483648.0f))
            continue;
        const float y0 = real_at(tensors.boxes, 4 * i) * tensors.height;
        const float x0 = real_at(tensors.boxes, 4 * i + 1) * tensors.width;
        const float y1 = real_at(tensors.boxes, 4 * i + 2) * tensors.height;
        const float x1 = real_at(tensors.boxes, 4 * i + 3) * tensors.width;
        candidates_.add({x0, y0, x1 < x0 ? x0 : x1, y1 < y0 ? y0 : y1}, score,
                        static_cast<std::int64_t>(class_id));
    }
    Selection ranked = selection;
    ranked.iou_threshold = std::numeric_limits<float>::infinity();
    select(ranked);
}

} // namespace edgecore
