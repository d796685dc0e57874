#include "vision/dispatch.h"

#include <atomic>
#include <cstring>

namespace edgecore {

namespace baseline {
extern const Kernels kernels;
}

namespace {

const Kernels* const kAvailable[] = {&baseline::kernels, nullptr};

std::atomic<const Kernels*> active{kAvailable[0]};

} // namespace

const Kernels* const* available_kernels() noexcept {
    return kAvailable;
}

const Kernels& active_kernels() noexcept {
    return *active.load(std::memory_order_acquire);
}

bool force_kernels(const char* isa) noexcept {
    for (const Kernels* const* set = kAvailable; *set; ++set) {
        if (std::strcmp((*set)->isa, isa) == 0) {
            active.store(*set, std::memory_order_release);
            return true;
        }
    }
    return false;
}

} // namespace edgecore
