// Many regions of one frame, a tensor of each: inputs of a second-stage model.
#ifndef EDGECORE_VISION_PREPROCESS_BATCH_H
#define EDGECORE_VISION_PREPROCESS_BATCH_H

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "vision/preprocess.h"
#include "vision/thread_pool.h"

namespace edgecore {

// Plans that move from region to region in the memory they have. May run in several threads at
// once.
class PreprocessBatch {
public:
    // For frames and options of this plan.
    explicit PreprocessBatch(const PreprocessPlan& plan);

    OutputType type() const noexcept { return options_.values.type; }
    PreprocessPlan::Shape shape() const noexcept { return shape_; }

    // Writes `count` tensors one after the other, each as PreprocessPlan::run, `bytes` in all. The
    // regions lie inside the frame; those of a batch are shared by the threads of the pool, where
    // there is one.
    Status run(const FrameView& frame, const Region* regions, size_t count, void* out, size_t bytes,
               ThreadPool* pool) noexcept;

private:
    using Plan = std::unique_ptr<PreprocessPlan>;

    Plan borrow(const Region& region);
    void give_back(Plan plan);
    Status run_one(const FrameView& frame, const Region& region, uint8_t* out) noexcept;

    FrameGeometry frame_;
    PreprocessOptions options_;
    PreprocessPlan::Shape shape_;
    size_t bytes_; // of a tensor
    std::mutex lending_;
    std::vector<Plan> idle_;
};

} // namespace edgecore

#endif
