#include <cstdlib>
#include <memory>
#include <vector>

#include "native/allocations.h"
#include "vision/preprocess.h"
#include "vision/preprocess_batch.h"

namespace edgecore {

bool preprocessing_allocates_nothing(const char* isa) {
    SeededDice dice(1);
    std::vector<uint8_t> pixels(640 * 480 * 4), out(224 * 224 * 3 * sizeof(float));
    dice.fill(&pixels);
    std::vector<std::unique_ptr<PreprocessPlan>> plans;
    std::vector<FrameView> views;
    std::vector<size_t> bytes;
    for (size_t i = 0; i < kInputs; ++i) {
        const int width = 64 + 24 * static_cast<int>(i), height = 48 + 18 * static_cast<int>(i);
        const auto format = static_cast<PixelFormat>(i % kPixelFormats);
        const FrameGeometry frame{format, ColorSpace::bt601_limited, width, height};
        PreprocessOptions options{};
        options.geometry.width = options.geometry.height = 224;
        options.geometry.quarter_turns = static_cast<int>(i % 4);
        options.interpolation = dice.pick<Interpolation>(3);
        options.chroma = dice.pick<Chroma>(2);
        options.values = {static_cast<OutputType>(i % 4), {0, 0, 0}, {1, 1, 1}, 1.0, 0, 114};
        bytes.push_back(size_of(options.values.type) * 224 * 224 * 3);
        plans.push_back(std::make_unique<PreprocessPlan>(
            frame, Region{0, 0, width * kSubpixels, height * kSubpixels}, options));
        FrameView view{};
        view.planes = plane_count(format);
        const uint8_t* at = pixels.data();
        for (int plane = 0; plane < view.planes; ++plane) {
            const PlaneShape shape = plane_shape(frame, plane);
            const auto stride = static_cast<ptrdiff_t>(shape.row_bytes());
            view.plane[plane] = {at, stride, shape.rows, shape.row_bytes()};
            at += stride * shape.rows;
        }
        views.push_back(view);
    }
    // A helper takes memory for rows of a mosaic when it first gets a piece of one, and which piece
    // that is, is chance: mosaics are counted on the caller's thread alone.
    ThreadPool pool(3);
    std::vector<std::unique_ptr<PreprocessBatch>> batches;
    for (const auto& plan : plans)
        batches.push_back(std::make_unique<PreprocessBatch>(*plan));
    return nothing_allocated("preprocessing", isa, [&](size_t i) {
        const bool is_mosaic = i % kPixelFormats >= static_cast<size_t>(PixelFormat::rggb);
        for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), is_mosaic ? nullptr : &pool})
            if (plans[i]->run(views[i], out.data(), bytes[i], threads) != Status::ok)
                std::abort();
        const Region whole = plans[i]->region();
        for (const Region& region : {whole, Region{0, 0, whole.x1 / 2, whole.y1 - 77}})
            if (batches[i]->run(views[i], &region, 1, out.data(), bytes[i], nullptr) != Status::ok)
                std::abort();
    });
}

} // namespace edgecore
