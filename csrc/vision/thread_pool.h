// A few threads that share the pieces of one piece of work with the thread that asks for it.
#ifndef EDGECORE_VISION_THREAD_POOL_H
#define EDGECORE_VISION_THREAD_POOL_H

#include <memory>
#include <sys/types.h>

namespace edgecore {

// Threads are started once and sleep between calls; a call allocates nothing.
class ThreadPool {
public:
    // `threads` in all, the caller's included. Throws std::system_error where the system gives no
    // more of them, or std::bad_alloc.
    explicit ThreadPool(int threads);
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool();

    int threads() const noexcept { return threads_; }

    // Calls piece(i) once for every i below `count`, which must not throw, and returns when all are
    // done. The caller works too and waits only for pieces that are begun, never for a thread to
    // wake. While the threads serve another caller, and in a forked child, which has no copy of
    // them, the caller does all of it.
    template <typename Piece>
    void for_each(int count, const Piece& piece) noexcept {
        run({[](const void* self, int i) noexcept { (*static_cast<const Piece*>(self))(i); },
             &piece, count});
    }

private:
    struct Job {
        void (*call)(const void* piece, int index) noexcept;
        const void* piece;
        int count;
    };
    class Crew;

    void run(const Job& job) noexcept;

    int threads_;
    pid_t owner_; // the process that has the threads
    std::unique_ptr<Crew> crew_;
};

} // namespace edgecore

#endif
