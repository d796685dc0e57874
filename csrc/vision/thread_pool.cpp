#include "vision/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unistd.h>
#include <vector>

namespace edgecore {

class ThreadPool::Crew {
public:
    explicit Crew(int helpers);
    ~Crew();

    // False, and nothing done, while another caller has the crew.
    bool share(const Job& job) noexcept;

private:
    void help() noexcept;
    void take_pieces(const Job& job) noexcept;
    void dismiss() noexcept;

    std::mutex taken_; // held by the caller who is served
    std::mutex state_; // guards what follows, up to next_
    std::condition_variable begun_;
    std::condition_variable finished_;
    Job job_{};
    unsigned round_ = 0; // of the latest job
    bool open_ = false;  // helpers may still join it
    int working_ = 0;    // helpers that have
    bool dismissed_ = false;
    std::atomic<int> next_{0}; // piece of the job
    std::vector<std::thread> helpers_;
};

ThreadPool::Crew::Crew(int helpers) {
    helpers_.reserve(helpers);
    try {
        for (int i = 0; i < helpers; ++i)
            helpers_.emplace_back(&Crew::help, this);
    } catch (...) {
        dismiss();
        throw;
    }
}

ThreadPool::Crew::~Crew() {
    dismiss();
}

void ThreadPool::Crew::dismiss() noexcept {
    {
        const std::lock_guard<std::mutex> held(state_);
        dismissed_ = true;
    }
    begun_.notify_all();
    for (std::thread& helper : helpers_)
        helper.join();
}

void ThreadPool::Crew::take_pieces(const Job& job) noexcept {
    for (int i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < job.count;)
        job.call(job.piece, i);
}

void ThreadPool::Crew::help() noexcept {
    unsigned seen = 0;
    std::unique_lock<std::mutex> held(state_);
    for (;;) {
        begun_.wait(held, [&] { return dismissed_ || (open_ && round_ != seen); });
        if (dismissed_)
            return;
        seen = round_;
        ++working_;
        const Job job = job_;
        held.unlock();
        take_pieces(job);
        held.lock();
        if (--working_ == 0)
            finished_.notify_one();
    }
}

bool ThreadPool::Crew::share(const Job& job) noexcept {
    const std::unique_lock<std::mutex> mine(taken_, std::try_to_lock);
    if (!mine)
        return false;
    {
        const std::lock_guard<std::mutex> held(state_);
        job_ = job;
        next_.store(0, std::memory_order_relaxed);
        open_ = true;
        ++round_;
    }
    begun_.notify_all();
    take_pieces(job);
    std::unique_lock<std::mutex> held(state_);
    open_ = false;
    finished_.wait(held, [&] { return working_ == 0; });
    return true;
}

ThreadPool::ThreadPool(int threads) : threads_(threads), owner_(getpid()) {
    if (threads > 1)
        crew_ = std::make_unique<Crew>(threads - 1);
}

// A forked child cannot join threads it does not have, nor destroy locks they may have held: it
// leaves that memory be.
ThreadPool::~ThreadPool() {
    if (owner_ != getpid())
        static_cast<void>(crew_.release());
}

void ThreadPool::run(const Job& job) noexcept {
    if (crew_ && job.count > 1 && owner_ == getpid() && crew_->share(job))
        return;
    for (int i = 0; i < job.count; ++i)
        job.call(job.piece, i);
}

} // namespace edgecore
