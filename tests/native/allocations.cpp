// Once warm, no frame allocates: preprocessing, heads, suppression and tracking on every
// instruction set, with operator new counted.
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "native/allocations.h"
#include "native/drive.h"
#include "native/head_case.h"
#include "native/variants.h"

namespace {

void* counted(std::size_t size, std::size_t alignment) {
    ++edgecore::allocations;
    const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
    if (void* memory = std::aligned_alloc(alignment, rounded ? rounded : alignment))
        return memory;
    std::abort();
}

} // namespace

void* operator new(std::size_t size) {
    return counted(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return counted(size, static_cast<std::size_t>(alignment));
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

bool heads_allocate_nothing(const char* isa) {
    std::vector<std::unique_ptr<HeadCase>> heads;
    for (size_t i = 0; i < kInputs; ++i) {
        SeededDice dice(i);
        heads.push_back(make_head_case(dice, 8 + 16 * static_cast<int>(i)));
    }
    HeadDecoder decoder;
    return nothing_allocated("heads", isa, [&](size_t i) {
        const HeadCase& head = *heads[i];
        decoder.decode(head.choice, head.suppression, [&](Candidates& found) { head.find(found); });
    });
}

// Few classes and many small boxes: more are kept than are compared one by one.
bool suppression_allocates_nothing(const char* isa) {
    struct Boxes {
        std::vector<float> boxes, scores;
        std::vector<int64_t> class_id;
    };
    std::vector<Boxes> inputs(kInputs);
    SeededDice dice(1);
    for (size_t i = 0; i < kInputs; ++i) {
        for (size_t box = 0; box < 1 + 200 * i; ++box) {
            const float corner[] = {static_cast<float>(dice.between(0, 999)),
                                    static_cast<float>(dice.between(0, 999))};
            for (const float side : {0.0f, 20.0f})
                for (const float edge : corner)
                    inputs[i].boxes.push_back(edge + side);
            inputs[i].scores.push_back(static_cast<float>(dice.between(0, 65535)));
            inputs[i].class_id.push_back(dice.between(0, 2));
        }
    }
    GreedyNms nms;
    return nothing_allocated("suppression", isa, [&](size_t i) {
        const Boxes& in = inputs[i];
        nms.run(in.boxes.data(), in.scores.data(), in.class_id.data(), in.scores.size(),
                {0.25f, 0.45f, in.scores.size()});
    });
}

bool variants_allocate_nothing(const char* isa) {
    std::vector<VariantInput> inputs;
    for (size_t i = 0; i < kInputs; ++i) {
        SeededDice dice(i);
        inputs.push_back(make_variant_input(dice, 1 + 8 * static_cast<int>(i)));
    }
    Variants variants;
    return nothing_allocated("variants", isa, [&](size_t i) { variants.run(inputs[i]); });
}

// All tracks at once first, as no later frame can need more.
bool tracking_allocates_nothing(const char* isa) {
    std::vector<DrivenFrame> drive(kInputs);
    SeededDice dice(1);
    for (size_t i = 0; i < kInputs; ++i) {
        for (size_t box = 0; box < (i ? 20 * i : 4 * Tracker::kMost); ++box) {
            const auto x = static_cast<float>(dice.between(0, i ? 2000 : 20));
            const auto y = static_cast<float>(dice.between(0, 40));
            drive[i].xyxy.insert(drive[i].xyxy.end(), {x, y, x + 60.0f, y + 60.0f});
            drive[i].confidence.push_back(static_cast<float>(dice.between(1, 9)) / 10.0f);
            drive[i].class_id.push_back(0);
        }
    }
    std::vector<int32_t> ids(4 * Tracker::kMost);
    Tracker tracker({0.5f, 0.1f, 1000000000, 2, true});
    int64_t t_ns = 0;
    const auto update = [&](size_t i) {
        tracker.update(drive[i].detected(), t_ns += 33333333, ids.data());
    };
    for (int warm = 0; warm < 3; ++warm)
        update(0);
    return nothing_allocated("tracking", isa, update);
}

} // namespace

} // namespace edgecore

int main() {
    bool fine = true;
    edgecore::for_each_set([&](const char* isa) {
        fine = edgecore::preprocessing_allocates_nothing(isa) && fine;
        fine = edgecore::heads_allocate_nothing(isa) && fine;
        fine = edgecore::suppression_allocates_nothing(isa) && fine;
        fine = edgecore::variants_allocate_nothing(isa) && fine;
        fine = edgecore::tracking_allocates_nothing(isa) && fine;
    });
    return !fine;
}
