#include "vision/preprocess_batch.h"

#include <atomic>
#include <new>
#include <utility>

namespace edgecore {

PreprocessBatch::PreprocessBatch(const PreprocessPlan& plan)
    : frame_(plan.frame()), options_(plan.options()), shape_(plan.shape()), bytes_(plan.bytes()) {}

PreprocessBatch::Plan PreprocessBatch::borrow(const Region& region) {
    Plan plan;
    {
        const std::lock_guard<std::mutex> held(lending_);
        if (!idle_.empty()) {
            plan = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    if (!plan)
        return std::make_unique<PreprocessPlan>(frame_, region, options_);
    plan->move_to(region);
    return plan;
}

void PreprocessBatch::give_back(Plan plan) {
    const std::lock_guard<std::mutex> held(lending_);
    idle_.push_back(std::move(plan));
}

Status PreprocessBatch::run_one(const FrameView& frame, const Region& region,
                                uint8_t* out) noexcept {
    try {
        Plan plan = borrow(region);
        const Status status = plan->run(frame, out, bytes_);
        give_back(std::move(plan));
        return status;
    } catch (const std::bad_alloc&) {
        return Status::out_of_memory;
    }
}

Status PreprocessBatch::run(const FrameView& frame, const Region* regions, size_t count, void* out,
                            size_t bytes, ThreadPool* pool) noexcept {
    if (bytes != count * bytes_)
        return Status::wrong_output;
    std::atomic<Status> worst{Status::ok};
    const auto one = [&](int i) noexcept {
        const Status status =
            run_one(frame, regions[i], static_cast<uint8_t*>(out) + size_t{1} * i * bytes_);
        if (status != Status::ok)
            worst.store(status, std::memory_order_relaxed);
    };
    const auto tensors = static_cast<int>(count);
    if (pool)
        pool->for_each(tensors, one);
    else
        for (int i = 0; i < tensors; ++i)
            one(i);
    return worst.load(std::memory_order_relaxed);
}

} // namespace edgecore
