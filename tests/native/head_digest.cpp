// Digests of NMS and head results on fixed random input, one line an instruction set: "name
// digest". Compiled for several machines, all lines shall agree. A second pass over the same input
// shall not allocate: the last line is "allocations" and how many there were.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <vector>

#include "vision/dispatch.h"
#include "vision/head_decoder.h"
#include "vision/nms_variants.h"

namespace {

std::size_t allocations = 0;

} // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size ? size : 1))
        return memory;
    std::abort();
}

void* operator new(std::size_t size, std::align_val_t alignment) {
    ++allocations;
    const auto align = static_cast<std::size_t>(alignment);
    if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align))
        return memory;
    std::abort();
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}

namespace edgecore {

namespace {

class Random {
public:
    std::uint32_t below(std::uint32_t limit) {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::uint32_t>((state_ >> 33) % limit);
    }
    float unit() { return static_cast<float>(below(1u << 24)) * (1.0f / (1u << 24)); }

private:
    std::uint64_t state_ = 7;
};

struct Picture {
    std::vector<float> boxes, turned, scores;
    std::vector<std::int64_t> class_id;
    float iou_threshold;
};

// Of many sizes and crowds; some on whole pixels, some too small for areas to be exact.
Picture make_picture(Random& random, int number) {
    Picture made;
    const std::size_t n = 1 + random.below(number % 3 ? 300 : 2500);
    const float spread = number % 5 ? 300.0f : 3000.0f;
    const float unit = number % 7 == 3 ? 1e-19f : 1.0f;
    for (std::size_t i = 0; i < n; ++i) {
        float x = random.unit() * spread, width = random.unit() * 40.0f;
        const float y = random.unit() * spread, height = random.unit() * 40.0f;
        if (number % 4 == 0) {
            x = std::floor(x);
            width = std::floor(width / 8.0f) * 8.0f;
        }
        for (const float edge : {x, y, x + width, y + height})
            made.boxes.push_back(edge * unit);
        for (const float value : {x, y, 5.0f + width, 5.0f + height, random.unit() * 12.0f - 6.0f})
            made.turned.push_back(value);
        const float score = random.unit();
        made.scores.push_back(number % 6 ? score : std::floor(score * 20.0f) / 20.0f);
        made.class_id.push_back(random.below(3));
    }
    made.iou_threshold = static_cast<float>(number % 9) / 9.0f;
    return made;
}

struct Head {
    std::size_t anchors, classes;
    std::vector<float> reals, codes, logits;
    std::vector<std::int8_t> signed_levels;
    std::vector<std::uint8_t> levels;
    std::vector<AnchorBox> anchor_boxes;
};

Head make_head(Random& random) {
    Head made;
    made.anchors = 50 + random.below(400);
    made.classes = 1 + random.below(90);
    for (std::size_t i = 0; i < (4 + made.classes) * made.anchors; ++i) {
        const float root = random.unit();
        const float value = root * root * root * root * root * root;
        const float whole = std::floor(value * 255.0f);
        made.levels.push_back(static_cast<std::uint8_t>(whole));
        made.signed_levels.push_back(static_cast<std::int8_t>(whole - 128.0f));
        made.reals.push_back(random.below(500) ? whole / 255.0f
                                               : std::numeric_limits<float>::quiet_NaN());
    }
    for (std::size_t i = 0; i < made.anchors; ++i)
        made.anchor_boxes.push_back({0.3f, 0.4f, 0.2f, 0.1f});
    for (std::size_t i = 0; i < 4 * made.anchors; ++i)
        made.codes.push_back(random.unit() * 8.0f - 4.0f);
    for (std::size_t i = 0; i < made.classes * made.anchors; ++i)
        made.logits.push_back(random.unit() * 12.0f - 9.0f);
    return made;
}

// Fowler, Noll and Vo's hash.
class Digest {
public:
    void add(const void* data, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i)
            value_ = (value_ ^ static_cast<const unsigned char*>(data)[i]) * 1099511628211u;
    }
    template <class T>
    void add(const std::vector<T>& values) {
        add(values.data(), values.size() * sizeof(T));
    }
    unsigned long long value() const { return value_; }

private:
    std::uint64_t value_ = 14695981039346656037u;
};

// Everything that keeps memory from frame to frame.
struct Warm {
    GreedyNms greedy;
    DistanceNms distance;
    RotatedNms rotated;
    SoftNms soft;
    WeightedNms weighted;
    HeadDecoder decoder;
    std::vector<AnchoredTensors> parts;
};

void suppress(const Picture& picture, bool by_class, Warm& warm, Digest& digest) {
    const std::size_t n = picture.scores.size(), few = n < 200 ? n : 200;
    const float *boxes = picture.boxes.data(), *scores = picture.scores.data();
    const std::int64_t* class_id = by_class ? picture.class_id.data() : nullptr;
    warm.greedy.run(boxes, scores, class_id, n, {0.1f, picture.iou_threshold, n});
    digest.add(warm.greedy.kept());
    const BoundedSelection bounds{{0.01f, picture.iou_threshold, few}, 1000};
    const auto add = [&](const Selected& selected) {
        digest.add(selected.index);
        digest.add(selected.score);
        digest.add(selected.values);
    };
    add(warm.distance.run(boxes, scores, class_id, few, bounds));
    add(warm.soft.run(boxes, scores, class_id, few, bounds, {by_class, 0.5f}));
    add(warm.weighted.run(boxes, 4, scores, class_id, few, bounds));
    add(warm.rotated.run(picture.turned.data(), scores, class_id, few, bounds));
}

void decode(const Head& head, bool multi_label, Warm& warm, Digest& digest) {
    const Choice choice{{0.7f, 0.45f, 300}, false, multi_label, {}};
    const auto add = [&] {
        digest.add(warm.decoder.kept());
        for (const std::uint32_t row : warm.decoder.kept()) {
            digest.add(&warm.decoder.candidates().boxes[row], sizeof(Corners));
            digest.add(&warm.decoder.candidates().scores[row], sizeof(float));
        }
    };
    const RawTensor tensors[] = {
        {head.reals.data(), ElementType::float32, 1.0f, 0},
        {head.signed_levels.data(), ElementType::int8, 1.0f / 255.0f, -128},
        {head.levels.data(), ElementType::uint8, 1.0f / 255.0f, 0},
    };
    for (const RawTensor& tensor : tensors)
        for (const YoloOrder order : {YoloOrder::class_major, YoloOrder::anchor_major}) {
            const YoloLayout layout{order, head.anchors, head.classes, {640.0f, 480.0f}};
            warm.decoder.decode(choice, Suppression::here, [&](Candidates& found) {
                find_yolo(layout, tensor, choice, found);
            });
            add();
        }
    const AnchoredLayout layout{head.classes,
                                0,
                                Activation::sigmoid,
                                {10.0f, 10.0f, 5.0f, 5.0f, true, true, 0},
                                {300.0f, 300.0f}};
    warm.parts.assign(1, {{head.codes.data(), ElementType::float32, 1.0f, 0},
                          {head.logits.data(), ElementType::float32, 1.0f, 0},
                          head.anchors});
    warm.decoder.decode(choice, Suppression::here, [&](Candidates& found) {
        find_anchored(layout, warm.parts, head.anchor_boxes, choice, found);
    });
    add();
}

} // namespace

} // namespace edgecore

int main() {
    using namespace edgecore;
    Random random;
    std::vector<Picture> pictures;
    std::vector<Head> heads;
    for (int i = 0; i < 40; ++i) {
        pictures.push_back(make_picture(random, i));
        heads.push_back(make_head(random));
    }
    std::size_t warm_allocations = 0;
    bool agree = true;
    unsigned long long first = 0;
    for (const Kernels* const* set = available_kernels(); *set; ++set) {
        force_kernels((*set)->isa);
        Warm warm;
        Digest digest;
        for (int pass = 0; pass < 2; ++pass) {
            const std::size_t before = allocations;
            for (std::size_t i = 0; i < pictures.size(); ++i) {
                suppress(pictures[i], i % 2 == 1, warm, digest);
                decode(heads[i], i % 4 == 1, warm, digest);
            }
            if (pass == 1)
                warm_allocations += allocations - before;
        }
        std::printf("%s %016llx\n", (*set)->isa, digest.value());
        first = set == available_kernels() ? digest.value() : first;
        agree = agree && digest.value() == first;
    }
    std::printf("allocations %zu\n", warm_allocations);
    return agree && warm_allocations == 0 ? 0 : 1;
}
