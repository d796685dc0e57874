// Random frames, geometries and options: every instruction set must give the bits of baseline, with
// and without threads, and write nothing outside the tensor. Frames lie in blocks of exactly their
// size, for AddressSanitizer.
//
//     preprocess_parity [seed] [count]
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "vision/dispatch.h"
#include "vision/preprocess.h"

using namespace edgecore;

namespace {

constexpr uint8_t kGuard = 0xA5;
constexpr size_t kGuardBytes = 64;

class Dice {
public:
    explicit Dice(uint64_t seed) : engine_(seed) {}

    int between(int low, int high) { // both included
        return low + static_cast<int>(engine_() % static_cast<uint64_t>(high - low + 1));
    }
    // Mostly small, sometimes up to `high`.
    int side(int high) { return between(1, between(0, 3) ? 96 : high); }
    bool one_in(int n) { return between(1, n) == 1; }
    template <typename T>
    T pick(int count) {
        return static_cast<T>(between(0, count - 1));
    }
    void fill(std::vector<uint8_t>* bytes) {
        const bool extremes = one_in(4);
        for (uint8_t& byte : *bytes)
            byte = extremes ? (engine_() & 1 ? 255 : 0) : static_cast<uint8_t>(engine_());
    }

private:
    std::mt19937_64 engine_;
};

struct Picture {
    std::vector<std::vector<uint8_t>> memory;
    FrameView view{};
};

Picture make_picture(const FrameGeometry& geometry, Dice* dice) {
    Picture out;
    out.view.planes = plane_count(geometry.format);
    for (int i = 0; i < out.view.planes; ++i) {
        const PlaneShape shape = plane_shape(geometry, i);
        const int64_t stride = shape.row_bytes() + (dice->one_in(2) ? dice->between(0, 70) : 0);
        out.memory.emplace_back(static_cast<size_t>(stride * (shape.rows - 1) + shape.row_bytes()));
        dice->fill(&out.memory.back());
        const uint8_t* top = out.memory.back().data();
        const bool upwards = dice->one_in(4);
        out.view.plane[i] = {upwards ? top + stride * (shape.rows - 1) : top,
                             static_cast<ptrdiff_t>(upwards ? -stride : stride), shape.rows,
                             shape.row_bytes()};
    }
    return out;
}

Region make_region(const FrameGeometry& frame, Dice* dice) {
    Region whole{0, 0, frame.width * kSubpixels, frame.height * kSubpixels};
    if (dice->one_in(2))
        return whole;
    const int unit = dice->one_in(2) ? 1 : kSubpixels;
    const auto cut = [&](int32_t* low, int32_t* high) {
        const int size = *high / unit;
        const int a = dice->between(0, size - 1);
        *low = a * unit;
        *high = dice->between(a + 1, size) * unit;
    };
    cut(&whole.x0, &whole.x1);
    cut(&whole.y0, &whole.y1);
    return whole;
}

PreprocessOptions make_options(Dice* dice) {
    PreprocessOptions out{};
    out.geometry = {dice->side(300),       dice->side(300),     dice->pick<Fit>(3),
                    dice->pick<Anchor>(2), dice->between(0, 3), dice->one_in(2)};
    out.interpolation = dice->pick<Interpolation>(3);
    out.chroma = dice->pick<Chroma>(2);
    out.channels = dice->pick<ChannelOrder>(3);
    out.planar = dice->one_in(2);
    const bool plain = dice->one_in(2);
    for (int c = 0; c < 3; ++c) {
        out.values.mean[c] = plain ? 0.0 : dice->between(0, 25500) / 100.0;
        out.values.std[c] = plain ? 1.0 : dice->between(1, 30000) / 100.0;
    }
    out.values.type = dice->pick<OutputType>(4);
    out.values.scale = 1.0;
    out.values.zero_point = out.values.type == OutputType::int8 ? -128 : 0;
    out.values.pad_value = dice->between(0, 255);
    return out;
}

bool agree(uint64_t seed, ThreadPool* pool) {
    Dice dice(seed);
    const FrameGeometry frame{dice.pick<PixelFormat>(kPixelFormats), dice.pick<ColorSpace>(4),
                              dice.side(2000), dice.side(1200)};
    const Picture picture = make_picture(frame, &dice);
    const Region region = make_region(frame, &dice);
    const PreprocessOptions options = make_options(&dice);
    const PreprocessPlan plan(frame, region, options);
    const size_t channels = options.channels == ChannelOrder::gray ? 1 : 3;
    const size_t bytes = size_of(options.values.type) * channels *
                         static_cast<size_t>(options.geometry.width) *
                         static_cast<size_t>(options.geometry.height);
    const auto run = [&](ThreadPool* threads) {
        std::vector<uint8_t> out(bytes + 2 * kGuardBytes, kGuard);
        const Status status = plan.run(picture.view, out.data() + kGuardBytes, bytes, threads);
        const auto guarded = [](uint8_t byte) { return byte == kGuard; };
        const bool intact = std::all_of(out.begin(), out.begin() + kGuardBytes, guarded) &&
                            std::all_of(out.end() - kGuardBytes, out.end(), guarded);
        if (status != Status::ok || !intact)
            out.clear();
        return out;
    };
    force_kernels("baseline");
    const std::vector<uint8_t> wanted = run(nullptr);
    bool fine = !wanted.empty();
    for (const Kernels* const* set = available_kernels(); *set; ++set) {
        force_kernels((*set)->isa);
        bool same = run(nullptr) == wanted;
        bool also = false;
        std::thread caller([&] { also = run(pool) == wanted; }); // two callers at once
        same &= run(pool) == wanted;
        caller.join();
        if (same && also)
            continue;
        fine = false;
        std::printf("seed %" PRIu64 ": %s differs from baseline: format %d, %d x %d to %d x %d\n",
                    seed, (*set)->isa, static_cast<int>(frame.format), frame.width, frame.height,
                    options.geometry.width, options.geometry.height);
    }
    return fine;
}

} // namespace

int main(int argc, char** argv) {
    const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
    const uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000;
    std::printf("sets:");
    for (const Kernels* const* set = available_kernels(); *set; ++set)
        std::printf(" %s", (*set)->isa);
    ThreadPool pool(3);
    uint64_t failures = 0;
    for (uint64_t i = 0; i < count; ++i)
        failures += !agree(seed + i, &pool);
    std::printf("\n%" PRIu64 " of %" PRIu64 " frames differ\n", failures, count);
    return failures != 0;
}
