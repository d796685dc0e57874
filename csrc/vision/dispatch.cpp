#include "vision/dispatch.h"

#include <atomic>
#include <cstring>

#include "vision/target.h"

#if EDGECORE_X86
#    include <cpuid.h>
#elif EDGECORE_ARM64 || EDGECORE_ARM32
#    include <sys/auxv.h>
#endif

namespace edgecore {

namespace baseline {
extern const Kernels kernels;
}
#if EDGECORE_X86
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}
#endif
#if EDGECORE_ARM64 || EDGECORE_ARM32
namespace neon {
extern const Kernels kernels;
}
#endif
#if EDGECORE_ARM64
namespace neon_dotprod {
extern const Kernels kernels;
}
#endif

namespace {

#if EDGECORE_X86

// Not every compiler's __builtin_cpu_supports knows it.
bool has_f16c() noexcept {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

// The builtin asks the processor and the operating system.
bool has_avx2() noexcept {
    return __builtin_cpu_supports("avx2") && has_f16c();
}

bool has_avx512() noexcept {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vbmi");
}

#elif EDGECORE_ARM64

// Bits of the Linux ABI, spelt out because older headers lack the later one.
constexpr unsigned long kHwcapAsimd = 1UL << 1;
constexpr unsigned long kHwcapAsimdDotProd = 1UL << 20;

bool has_neon() noexcept {
    return getauxval(AT_HWCAP) & kHwcapAsimd;
}

bool has_neon_dotprod() noexcept {
    return has_neon() && (getauxval(AT_HWCAP) & kHwcapAsimdDotProd);
}

#elif EDGECORE_ARM32

constexpr unsigned long kHwcapNeon = 1UL << 12;

bool has_neon() noexcept {
    return getauxval(AT_HWCAP) & kHwcapNeon;
}

#endif

// Best first.
struct AvailableKernels {
    const Kernels* sets[kMaxKernels] = {};
    int count = 0;

    AvailableKernels() noexcept {
#if EDGECORE_X86
        __builtin_cpu_init();
        add(has_avx512(), avx512::kernels);
        add(has_avx2(), avx2::kernels);
#endif
#if EDGECORE_ARM64
        add(has_neon_dotprod(), neon_dotprod::kernels);
#endif
#if EDGECORE_ARM64 || EDGECORE_ARM32
        add(has_neon(), neon::kernels);
#endif
        add(true, baseline::kernels);
    }

    void add(bool runs_here, const Kernels& kernels) noexcept {
        if (runs_here)
            sets[count++] = &kernels;
    }
};

const AvailableKernels available;

std::atomic<const Kernels*> active{available.sets[0]};

} // namespace

const Kernels* const* available_kernels() noexcept {
    return available.sets;
}

const Kernels& active_kernels() noexcept {
    return *active.load(std::memory_order_acquire);
}

bool force_kernels(const char* isa) noexcept {
    for (const Kernels* const* set = available.sets; *set; ++set) {
        if (std::strcmp((*set)->isa, isa) == 0) {
            active.store(*set, std::memory_order_release);
            return true;
        }
    }
    return false;
}

} // namespace edgecore
