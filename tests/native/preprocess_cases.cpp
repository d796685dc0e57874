// Random frames, geometries and options, with and without threads. Nothing may be written outside
// the tensor.
#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include "native/cases.h"
#include "vision/preprocess.h"
#include "vision/thread_pool.h"

namespace edgecore {

namespace {

constexpr uint8_t kGuard = 0xA5;
constexpr size_t kGuardBytes = 64;

struct Picture {
    std::vector<std::vector<uint8_t>> memory;
    FrameView view{};
};

Picture make_picture(const FrameGeometry& geometry, Dice& dice) {
    Picture out;
    out.view.planes = plane_count(geometry.format);
    for (int i = 0; i < out.view.planes; ++i) {
        const PlaneShape shape = plane_shape(geometry, i);
        const int64_t stride = shape.row_bytes() + (dice.one_in(2) ? dice.between(0, 70) : 0);
        out.memory.emplace_back(static_cast<size_t>(stride * (shape.rows - 1) + shape.row_bytes()));
        dice.fill(&out.memory.back());
        const uint8_t* top = out.memory.back().data();
        const bool upwards = dice.one_in(4);
        out.view.plane[i] = {upwards ? top + stride * (shape.rows - 1) : top,
                             static_cast<ptrdiff_t>(upwards ? -stride : stride), shape.rows,
                             shape.row_bytes()};
    }
    return out;
}

Region make_region(const FrameGeometry& frame, Dice& dice) {
    Region whole{0, 0, frame.width * kSubpixels, frame.height * kSubpixels};
    if (dice.one_in(2))
        return whole;
    const int unit = dice.one_in(2) ? 1 : kSubpixels;
    const auto cut = [&](int32_t* low, int32_t* high) {
        const int size = *high / unit;
        const int a = dice.between(0, size - 1);
        *low = a * unit;
        *high = dice.between(a + 1, size) * unit;
    };
    cut(&whole.x0, &whole.x1);
    cut(&whole.y0, &whole.y1);
    return whole;
}

PreprocessOptions make_options(int largest, Dice& dice) {
    PreprocessOptions out{};
    out.geometry.width = dice.side(largest);
    out.geometry.height = dice.side(largest);
    out.geometry.fit = dice.pick<Fit>(3);
    out.geometry.anchor = dice.pick<Anchor>(2);
    out.geometry.quarter_turns = dice.between(0, 3);
    out.geometry.mirror = dice.one_in(2);
    out.interpolation = dice.pick<Interpolation>(3);
    out.chroma = dice.pick<Chroma>(2);
    out.channels = dice.pick<ChannelOrder>(3);
    out.planar = dice.one_in(2);
    const bool plain = dice.one_in(2);
    for (int c = 0; c < 3; ++c) {
        out.values.mean[c] = plain ? 0.0 : dice.between(0, 25500) / 100.0;
        out.values.std[c] = plain ? 1.0 : dice.between(1, 30000) / 100.0;
    }
    out.values.type = dice.pick<OutputType>(4);
    const bool integer =
        out.values.type == OutputType::int8 || out.values.type == OutputType::uint8;
    const int lowest = out.values.type == OutputType::int8 ? -128 : 0;
    const bool usual = !integer || dice.one_in(2);
    out.values.scale = usual ? 1.0 : dice.between(1, 2000) / 1000.0;
    out.values.zero_point = integer ? lowest + (usual ? 0 : dice.between(0, 255)) : 0;
    out.values.pad_value = dice.between(0, 255);
    return out;
}

// Output pixels that cover whole pixels, which areas sum in ways of their own.
void make_ratios_whole(FrameGeometry* frame, GeometryOptions* geometry, Dice& dice) {
    const auto divide = [&dice](int* whole, int* part) {
        *part = std::max(*whole / dice.between(1, 8), 1);
        *whole -= *whole % *part;
    };
    const bool turned = geometry->quarter_turns % 2 != 0;
    geometry->fit = Fit::stretch;
    divide(&frame->width, turned ? &geometry->height : &geometry->width);
    divide(&frame->height, turned ? &geometry->width : &geometry->height);
}

// 65 to 64 across: chroma is read at finer places than luma.
void make_chroma_finer(FrameGeometry* frame, GeometryOptions* geometry) {
    const bool turned = geometry->quarter_turns % 2 != 0;
    const int cells = std::clamp(frame->width / 65, 1, 4);
    geometry->fit = Fit::stretch;
    frame->width = 65 * cells;
    (turned ? geometry->height : geometry->width) = 64 * cells;
}

ThreadPool* pool() {
    static ThreadPool threads(3);
    return &threads;
}

} // namespace

bool preprocessing_agrees(Dice& dice, const LargestFrame& largest, Digest* results) {
    FrameGeometry frame{};
    frame.format = dice.pick<PixelFormat>(kPixelFormats);
    frame.color = dice.pick<ColorSpace>(4);
    frame.width = dice.side(largest.width);
    frame.height = dice.side(largest.height);
    PreprocessOptions options = make_options(largest.side, dice);
    if (options.interpolation == Interpolation::area && dice.one_in(2))
        make_ratios_whole(&frame, &options.geometry, dice);
    if (options.interpolation == Interpolation::bilinear && dice.one_in(8))
        make_chroma_finer(&frame, &options.geometry);
    const Region region = make_region(frame, dice);
    const Picture picture = make_picture(frame, dice);
    const PreprocessPlan plan(frame, region, options);
    const size_t channels = options.channels == ChannelOrder::gray ? 1 : 3;
    const size_t bytes = size_of(options.values.type) * channels *
                         static_cast<size_t>(options.geometry.width) *
                         static_cast<size_t>(options.geometry.height);
    // Guarded on both sides, or in a block of its very size.
    const size_t guard = dice.one_in(2) ? kGuardBytes : 0;
    const bool shared = largest.shared && dice.one_in(4);
    const auto run = [&](ThreadPool* threads) {
        std::vector<uint8_t> out(bytes + 2 * guard, kGuard);
        const Status status = plan.run(picture.view, out.data() + guard, bytes, threads);
        const auto begin = out.begin() + static_cast<ptrdiff_t>(guard);
        const auto end = begin + static_cast<ptrdiff_t>(bytes);
        const auto guarded = [](uint8_t byte) { return byte == kGuard; };
        const bool intact =
            std::all_of(out.begin(), begin, guarded) && std::all_of(end, out.end(), guarded);
        return status == Status::ok && intact ? std::vector<uint8_t>(begin, end)
                                              : std::vector<uint8_t>();
    };
    force_kernels("baseline");
    const std::vector<uint8_t> wanted = run(nullptr);
    if (results)
        results->add(wanted);
    bool fine = !wanted.empty();
    for_each_set([&](const char* isa) {
        bool same = run(nullptr) == wanted;
        bool also = true;
        if (shared) { // two callers of one pool at once
            std::thread other([&] { also = run(pool()) == wanted; });
            same &= run(pool()) == wanted;
            other.join();
        }
        if (same && also)
            return;
        fine = false;
        std::printf("%s differs from baseline: format %d, %d x %d to %d x %d\n", isa,
                    static_cast<int>(frame.format), frame.width, frame.height,
                    options.geometry.width, options.geometry.height);
    });
    return fine;
}

} // namespace edgecore
